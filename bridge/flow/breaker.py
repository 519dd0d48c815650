"""The circuit breaker: after some failures in a row a system is left alone, and then asked once whether it is back."""

from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.flow.backoff import Backoff
from bridge.model.moment import Instant

MOST_FAILURES = 5
"""Failures in a row after which a system is thought to be ill."""
PAUSES = Backoff(first=2.0, most=60.0)
"""Seconds between two questions whether it is well again."""
REFUSED_SECONDS = 60.0
"""How often a system that does not know us any more is asked again."""


class BreakerState(StrEnum):
    """CLOSED: all is well. OPEN: left alone. HALF_OPEN: one may try. REFUSED: it does not know us any more."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """How a system is. `open_until` None: closed; `since` is when it opened, `problem` why."""

    failures: int = 0
    open_until: Instant | None = None
    since: Instant | None = None
    problem: str | None = None
    is_refused: bool = False

    def state(self, now: Instant) -> BreakerState:
        """What it is now."""
        if self.open_until is None:
            return BreakerState.CLOSED
        if self.is_refused:
            return BreakerState.REFUSED
        return BreakerState.OPEN if now < self.open_until else BreakerState.HALF_OPEN

    def lets_through(self, now: Instant, under_way: int) -> int | None:
        """How many more requests may begin while so many are under way; None: any number."""
        if self.open_until is None:
            return None
        return 1 if now >= self.open_until and not under_way else 0

    def worked(self) -> "Breaker":
        """It has answered as it should."""
        return self if self == CLOSED else CLOSED

    def failed(self, problem: str, now: Instant) -> "Breaker":
        """It did not answer, or said itself that it is ill."""
        if self.open_until is not None and now < self.open_until:
            return self  # what was under way when it opened is no news
        failures = self.failures + 1
        if failures < MOST_FAILURES and not self.is_refused:
            return replace(self, failures=failures)
        failures = max(failures, MOST_FAILURES)
        until = now + PAUSES.longest(failures - MOST_FAILURES + 1)
        return Breaker(failures=failures, open_until=until, since=self.since or now, problem=problem)

    def set_back(self, seconds: float) -> "Breaker":
        """The same, by a clock that was set back so far."""
        if self.open_until is None:
            return self
        since = None if self.since is None else self.since - seconds
        return replace(self, open_until=self.open_until - seconds, since=since)

    def refused(self, problem: str, now: Instant) -> "Breaker":
        """It does not know us any more."""
        return Breaker(
            failures=self.failures,
            open_until=now + REFUSED_SECONDS,
            since=self.since or now,
            problem=problem,
            is_refused=True,
        )


CLOSED = Breaker()
