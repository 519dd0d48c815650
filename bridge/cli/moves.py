"""`bridge migrate --to`: the whole store moves to another database."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from bridge.cli.frame import WANTING, err, fail, misuse, out, print_json
from bridge.config import Configuration
from bridge.store.moving import Outcome, Stage, Step, move, verify

_DOINGS = {Stage.COPY: "copying", Stage.COMPARE: "comparing"}
_GO_ON = "the same command goes on where it stopped"


def move_store(configuration: Configuration, to: str, *, verify: bool, as_json: bool) -> None:
    """Move the configured store to the one at this URL, or only compare them; exit status 1 if they differ."""
    if urlsplit(to).password is not None:
        misuse("every user of this machine can read a command line; take the password out of --to and set PGPASSWORD")
    try:
        outcome = _watched(configuration, to, only_compare=verify, shows=err.is_terminal and not as_json)
    except KeyboardInterrupt:
        kept = "nothing was changed" if verify else f"what was copied is kept, {_GO_ON}"
        fail(f"interrupted; {kept}", as_json=as_json)
    if as_json:
        print_json(_as_dict(outcome, to))
    else:
        _tell(outcome, to, moved=not verify)
    if outcome.differences:
        raise SystemExit(WANTING)


def _watched(configuration: Configuration, to: str, *, only_compare: bool, shows: bool) -> Outcome:
    """Do it, with a bar on the terminal if somebody looks."""
    work = verify if only_compare else move
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RowsPerSecond(),
        TimeRemainingColumn(),
        console=err,
        disable=not shows,
    ) as progress:
        bars = {stage: progress.add_task(doing, total=None, visible=False) for stage, doing in _DOINGS.items()}

        def told(step: Step) -> None:
            doing = f"{_DOINGS[step.stage]} {step.table}"
            progress.update(bars[step.stage], completed=step.done, total=step.total, description=doing, visible=True)

        return asyncio.run(work(configuration.store_url, to, configuration.data_dir, told))


class _RowsPerSecond(ProgressColumn):
    """How fast it goes."""

    def render(self, task: Task) -> Text:
        """The column."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} rows/s")


def _as_dict(outcome: Outcome, to: str) -> dict[str, Any]:
    return {
        "equal": not outcome.differences,
        "resumed": outcome.resumed,
        "to": to,
        "tables": [
            {"name": name, "rows": found.rows, "checksum": f"{found.checksum:032x}"}
            for name, found in outcome.sums.items()
        ],
        "differences": [
            {
                "name": different.table,
                "rows": different.target.rows,
                "checksum": f"{different.target.checksum:032x}",
            }
            for different in outcome.differences
        ],
        "copied_again": list(outcome.again),
        "nul_replaced": dict(outcome.without_nul),
    }


def _tell(outcome: Outcome, to: str, *, moved: bool) -> None:
    for different in outcome.differences:
        err.print(Text(str(different), style="red"), soft_wrap=True)
    if outcome.differences:
        remedy = f"no bridge starts on the target; {_GO_ON} and copies these tables anew" if moved else "they differ"
        err.print(Text(remedy, style="red"), soft_wrap=True)
        return
    rows = sum(found.rows for found in outcome.sums.values())
    out.print(f"{rows:,} rows in {len(outcome.sums)} tables: counts and checksums are equal", soft_wrap=True)
    if outcome.again:
        out.print(f"changed since the interrupted move, and copied anew: {', '.join(outcome.again)}", soft_wrap=True)
    for place, count in outcome.without_nul.items():
        out.print(f"{place}: {count} text(s) with a NUL, which PostgreSQL cannot keep; U+FFFD stands in its place")
    if moved:
        out.print(_what_comes_next(to), markup=False, soft_wrap=True)


def _what_comes_next(to: str) -> str:
    password = 'password = { env = "BRIDGE_STORE_PASSWORD" }' if to.startswith("postgres") else None
    lines = ["[store]", f'url = "{to}"', *([password] if password else [])]
    return "\n".join(
        [
            "",
            "Put this into bridge.toml, then start the daemon:",
            "",
            *lines,
            "",
            "The former store is as it was. Put it away: a daemon that is started on it would go on there.",
        ]
    )
