"""`bridge explain` and `bridge simulate`: calls told and calls played."""

import asyncio
from random import SystemRandom  # noqa: TID251 # here chance enters
from typing import Annotated, Any

import typer
from rich.text import Text

from bridge.app.simulation import simulated_company, simulated_hook
from bridge.cli.frame import (
    DEFAULT_PATH,
    AsJson,
    ConfigPath,
    fail,
    loaded,
    misuse,
    out,
    print_json,
    with_store,
)
from bridge.flow.clock import Clock
from bridge.sources.simulator import PushRefused, push_all
from bridge.store.engine import Store
from bridge.web.explanation import EXPLANATION, Explanation, explain
from bridge.wire.simulation import NAMES, simulated_call

commands = typer.Typer()


@commands.command(name="explain", epilog="Example: bridge explain 7f3k2m9q0x4ab")
def explain_call(
    call_id: Annotated[str, typer.Argument(help="The call's id, as the page and the API show it.")],
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> None:
    """Tell a call's story: what was seen, which scenario matched, and why the others did not."""
    configuration, matrix = loaded(config, as_json=as_json)

    async def look(store: Store) -> Explanation | None:
        async with store.reading() as conn:
            return await explain(conn, call_id, configuration.company, matrix)

    story = with_store(configuration, look)
    if story is None:
        fail(f"no call has the id {call_id}; the ids are in GET /v1/calls and on the page", as_json=as_json)
    told = EXPLANATION.json(story, configuration.company)
    if as_json:
        print_json(told)
    else:
        _tell(told)


@commands.command(name="simulate", epilog="Example: bridge simulate missed --to http://127.0.0.1:8080/hooks/demo")
def simulate_call(
    name: Annotated[str | None, typer.Argument(help="Which call; --list names them.")] = None,
    config: ConfigPath = DEFAULT_PATH,
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The hook to push to; else the first webhook of the configuration."),
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="BRIDGE_SIMULATE_TOKEN", help="The hook's token; else the configured one.")
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Name the calls that there are.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play a named call against a running bridge, over real HTTP."""
    if show_list:
        print_json(list(NAMES)) if as_json else out.print("\n".join(NAMES))
        return
    if name is None or name not in NAMES:
        misuse(f"name a call: {', '.join(NAMES)}" if name is None else f"no call {name!r}; known: {', '.join(NAMES)}")
    configuration, _ = loaded(config, as_json=as_json, secrets=token is None)
    hook = simulated_hook(configuration)
    if hook is None and to is None:
        fail("the configuration has no webhook of the generic dialect; name one with --to", as_json=as_json)
    url, known_token = hook if hook is not None else ("", None)
    pushes = simulated_call(name, SystemRandom(), Clock().now(), simulated_company(configuration))
    told: list[str] = []

    def tell(what: str) -> None:
        told.append(what)
        if not as_json:
            out.print(what, markup=False, soft_wrap=True)

    try:
        asyncio.run(push_all(pushes, url=to or url, token=token or known_token, clock=Clock(), tell=tell))
    except PushRefused as refused:
        fail(str(refused), as_json=as_json)
    if as_json:
        print_json({"pushed": told})


def _tell(story: dict[str, Any]) -> None:
    call = story["call"]
    who = call["client_number"] or call["raw_number"] or "hidden number"
    out.print(
        Text(f"{call['direction']} call, {who}, {call['started_at']}: {call['outcome'] or 'in progress'}", style="bold")
    )
    for leg in story["timeline"]:
        name = leg["employee_id"] or "unknown"
        out.print(f"  {leg['from']}  {leg['party']} ({name}) {leg['kind']} {leg['result'] or ''}", markup=False)
    for candidate in story["candidates"]:
        out.print(
            f"  known before: {candidate['kind']} {candidate['title']} ({candidate['status'] or 'contact'})",
            markup=False,
        )
    for decision in story["decisions"]:
        out.print()
        out.print(
            Text(f"{decision['occasion']} at {decision['decided_at']}: ", style="bold green"),
            Text(f"{decision['scenario'] or 'no row matched'} {decision['title']}", style="bold green"),
            sep="",
        )
        for reason in decision["reasons"]:
            out.print(f"  because {reason}", markup=False, soft_wrap=True)
        for effect in decision["effects"]:
            out.print(f"  did: {effect['text']}", markup=False, soft_wrap=True)
        for refusal in decision["refusals"]:
            out.print(
                f"  not {refusal['scenario']}: {refusal['condition']}, found {refusal['found']}",
                markup=False,
                style="dim",
                soft_wrap=True,
            )
