"""How long to wait before trying again: a value, asked with chance in hand."""

from dataclasses import dataclass

MOST_DOUBLINGS = 30
"""Beyond which doubling says nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits that double with each attempt, in seconds: the first is at most `first`, none is longer than `most`."""

    first: float
    most: float

    def longest(self, attempt: int) -> float:
        """The longest wait after the attempt of this number (1: the first)."""
        doubled = self.first * float(2 ** min(max(attempt - 1, 0), MOST_DOUBLINGS))
        return min(self.most, doubled)

    def pause(self, attempt: int, chance: float) -> float:
        """The wait after this attempt: any part of the longest (full jitter), so that nobody comes in step.

        `chance` is evenly spread from 0 to 1. See "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
        """
        return self.longest(attempt) * chance
