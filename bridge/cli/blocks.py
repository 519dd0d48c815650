"""`bridge block`: the blocked list."""

from typing import Annotated, Any

import typer

from bridge.cli.frame import (
    DEFAULT_PATH,
    WANTING,
    AsJson,
    ConfigPath,
    answer,
    fail,
    loaded,
    number_of,
    print_json,
    print_table,
    with_store,
)
from bridge.flow.clock import Clock
from bridge.model.moment import iso
from bridge.store.blocked import block, blocked_numbers, blocking, unblock
from bridge.store.engine import Store

commands = typer.Typer(no_args_is_help=True, help="The blocked list: these numbers touch nothing.")


@commands.command("add", epilog="Example: bridge block add '+44 7700 900666' --reason 'robot calls'")
def block_add(
    number: Annotated[str, typer.Argument(help="In any spelling.")],
    reason: Annotated[str | None, typer.Option(help="Why; shown on the page.")] = None,
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> None:
    """Block a number from now on, under every spelling, in either direction."""
    configuration, _ = loaded(config, as_json=as_json)
    wanted = number_of(number, configuration)
    if wanted.e164 in configuration.company.own_numbers:
        fail(f"{wanted.e164} is a number of the company itself; it is never a client anyway", as_json=as_json)

    async def add(store: Store) -> bool:
        async with store.writing() as conn:
            return await block(conn, wanted, now=Clock().now(), reason=reason, added_by="bridge block add")

    added = with_store(configuration, add)
    answer(
        {"number": wanted.e164, "added": added},
        f"{wanted.e164}: {'blocked' if added else 'was blocked already'}",
        as_json,
    )


@commands.command("remove", epilog="Example: bridge block remove '+44 7700 900666'")
def block_remove(
    number: Annotated[str, typer.Argument(help="In any spelling.")],
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> None:
    """Lift the block from a number."""
    configuration, _ = loaded(config, as_json=as_json)
    wanted = number_of(number, configuration)

    async def remove(store: Store) -> bool:
        async with store.writing() as conn:
            return await unblock(conn, wanted)

    removed = with_store(configuration, remove)
    if configuration.company.blocks(wanted):
        fail(f"{wanted.e164} is blocked in bridge.toml; take it out of [policy] blocked_numbers there", as_json=as_json)
    if not removed:
        fail(f"{wanted.e164} is not blocked", as_json=as_json)
    answer({"number": wanted.e164, "removed": True}, f"{wanted.e164}: no longer blocked", as_json)


@commands.command("list", epilog="Example: bridge block list --json")
def block_list(config: ConfigPath = DEFAULT_PATH, as_json: AsJson = False) -> None:
    """Name every blocked number, those of the configuration too."""
    configuration, _ = loaded(config, as_json=as_json)

    async def read(store: Store) -> list[dict[str, Any]]:
        async with store.reading() as conn:
            return [
                {"number": entry.number, "reason": entry.reason, "added_at": iso(entry.added_at), "from": "run time"}
                for entry in await blocked_numbers(conn)
            ]

    found = with_store(configuration, read)
    found += [
        {"number": n, "reason": None, "added_at": None, "from": "bridge.toml"}
        for n in configuration.company.blocked_numbers()
    ]
    print_json(found) if as_json else print_table(("number", "reason", "added_at", "from"), found)


@commands.command("test", epilog="Example: bridge block test 07700900666")
def block_test(
    number: Annotated[str, typer.Argument(help="In any spelling.")],
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> None:
    """Tell whether calls of this number would be ignored; exit status 1 if they would not."""
    configuration, _ = loaded(config, as_json=as_json)
    wanted = number_of(number, configuration)

    async def look(store: Store) -> str | None:
        async with store.reading() as conn:
            entry = await blocking(conn, wanted)
            return None if entry is None else entry.number

    by = with_store(configuration, look)
    if by is None and configuration.company.blocks(wanted):
        by = "bridge.toml"
    told = f"{wanted.e164}: " + ("not blocked" if by is None else f"blocked (by {by})")
    answer({"number": wanted.e164, "blocked": by is not None, "by": by}, told, as_json)
    raise typer.Exit(0 if by is not None else WANTING)
