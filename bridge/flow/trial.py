"""What came of trying whether somebody can be reached, for `bridge check --connect`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`good` means that working with him would miss nothing that can be found out so."""

    good: bool
    detail: str
