"""Telephone numbers: the only place that knows phonenumbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A usable number of the outside world, in E.164 (`+` and digits)."""

    e164: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """The caller withheld his number, or the platform did not know it."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something was told that nobody could be called back on: a short code, a name, an impossible number."""

    raw: str


def read_number(raw: str | None, country: str) -> PhoneNumber | Hidden | Unusable:
    """What this text says, read as somebody in `country` (ISO 3166 alpha-2) would dial it."""
    raise NotImplementedError


def lookup_keys(number: PhoneNumber) -> frozenset[str]:
    """Every E.164 spelling under which this number may be known; the same set for each spelling."""
    raise NotImplementedError


def lane_of(number: PhoneNumber) -> str:
    """The one key of the client behind this number: the smallest lookup key."""
    raise NotImplementedError


def mask(text: str) -> str:
    """The number with its middle hidden, for logs: never a whole number."""
    raise NotImplementedError
