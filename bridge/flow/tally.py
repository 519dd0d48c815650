"""What the flow has done since it was started: plain numbers, which the metrics page reads."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts since the start. `verdicts` counts by scenario (`none`: no row matched), `effects` by their kind.

    `lag` is how many seconds the journal's last handled event had waited; `waiting` how many events intake holds that
    are not yet on disk. `answers` counts what remote systems answered, by system and what it means (see flow.answers).
    """

    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    overloads: int = 0
    commits: int = 0
    handled: int = 0
    failed: int = 0
    batches: int = 0
    blocked: int = 0
    internal: int = 0
    waiting: int = 0
    lag: float = 0.0
    restarts: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
