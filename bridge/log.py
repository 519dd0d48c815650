"""How the daemon speaks: JSON lines under systemd, colours on a terminal; never a whole telephone number."""

import contextlib
import io
import logging
import os
import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from aiohttp.http_exceptions import HttpProcessingError

from bridge.model.phone import mask

STDERR = 2
_SAFE_KEYS = frozenset({"event", "level", "timestamp", "call_id", "lead_id", "task_id", "case_id", "exception"})
"""Keys whose values are ours: derived ids and event names."""

_LONG_DIGITS = re.compile(r"\+?\d[\d \-().]{5,}\d")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
"""An IPv4 address is nobody's number."""
_SECRETS = re.compile(r"secret|token|password|signature|authorization", re.IGNORECASE)


def mask_numbers(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide the middle of everything that could be a telephone number, and secrets wholly."""
    for key, value in entry.items():
        if _SECRETS.search(key):
            entry[key] = "***"
        elif key not in _SAFE_KEYS:
            entry[key] = _masked_within(value)
    if isinstance(entry.get("exception"), str):
        entry["exception"] = _masked(entry["exception"])
    return entry


def _masked_within(value: Any) -> Any:
    if isinstance(value, str):
        return _masked(value)
    if isinstance(value, dict):
        return mask_numbers(None, "", dict(value))
    return [_masked_within(item) for item in value] if isinstance(value, list | tuple | set | frozenset) else value


def _masked(text: str) -> str:
    return _LONG_DIGITS.sub(lambda found: found[0] if _ADDRESS.fullmatch(found[0]) else mask(found[0]), text)


class _Voice(io.TextIOWrapper):
    """Standard error. It may be a pipe that nobody reads any more: that must not stop a telephone."""

    def __init__(self) -> None:
        stream = io.BufferedWriter(io.FileIO(STDERR, "w", closefd=False))
        super().__init__(stream, encoding="utf-8", errors="backslashreplace", line_buffering=True)

    def write(self, text: str, /) -> int:
        with contextlib.suppress(OSError):
            return super().write(text)
        return 0

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


class _Libraries(logging.Handler):
    """What libraries log goes the way of our own words: masked, one entry each.

    A request that is no HTTP is its sender's fault, happens to every open port, and its traceback would quote it.
    """

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            log.debug("request.garbled", problem=type(error).__name__)
            return
        tell = log.error if record.levelno >= logging.ERROR else log.warning
        tell("library.complained", library=record.name, told=record.getMessage(), exc_info=error)


def set_up(*, verbose: bool = False) -> None:
    """Send every log entry to standard error, once per process, before anything else speaks."""
    _occupy_standard_streams()
    voice = _Voice()
    renderer = structlog.dev.ConsoleRenderer(colors=True) if voice.isatty() else structlog.processors.JSONRenderer()
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask_numbers,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=voice),
        cache_logger_on_first_use=True,
    )


def _occupy_standard_streams() -> None:
    """A process that is started without standard streams would give their numbers to its database and its sockets."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(number)
