"""Points in time, as the whole project writes them."""

from datetime import UTC, datetime

Instant = float
"""Seconds since 1970-01-01T00:00:00Z. Plain arithmetic gives durations in seconds."""


def iso(instant: Instant) -> str:
    """The instant in ISO 8601 with milliseconds and `Z`, as every answer of ours writes it."""
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> Instant:
    """The instant that an ISO 8601 text with an offset names.

    Raises:
        ValueError: the text is no ISO 8601 date-time, or names no offset (a local time is nobody's time).

    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no UTC offset; write it as 2026-11-22T10:15:30+01:00")
    return moment.timestamp()
