"""A PBX's call records in a CSV file: its end, read from behind, across a rotation, the last line half written."""

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from bridge.model.call_records import CallRecordRow, CdrRow, CelRow, RecordKind
from bridge.model.moment import Instant
from bridge.store.aside import aside
from bridge.store.call_records import MOST_ROWS, RecordsUnavailable, RecordsUnusable, Stretch
from bridge.wire.records import CDR_CSV, CEL_CSV, Unreadable, columns_missing, read_row

BLOCK = 1024 * 1024
"""Bytes read at once, from the end backwards."""
MOST_BYTES = 256 * 1024 * 1024
"""Where going back ends, whatever the file still holds."""
OUT_OF_ORDER = 900.0
"""Seconds by which a record may stand later in the file than its end: batches, several writers."""
_SHORT_CDR = tuple(name for name in CDR_CSV if name != "userfield")
_REMEDY = "set loguniqueid = yes and newcdrcolumns = yes in [csv] of cdr.conf, or name the columns: columns = [ … ]"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFile:
    """The file and, if it has neither a header line nor the usual columns, the names of its columns.

    `block` bytes are read at once, `most` in one look.
    """

    file: Path
    columns: tuple[str, ...] | None
    kind: RecordKind
    zone: tzinfo
    block: int = BLOCK
    most: int = MOST_BYTES

    async def read(self, since: Instant, until: Instant) -> Stretch:
        """The records of this stretch: the CDRs of attempts that began in it, the CEL events that happened in it.

        Raises:
            RecordsUnavailable: the file is not there, or may not be read by this user.
            RecordsUnusable: its columns are not those that it takes.

        """
        return await aside(lambda: self._read(since, until))

    async def look(self) -> str:
        """See whether it can be read at all; what is there, in a few words.

        Raises:
            RecordsUnavailable: it cannot, and why.

        """
        return await aside(self._look)

    def _look(self) -> str:
        try:
            with self.file.open("rb") as opened:
                line = opened.readline(BLOCK).decode(errors="replace")
        except OSError as error:
            raise RecordsUnavailable(f"{self.file}: {error.strerror}") from error
        if line:
            self._names(next(csv.reader([line]), []))
        return f"{self.file} has what it takes" if line else f"{self.file} is empty"

    def _read(self, since: Instant, until: Instant) -> Stretch:
        rows: list[CallRecordRow] = []
        kinds: set[str] = set()
        unreadable, left, enough = 0, self.most, False
        for path in self._files():
            for lines, before in self._blocks_from_behind(path):
                left -= sum(map(len, lines))
                told, odd = self._parsed(path, lines)
                unreadable += odd
                kinds |= {row.kind for row in told if isinstance(row, CelRow)}
                rows = [row for row in told if since <= _begun(row) < until] + rows
                enough = bool(told) and max(map(_written, told)) < since - OUT_OF_ORDER
                full = len(rows) > MOST_ROWS or (left <= 0 and before > 0)
                if full:
                    return Stretch(rows=tuple(rows[-MOST_ROWS:]), kinds=frozenset(kinds), whole=False)
                if enough:
                    break
            if enough:
                break
        return Stretch(rows=tuple(rows), kinds=frozenset(kinds), unreadable=unreadable)

    def _files(self) -> Iterator[Path]:
        """The file, and what it was before the last rotation. One that is being moved right now is read once."""
        seen: set[tuple[int, int]] = set()
        for path in (self.file, self.file.with_name(f"{self.file.name}.1")):
            try:
                found = path.stat()
            except OSError as error:
                if path is self.file:
                    raise RecordsUnavailable(f"{path}: {error.strerror}") from error
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                yield path

    def _blocks_from_behind(self, path: Path) -> Iterator[tuple[list[bytes], int]]:
        """Whole lines, the last block of the file first, and how many bytes stand before them.

        What follows the last line end is not yet written to its end.
        """
        try:
            with path.open("rb") as opened:
                at = opened.seek(0, os.SEEK_END)
                rest: bytes | None = None
                while at > 0:
                    size = min(self.block, at)
                    at -= size
                    opened.seek(at)
                    block = opened.read(size)
                    if rest is None:
                        end = block.rfind(b"\n") + 1
                        if not end and at > 0:
                            continue
                        block = block[:end]
                    block += rest or b""
                    first = 0 if at == 0 else block.find(b"\n") + 1
                    if at > 0 and not first:
                        rest = block
                        continue
                    rest, lines = block[:first], block[first:]
                    if lines:
                        yield lines.splitlines(keepends=True), at + first
        except OSError as error:
            raise RecordsUnavailable(f"{path}: {error.strerror}") from error

    def _parsed(self, path: Path, lines: Sequence[bytes]) -> tuple[list[CallRecordRow], int]:
        told: list[CallRecordRow] = []
        odd = 0
        header = self._header(path)
        for cells in csv.reader(line.decode(errors="replace") for line in lines):
            if not cells or cells == header:
                continue
            names = self._names(header or cells)
            try:
                told.append(read_row(self.kind, dict(zip(names, cells, strict=False)), self.zone))
            except Unreadable:
                odd += 1
        return told, odd

    def _header(self, path: Path) -> list[str] | None:
        """The first line, if it names columns."""
        try:
            with path.open("rb") as opened:
                cells = next(csv.reader([opened.readline(BLOCK).decode(errors="replace")]), [])
        except OSError as error:
            raise RecordsUnavailable(f"{path}: {error.strerror}") from error
        return cells if {"uniqueid", "linkedid"} <= {cell.lower() for cell in cells} else None

    def _names(self, cells: Sequence[str]) -> Sequence[str]:
        """The names of the columns of a line like this one (or of a header line: itself)."""
        if self.columns is not None:
            names: Sequence[str] = self.columns
        elif {"uniqueid", "linkedid"} <= {cell.lower() for cell in cells}:
            names = cells
        elif self.kind is RecordKind.CEL:
            names = CEL_CSV
        else:
            names = {len(CDR_CSV): CDR_CSV, len(_SHORT_CDR): _SHORT_CDR}.get(len(cells), ())
        missing = columns_missing(self.kind, names)
        if missing:
            raise RecordsUnusable(f"{self.file} has no column {', '.join(missing)}; {_REMEDY}")
        return names


def _begun(row: CallRecordRow) -> Instant:
    return row.started_at if isinstance(row, CdrRow) else row.at


def _written(row: CallRecordRow) -> Instant:
    return row.ended_at if isinstance(row, CdrRow) else row.at
