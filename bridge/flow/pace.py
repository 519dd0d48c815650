"""How fast somebody may go."""

from bridge.model.moment import Instant


class TokenBucket:
    """`per_second` for ever, `burst` at once."""

    __slots__ = ("_at", "_burst", "_left", "_per_second")

    def __init__(self, *, per_second: float, burst: int, now: Instant) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._left = float(burst)
        self._at = now

    def take(self, now: Instant) -> float:
        """Take one; 0 if there was one, else the seconds until there is one."""
        wait = self.wait(now)
        if not wait:
            self._left -= 1.0
        return wait

    def wait(self, now: Instant) -> float:
        """Seconds until there is one; 0: there is."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._per_second)
        self._at = now
        return 0.0 if self._left >= 1.0 else (1.0 - self._left) / self._per_second

    def available(self, now: Instant) -> int:
        """How many there are at once."""
        self.wait(now)
        return max(0, int(self._left))

    def spend(self, count: int) -> None:
        """Take so many, whether they are there or not: what is owed is waited for later."""
        self._left -= count
