"""What every command shares: its options, the configuration it works with, and how it answers."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.config import Configuration, ConfigurationError, load_everything
from bridge.model.phone import PhoneNumber, read_number
from bridge.rules.rows import Matrix
from bridge.store.engine import Store
from bridge.store.migrate import migrate, schema_state
from bridge.store.revision import SchemaState

T = TypeVar("T")
WANTING = 1
MISUSE = 2

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

ConfigPath = Annotated[
    Path,
    typer.Option(
        "--config", "-c", metavar="PATH", envvar="BRIDGE_CONFIG", show_envvar=True, help="The bridge.toml to use."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
DEFAULT_PATH = Path("bridge.toml") if Path("bridge.toml").exists() else Path("/etc/bridge/bridge.toml")


def loaded(path: Path, *, as_json: bool, secrets: bool = False) -> tuple[Configuration, Matrix]:
    """The configuration and its matrix, or every problem on the terminal and exit status 1.

    `secrets`: the command needs them; others work for people who may not see the daemon's environment.
    """
    try:
        return load_everything(path, needs_secrets=secrets)
    except ConfigurationError as error:
        if as_json:
            print_json({"good": False, "problems": [_as_dict(problem) for problem in error.problems]})
        else:
            for problem in error.problems:
                err.print(Text(str(problem), style="red"), soft_wrap=True)
            err.print(f"{len(error.problems)} problem(s), nothing was started", markup=False)
        raise typer.Exit(WANTING) from None


def _as_dict(problem: Any) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in ("file", "line", "key", "value", "remedy")}


def with_store(configuration: Configuration, work: Callable[[Store], Awaitable[T]]) -> T:
    """Work beside a running daemon, or on a store that nobody has used yet."""

    async def go() -> T:
        url, data_dir = configuration.store_url, configuration.data_dir
        if await schema_state(url, data_dir) is SchemaState.EMPTY:
            await migrate(url, data_dir)
        store = await Store.open(url, data_dir=data_dir, alone=False)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(go())


def number_of(text: str, configuration: Configuration) -> PhoneNumber:
    """The number in this spelling, or exit status 2."""
    found = read_number(text, configuration.company.country)
    if not isinstance(found, PhoneNumber):
        misuse(f"{text!r} is no telephone number that could call or be called")
    return found


def answer(value: dict[str, Any], told: str, as_json: bool) -> None:
    """Answer with the value or, for people, with what is told."""
    if as_json:
        print_json(value)
    else:
        out.print(told, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Answer with JSON, for programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Answer with a table, for people."""
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
    out.print(table)


def json_is_asked() -> bool:
    """Whether the command line asks for JSON, wherever we are in it."""
    return "--json" in sys.argv


def fail(message: str, *, as_json: bool = False) -> NoReturn:
    """Found wanting: say why and exit with status 1."""
    if as_json:
        print_json({"error": message})
    else:
        err.print(Text(message, style="red"), soft_wrap=True)
    raise SystemExit(WANTING)


def misuse(message: str) -> NoReturn:
    """Misused: say how it is used and exit with status 2."""
    if json_is_asked():
        print_json({"error": message})
    else:
        err.print(Text(message, style="red"), soft_wrap=True)
    raise SystemExit(MISUSE)
