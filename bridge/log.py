"""How the daemon speaks: JSON lines under systemd, colours on a terminal; never a whole telephone number."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from bridge.model.phone import mask

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
        elif key not in _SAFE_KEYS and isinstance(value, str):
            entry[key] = _masked(value)
    if isinstance(entry.get("exception"), str):
        entry["exception"] = _masked(entry["exception"])
    return entry


def _masked(text: str) -> str:
    return _LONG_DIGITS.sub(lambda found: found[0] if _ADDRESS.fullmatch(found[0]) else mask(found[0]), text)


def set_up(*, verbose: bool = False) -> None:
    """Send every log entry to standard error, once per process, before anything else speaks."""
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer(colors=True) if terminal else structlog.processors.JSONRenderer()
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
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
