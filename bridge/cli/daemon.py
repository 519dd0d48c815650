"""`bridge run`, `check`, `config`, `migrate`, `backup`: the daemon and what it stands on."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from bridge import log
from bridge.app.daemon import run_daemon
from bridge.app.trials import try_connections, try_store
from bridge.cli.frame import (
    DEFAULT_PATH,
    WANTING,
    AsJson,
    ConfigPath,
    answer,
    err,
    loaded,
    misuse,
    out,
    print_json,
)
from bridge.cli.moves import move_store
from bridge.store.backups import backup as back_up
from bridge.store.migrate import migrate as migrate_store
from bridge.wire.simulation import NAMES

commands = typer.Typer()


@commands.command(epilog="Example: bridge run --config /etc/bridge/bridge.toml")
def run(
    config: ConfigPath = DEFAULT_PATH,
    simulate: Annotated[
        str | None, typer.Option(metavar="NAME", help="Also push this simulated call (or `day`) over HTTP, for a demo.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log details, too.")] = False,
    as_json: AsJson = False,  # noqa: ARG001 # every command has it; the daemon's log is JSON by itself off a terminal
) -> None:
    """The daemon. SIGTERM finishes what is begun and stops, SIGHUP reads the configuration again."""
    log.set_up(verbose=verbose)
    if simulate is not None and simulate not in NAMES:
        misuse(f"no simulated call is named {simulate!r}; known: {', '.join(NAMES)}")
    configuration, matrix = loaded(config, as_json=False, secrets=True)
    run_daemon(configuration, matrix, simulate=simulate)


@commands.command(epilog="Example: bridge check --config bridge.toml --connect")
def check(
    config: ConfigPath = DEFAULT_PATH,
    connect: Annotated[
        bool, typer.Option("--connect", help="Also look at the store, log in to every source and ask the CRM.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate configuration and scenarios: every problem at once, with line and remedy."""
    configuration, _ = loaded(config, as_json=as_json, secrets=True)
    store = asyncio.run(try_store(configuration)) if connect else None
    tried = asyncio.run(try_connections(configuration)) if connect else {}
    good = all(trial.good for trial in (*tried.values(), *([store] if store else [])))
    if as_json:
        print_json(
            {
                "good": good,
                "problems": [],
                "warnings": list(configuration.warnings),
                "connections": [
                    {"source": source, "good": trial.good, "detail": trial.detail} for source, trial in tried.items()
                ],
            }
            | ({} if store is None else {"store": {"good": store.good, "detail": store.detail}})
        )
    else:
        for warning in configuration.warnings:
            err.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
        for source, trial in [*([("store", store)] if store else []), *tried.items()]:
            style, word = ("green", "connected") if trial.good else ("red", "refused")
            out.print(Text(f"{source}: {word}: {trial.detail}", style=style), soft_wrap=True)
        if good:
            out.print(Text(f"{config}: good", style="green"))
    raise typer.Exit(0 if good else WANTING)


@commands.command(name="config", epilog="Example: bridge config --config bridge.toml --json")
def show_config(config: ConfigPath = DEFAULT_PATH, as_json: AsJson = False) -> None:
    """Print the effective configuration, defaults filled in, secrets masked."""
    masked = loaded(config, as_json=as_json)[0].masked()
    if as_json:
        print_json(masked)
        return
    for section, content in masked.items():
        for part in content if isinstance(content, list) else [content]:
            out.print(Text(f"[[{section}]]" if isinstance(content, list) else f"[{section}]", style="bold"))
            for key, value in part.items():
                out.print(f"{key} = {json.dumps(value, ensure_ascii=False)}", markup=False, soft_wrap=True)
            out.print()


@commands.command(epilog="Example: bridge migrate --to postgresql://bridge@db.example/bridge")
def migrate(
    config: ConfigPath = DEFAULT_PATH,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Move everything from the configured store to this empty one. Its password comes from $PGPASSWORD "
            "or ~/.pgpass. After an interruption the same command goes on.",
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="With --to: copy nothing, compare both by counts and checksums.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the store's tables to this version, or move the store to another database; stop the daemon first."""
    configuration, _ = loaded(config, as_json=as_json)
    if to is not None:
        move_store(configuration, to, verify=verify, as_json=as_json)
        return
    if verify:
        misuse("--verify compares the store with another one; name it with --to")
    before, after = asyncio.run(migrate_store(configuration.store_url, configuration.data_dir))
    told = f"the store is at revision {after}" + ("" if before == after else f" (was {before or 'empty'})")
    answer({"before": before, "after": after}, told, as_json)


@commands.command(epilog="Example: bridge backup /var/backups/bridge-2026-11-22.db")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes; it must not exist.")],
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> None:
    """Copy the embedded store as it is now, while the daemon works. Putting it back: docs/how-to/backup.md."""
    configuration, _ = loaded(config, as_json=as_json)
    columns = (TextColumn("copying"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=as_json or not err.is_terminal) as progress:
        bar = progress.add_task("copying")

        def tell(done: int, total: int) -> None:
            progress.update(bar, completed=min(done, total), total=total)

        size = asyncio.run(back_up(configuration.store_url, configuration.data_dir, file.absolute(), tell))
    answer({"file": str(file.absolute()), "bytes": size}, f"{file}: {size} bytes, complete and on the disk", as_json)
