"""How single values are written: durations, opening hours, addresses, zones. Each raises ValueError with the remedy."""

import ipaddress
import math
import re
from datetime import time
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from bridge.config.problems import did_you_mean
from bridge.model.people import OpenHours
from bridge.model.phone import countries

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")


def read_duration(written: object) -> float:
    """Seconds of "4h", "1h30m", "500ms" or of a plain number of seconds."""
    if isinstance(written, int | float) and not isinstance(written, bool) and 0 <= written < math.inf:
        return float(written)
    if isinstance(written, str) and _DURATION.fullmatch(text := written.strip().lower()):
        return float(sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text)))
    raise ValueError('write a duration such as "3s", "15m", "4h" or "1d" (ms, s, m, h, d and w are known)')


def is_loopback(host: str) -> bool:
    """Only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_id(written: str) -> str:
    """A name that other keys, addresses and records use."""
    if not re.fullmatch(r"\w[\w.-]*", written):
        raise ValueError('other keys use this name: write letters, digits, ".", "-" and "_" only')
    return written


def read_email(written: str) -> str:
    """An address of e-mail, as far as one can tell without writing to it."""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", written):
        raise ValueError('write the address, such as "jan@acme.example"')
    return written


def read_country(written: str) -> str:
    """An ISO 3166 alpha-2 code that numbers can be read for."""
    code = written.strip().upper()
    if code not in countries():
        raise ValueError('write the two-letter code of the country (ISO 3166), such as "PL", "GB" or "US"')
    return code


def read_timezone(written: str) -> str:
    """An IANA time zone that this machine knows."""
    try:
        ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = did_you_mean(written, available_timezones())
        hint = near if near.startswith("did") else 'write an IANA name such as "Europe/Warsaw"'
        raise ValueError(f"this machine knows no such time zone; {hint}") from error
    return written


def read_url(written: str) -> str:
    """An absolute http or https address without query, its trailing slash removed."""
    parts = urlsplit(written)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError('write the whole address, such as "https://bridge.example"')
    return written.rstrip("/")


def read_store_url(written: str) -> str:
    """The address of a store of a kind that we can use."""
    parts = urlsplit(written)
    embedded = parts.scheme == "sqlite" and not parts.netloc and parts.path.strip("/") and ":memory:" not in parts.path
    if embedded or (parts.scheme in ("postgresql", "postgres") and parts.hostname):
        return written
    raise ValueError('write "sqlite:///bridge.db" (relative to data_dir) or "postgresql://user@host/bridge"')


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT = 24 * 60
_OPENING = re.compile(
    r"(?P<days>[a-z]+(?:\s*[-,]\s*[a-z]+)*)\s+(?P<spans>[\d:]+\s*-\s*[\d:]+(?:[\s,]+[\d:]+\s*-\s*[\d:]+)*)"
)
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")
_HOURS_REMEDY = 'write days and hours, such as "mon-fri 09:00-17:00" or "sat,sun 10:00-14:00 15:00-18:00"'


def read_hours(written: str) -> tuple[OpenHours, ...]:
    """The weekly openings of "mon-fri 09:00-17:00"; one that closes before it opens goes over midnight."""
    match = _OPENING.fullmatch(written.strip().lower())
    if match is None:
        raise ValueError(_HOURS_REMEDY)
    spans = [_span(text) for text in re.split(r"(?<=\d)[\s,]+(?=\d)", match["spans"])]
    return tuple(
        OpenHours(weekday=day, opens=_clock(opens), closes=_clock(closes))
        for day in _days(match["days"])
        for opens, closes in spans
    )


def _days(written: str) -> list[int]:
    days: list[int] = []
    for part in written.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        begin, end = _day(first), _day(last) if dash else _day(first)
        days += [(begin + step) % 7 for step in range((end - begin) % 7 + 1)]
    return list(dict.fromkeys(days))


def _day(word: str) -> int:
    for index, day in enumerate(_DAYS):
        if word.startswith(day):
            return index
    raise ValueError(f'"{word}" is no day; {_HOURS_REMEDY}')


def _span(text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text.strip())
    opens, closes = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
    if opens == closes or max(opens, closes) > _MIDNIGHT or (match and max(int(match[2]), int(match[4])) > 59):  # noqa: PLR2004 - minutes
        raise ValueError(f'"{text.strip()}" are no hours of a day; {_HOURS_REMEDY}')
    return opens, closes


def _clock(minutes: int) -> time:
    return time.max if minutes == _MIDNIGHT else time(minutes // 60, minutes % 60)
