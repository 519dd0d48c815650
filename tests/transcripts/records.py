"""What Asterisk wrote down of the recorded calls, read as the bridge reads it: no manager connection at all."""

import csv
from datetime import UTC
from pathlib import Path

from bridge.model.call import Call
from bridge.model.call_records import CallRecordRow, CdrRow, CelRow, RecordKind
from bridge.rules.hindsight import EVIDENCE, calls_of_events, calls_of_summaries
from bridge.wire.cel import facts_of
from bridge.wire.records import read_row
from tests.transcripts.trace import HERE, SOURCE, TRUNKS

LONG_AFTER = 4e9
"""Everything has been written by then."""


def recorded(root: Path = HERE) -> list[Path]:
    """The folders of the traces whose records were kept, too."""
    return sorted(path.parent for path in root.glob("*/*/cel.csv"))


def rows_of(folder: Path, kind: RecordKind) -> list[CallRecordRow]:
    """The rows of a scenario, as they stand in its file."""
    with (folder / f"{kind}.csv").open(encoding="utf-8", newline="") as file:
        return [read_row(kind, row, UTC) for row in csv.DictReader(file)]


def calls_of(rows: list[CallRecordRow], kinds: frozenset[str] = EVIDENCE, written_by: float = LONG_AFTER) -> list[Call]:
    """What the rows tell alone."""
    events = [row for row in rows if isinstance(row, CelRow)]
    if events:
        return calls_of_events(facts_of(events), source=SOURCE, trunks=TRUNKS, kinds=kinds)
    summaries = [row for row in rows if isinstance(row, CdrRow)]
    return calls_of_summaries(summaries, source=SOURCE, trunks=TRUNKS, written_by=written_by)
