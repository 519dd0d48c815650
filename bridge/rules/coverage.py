"""Rows that can never match: every situation they ask for is impossible, or an earlier row takes it.

A row asks for a box: for each fact the set of words that it accepts. From this box everything impossible is cut
away, then everything that earlier rows take; a row of which nothing is left is dead.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from bridge.rules.rows import Condition, OneOf, Row, TalkedFor
from bridge.rules.vocabulary import CONDITIONS, NONE

Box = Mapping[str, frozenset[str]]

CALLS = frozenset({"picked_up", "ended", "recorded"})
OVER = frozenset({"ended", "recorded"})
NO_CALL = frozenset({"form", "chat"})
SOMEBODY = frozenset({"responsible", "other", "unknown"})
REASONS = frozenset(CONDITIONS["missed_reason"].words)
UNANSWERED = frozenset({"missed", "busy", "failed", "cancelled"})
DIRECTIONS = frozenset(CONDITIONS["direction"].words)


def _everything_but(key: str, *words: str) -> frozenset[str]:
    return (CONDITIONS[key].everything or frozenset()) - frozenset(words)


def _only(word: str) -> frozenset[str]:
    return frozenset({word})


IMPOSSIBLE: tuple[tuple[str, Box], ...] = (
    (
        "an answered call was answered by somebody",
        {"occasion": OVER, "outcome": _only("answered"), "answered_by": _only("nobody")},
    ),
    (
        "an answered call was picked up by somebody",
        {"occasion": OVER, "outcome": _only("answered"), "picked_up_by": _only("nobody")},
    ),
    ("nobody answers an unanswered call", {"outcome": UNANSWERED, "answered_by": SOMEBODY}),
    ("nobody picks up an unanswered call", {"outcome": UNANSWERED, "picked_up_by": SOMEBODY}),
    ("an answered call was not missed for a reason", {"outcome": _only("answered"), "missed_reason": REASONS}),
    (
        "only inbound calls are missed for a reason",
        {"direction": _everything_but("direction", "inbound"), "missed_reason": REASONS},
    ),
    (
        "a missed inbound call has a reason",
        {"direction": _only("inbound"), "outcome": _only("missed"), "missed_reason": _only(NONE)},
    ),
    (
        "an inbound call is answered or missed",
        {"direction": _only("inbound"), "outcome": frozenset({"busy", "failed", "cancelled"})},
    ),
    ("forms and chats have no direction", {"occasion": NO_CALL, "direction": DIRECTIONS}),
    ("forms and chats have no outcome", {"occasion": NO_CALL, "outcome": _everything_but("outcome", NONE)}),
    ("nobody answers a form or chat by telephone", {"occasion": NO_CALL, "answered_by": SOMEBODY}),
    ("nobody picks up a form or chat", {"occasion": NO_CALL, "picked_up_by": SOMEBODY}),
    ("a call has a direction", {"occasion": CALLS, "direction": _only(NONE)}),
    (
        "a call that is picked up is answered",
        {"occasion": _only("picked_up"), "outcome": _everything_but("outcome", "answered")},
    ),
    ("a call that has ended has an outcome", {"occasion": OVER, "outcome": _only(NONE)}),
    (
        "only a chat is requested or held",
        {"occasion": _everything_but("occasion", "chat"), "chat": _everything_but("chat", NONE)},
    ),
    ("a chat is requested or held", {"occasion": _only("chat"), "chat": _only(NONE)}),
    ("a new client has no responsible", {"client": _only("new"), "answered_by": _only("responsible")}),
    ("a new client has no responsible", {"client": _only("new"), "picked_up_by": _only("responsible")}),
    ("a new client has no responsible", {"client": _only("new"), "made_by": _only("responsible")}),
    (
        "only outbound calls are made by one of ours",
        {"direction": _everything_but("direction", "outbound"), "made_by": SOMEBODY},
    ),
    ("an outbound call is made by somebody", {"direction": _only("outbound"), "made_by": _only("nobody")}),
    (
        "an internal call has our own number",
        {"direction": _only("internal"), "number": _everything_but("number", "own", "blocked")},
    ),
)
"""What cannot be, each as a sentence and the combination of words that it rules out."""

ALWAYS_SOME: Mapping[str, frozenset[str]] = {
    key: frozenset(domain.words)
    for key, domain in CONDITIONS.items()
    if domain.words and key not in {"direction", "outcome", "missed_reason", "chat"}
}
"""Facts that always have a word of their own, whatever happens."""


def unreachable(rows: Iterable[Row]) -> Iterator[tuple[Row, str]]:
    """Every row that can never match, with the reason: the impossibility, or the names of the rows that take all."""
    earlier: list[Row] = []
    for row in rows:
        why = _why_never(row, earlier)
        if why is not None:
            yield row, why
        earlier.append(row)


def _why_never(row: Row, earlier: list[Row]) -> str | None:
    boxes = [_box(row.when)]
    for sentence, box in IMPOSSIBLE:
        boxes = _cut(boxes, box)
        if not boxes:
            return f"its conditions contradict each other, for {sentence}"
    covering: list[str] = []
    for other in earlier:
        if not _talk_covered(other.when, row.when):
            continue
        rest = _cut(boxes, _box(other.when))
        if rest != boxes:
            covering.append(other.name)
        boxes = rest
        if not boxes:
            return f"{' and '.join(covering)} before it {'takes' if len(covering) == 1 else 'take'} every situation"
    return None


def _box(conditions: Iterable[Condition]) -> Box:
    return {condition.key: condition.accepted for condition in conditions if isinstance(condition, OneOf)}


def _cut(boxes: list[Box], cutter: Box) -> list[Box]:
    return list(chain.from_iterable(_without(box, cutter) for box in boxes))


def _without(box: Box, cutter: Box) -> Iterator[Box]:
    """What is left of the box outside the cutter, as boxes that do not overlap."""
    inside: dict[str, frozenset[str]] = {}
    for key, accepted in cutter.items():
        asked = box.get(key, _everything(key))
        if asked is None or not asked & accepted:
            # Any text: nothing short of the same text can be cut from it. Or box and cutter do not touch at all.
            yield box
            return
        inside[key] = asked
    rest = dict(box)
    for key, asked in inside.items():
        outside = asked - cutter[key]
        if outside:
            yield {**rest, key: outside}
        rest[key] = asked & cutter[key]


def _everything(key: str) -> frozenset[str] | None:
    return ALWAYS_SOME.get(key, CONDITIONS[key].everything)


def _talk_covered(earlier: Iterable[Condition], later: Iterable[Condition]) -> bool:
    """Whether the earlier row's least talk is no higher than the later row's."""
    wanted = [condition for condition in earlier if isinstance(condition, TalkedFor)]
    given = [condition for condition in later if isinstance(condition, TalkedFor)]
    return all(any(_at_least(one, other) for other in given) for one in wanted)


def _at_least(wanted: TalkedFor, given: TalkedFor) -> bool:
    if wanted.seconds is None or given.seconds is None:
        return wanted.seconds == given.seconds
    return given.seconds >= wanted.seconds
