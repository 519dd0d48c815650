"""`bridge replay`: handles again what could not be read, handled or delivered."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.progress import Progress
from rich.text import Text

from bridge.app.daemon import replay_beside
from bridge.cli.frame import (
    DEFAULT_PATH,
    WANTING,
    AsJson,
    ConfigPath,
    err,
    loaded,
    misuse,
    out,
    print_json,
    with_store,
)
from bridge.config.values import read_duration
from bridge.flow.clock import Clock
from bridge.flow.replay import AT_ONCE, Replay, Replayed, Wanted
from bridge.model.moment import Instant, from_iso
from bridge.store.engine import Store

commands = typer.Typer()

LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One kind of failure: how it is called, how its ids are found, and how it is handled again."""

    name: str
    ids: Callable[[Replay, Wanted], Awaitable[list[int]]]
    again: Callable[..., Awaitable[Replayed]]


KINDS = (
    _Kind(name="quarantined", ids=Replay.quarantined_ids, again=Replay.quarantined),
    _Kind(name="failed", ids=Replay.failed_ids, again=Replay.failed),
    _Kind(name="dead", ids=Replay.dead_ids, again=Replay.dead),
)


@commands.command(name="replay", epilog="Example: bridge replay --dead --since 2d --dry-run")
def replay_failures(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="Only these; with exactly one of the three kinds.")
    ] = None,
    quarantined: Annotated[bool, typer.Option("--quarantined", help="Bodies that nobody could read.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Events that broke while they were handled.")] = False,
    dead: Annotated[bool, typer.Option("--dead", help="Effects that a CRM did not take.")] = False,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only what failed since: 30m, 2h, 3d, or 2026-11-22T10:00:00Z.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, tell what would be done.")] = False,
    config: ConfigPath = DEFAULT_PATH,
    as_json: AsJson = False,
) -> None:
    """Handle again what could not be read, handled or delivered: everything, or what is asked for.

    Works beside a running daemon, which takes it up within some seconds. Exit status 1 if something still cannot be
    read.
    """
    asked = {"quarantined": quarantined, "failed": failed, "dead": dead}
    kinds = [kind for kind in KINDS if asked[kind.name]] or list(KINDS)
    wanted = Wanted(ids=_numbers(ids, kinds), since=None if since is None else _moment(since, Clock().now()))
    configuration, _ = loaded(config, as_json=as_json)

    async def work(store: Store) -> dict[str, Replayed]:
        replay = replay_beside(configuration, store)
        return {kind.name: await _all(replay, kind, wanted, dry=dry_run, quiet=as_json) for kind in kinds}

    done = with_store(configuration, work)
    missing = sorted(set(wanted.ids or ()) - {id_ for each in done.values() for id_ in _seen(each)})
    print_json(_plain(done, missing, dry=dry_run)) if as_json else _tell(done, missing, dry=dry_run)
    raise typer.Exit(WANTING if missing or any(each.refused for each in done.values()) else 0)


def _numbers(ids: Sequence[str] | None, kinds: Sequence[_Kind]) -> list[int] | None:
    if not ids:
        return None
    if len(kinds) != 1:
        misuse("an id needs to be told what it is of: --quarantined, --failed or --dead")
    wrong = [text for text in ids if not (text.isascii() and text.isdecimal() and 0 < int(text) <= LARGEST_ID)]
    if wrong:
        misuse(f"{wrong[0]!r} is no id; GET /v1/quarantine, /v1/events and /v1/outbox show them")
    return [int(text) for text in ids]


def _moment(text: str, now: Instant) -> Instant:
    with suppress(ValueError):
        return now - read_duration(text)
    try:
        return from_iso(text.strip())
    except ValueError:
        misuse(f"--since {text!r}: write 30m, 2h or 3d, or a moment as 2026-11-22T10:00:00Z")


async def _all(replay: Replay, kind: _Kind, wanted: Wanted, *, dry: bool, quiet: bool) -> Replayed:
    ids = await kind.ids(replay, wanted)
    again: list[int] = []
    refused: list[tuple[int, str]] = []
    with Progress(console=err, transient=True, disable=quiet or len(ids) <= AT_ONCE) as progress:
        bar = progress.add_task(kind.name, total=len(ids))
        for start in range(0, len(ids), AT_ONCE):
            piece = ids[start : start + AT_ONCE]
            done = await kind.again(replay, piece, dry=dry)
            again += done.again
            refused += done.refused
            progress.advance(bar, len(piece))
    return Replayed(again=tuple(again), refused=tuple(refused))


def _seen(replayed: Replayed) -> list[int]:
    return [*replayed.again, *(id_ for id_, _ in replayed.refused)]


def _plain(done: dict[str, Replayed], missing: Sequence[int], *, dry: bool) -> dict[str, Any]:
    kinds = {
        name: {"replayed": list(each.again), "refused": [{"id": id_, "problem": why} for id_, why in each.refused]}
        for name, each in done.items()
    }
    return {"dry_run": dry, "missing": list(missing), **kinds}


def _tell(done: dict[str, Replayed], missing: Sequence[int], *, dry: bool) -> None:
    word = "would be replayed" if dry else "replayed"
    for name, each in done.items():
        out.print(f"{name}: {len(each.again)} {word}", markup=False)
        for id_, why in each.refused:
            err.print(Text(f"{name} {id_}: {why}", style="red"), soft_wrap=True)
    for id_ in missing:
        err.print(Text(f"{id_}: nothing with this id waits for a person", style="red"), soft_wrap=True)
