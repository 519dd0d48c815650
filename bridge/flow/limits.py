"""How hard a remote system may be pressed, and when it is given up."""

from dataclasses import dataclass

from bridge.flow.backoff import Backoff

REQUESTS_OF_AN_ATTEMPT = 2
"""It may look before it tells."""
LONGEST_RETRY_AFTER = 3600.0
"""Nobody is left alone for longer, whatever he asks: by then we ask again."""
SKEW_SECONDS = 5.0
"""By how much the clocks of two nodes may differ, and how late a node may notice that its time is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one node may do to one system. Durations are seconds.

    `per_second` requests for as long as there is work, `burst` at once, `concurrency` under way. An item that was
    tried `most_attempts` times while the system was well, or is older than `give_up` when it fails, is given up; what
    its client has besides waits for `hold`. What was delivered is remembered for `keep`.
    """

    per_second: float = 5.0
    burst: int = 10
    concurrency: int = 4
    timeout: float = 10.0
    retry_first: float = 1.0
    retry_most: float = 300.0
    most_attempts: int = 12
    give_up: float = 14 * 86400.0
    hold: float = 3600.0
    keep: float = 30 * 86400.0

    @property
    def backoff(self) -> Backoff:
        """The waits between two attempts at one item."""
        return Backoff(first=self.retry_first, most=self.retry_most)

    @property
    def longest_wait(self) -> float:
        """Nothing that is to be told waits longer than this for its next turn, whatever the reason."""
        return max(self.hold, self.retry_most, self.lease_seconds, LONGEST_RETRY_AFTER)

    @property
    def attempt_seconds(self) -> float:
        """How long an attempt may take, from before it was claimed."""
        return REQUESTS_OF_AN_ATTEMPT * self.timeout

    @property
    def lease_seconds(self) -> float:
        """How long a lane is ours: longer than any attempt, so that nobody else begins while we still speak."""
        return self.attempt_seconds + SKEW_SECONDS
