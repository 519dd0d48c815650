"""Calls that nobody watched, told afterwards by what the PBX wrote down, and how that completes what was seen.

Whatever the records do not tell with certainty is `incomplete`; docs/decisions/0006 says which evidence suffices.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from bridge.model.call import Call, Direction, MissedReason, Outcome, Rang, RangResult, Talk
from bridge.model.call_records import CdrRow, Disposition, NamedChannel
from bridge.model.channels import ChannelBorn, ChannelFact, ChannelKind, Place, PlaceReached
from bridge.model.moment import Instant
from bridge.rules.switchboard import Switchboard
from bridge.rules.switchboard.live import Role
from bridge.rules.switchboard.origin import extension
from bridge.rules.switchboard.roles import Roles

EVIDENCE = frozenset(("CHAN_START", "ANSWER", "BRIDGE_ENTER", "HANGUP"))
"""What a PBX must write into its CEL, or nothing follows from the absence of an answer."""
MACHINES = frozenset(
    (
        "Answer", "BackGround", "Busy", "Congestion", "ControlPlayback", "Dial", "Hangup", "MusicOnHold", "NoOp",
        "Playback", "Playtones", "Progress", "Queue", "Read", "Ringing", "SayAlpha", "SayDigits", "SayNumber",
        "VoiceMail", "Wait", "WaitExten", "Zapateller",
    )
)  # fmt: skip
"""Applications in which a caller talks to nobody, if the record names no second channel."""
SHORTEST_LINE = 6
"""Digits of a company number; a shorter one is an extension."""
_AFTER = 3600.0


# ---- channel events (CEL): the switchboard folds them as it folds what it hears


def calls_of_events(
    facts: Sequence[ChannelFact], *, source: str, trunks: Iterable[str], kinds: Collection[str]
) -> list[Call]:
    """Every call of these facts (see wire.cel) whose beginning and end are among them.

    `kinds` are the events that the PBX is known to write: without `EVIDENCE` an unanswered call proves nothing.
    """
    board = Switchboard(source=source, trunks=trunks)
    found: dict[str, Call] = {}
    begun: dict[str, str] = {}
    mailboxes: set[str] = set()
    last = 0.0
    for fact in facts:
        last = max(last, fact.at)
        match fact:
            case ChannelBorn():
                begun[fact.channel] = fact.linked
            case PlaceReached(place=Place.MAILBOX):
                mailboxes.add(begun.get(fact.channel, fact.channel))
            case _:
                pass
        _note(found, [seen.call for seen in board.advance(fact)])
        _note(found, [seen.call for seen in board.tick(fact.at)])
    _note(found, [seen.call for seen in board.tick(last + _AFTER)])
    sure = frozenset(kinds) >= EVIDENCE
    return [
        _weighed(call, sure=sure, mailbox=not mailboxes.isdisjoint((call.platform_call_id, *_ids(call))))
        for call in found.values()
        if call.ended and begun.get(call.platform_call_id) == call.platform_call_id
    ]


def _note(found: dict[str, Call], calls: Iterable[Call]) -> None:
    for call in calls:
        found[call.key] = call
        for merged in call.merged:
            found.pop(merged, None)


def _ids(call: Call) -> list[str]:
    return [key.removeprefix(f"{call.source}/") for key in call.merged]


def _weighed(call: Call, *, sure: bool, mailbox: bool) -> Call:
    """The call with what CEL cannot know marked: a message left, and where a caller was whom nobody rang for."""
    call = replace(call, revision=0)
    if call.answered:
        return call
    if not sure:
        return replace(call, outcome=Outcome.FAILED, missed_reason=None, incomplete=True)
    if call.direction is Direction.INBOUND and (mailbox or not (call.rang or call.queue)):
        return replace(call, missed_reason=None if mailbox else call.missed_reason, incomplete=True)
    return call


# ---- call detail records (CDR): a summary, so a call that only they tell of is always incomplete


def calls_of_summaries(
    rows: Iterable[CdrRow], *, source: str, trunks: Iterable[str], written_by: Instant
) -> list[Call]:
    """The calls that these records tell of, as far as they tell what kind of call it was.

    `written_by`: everything that ended before this instant has been written for certain. A call that ended later may
    have an answered record still to come, so it is not called missed yet.
    """
    roles = Roles(trunks)
    groups: dict[str, list[CdrRow]] = defaultdict(list)
    for row in rows:
        groups[row.linked].append(row)
    calls = []
    for linked, group in groups.items():
        group.sort(key=lambda row: (row.started_at, row.sequence))
        call = _summed_up(_Summary(linked, group, roles), source, written_by)
        if call is not None:
            calls.append(call)
    return calls


@dataclass(frozen=True, slots=True)
class _Summary:
    """All records of one call."""

    linked: str
    rows: Sequence[CdrRow]
    roles: Roles

    @property
    def root(self) -> list[CdrRow]:
        """Those of the channel that began it."""
        return [row for row in self.rows if row.unique == self.linked]

    def answered_by(self, row: CdrRow) -> CdrRow | None:
        """The record that says which device this one reached: itself, or the one behind a Local pair; None: none."""
        if row.disposition is not Disposition.ANSWERED or row.other is None:
            return None
        if row.other.kind is ChannelKind.DEVICE:
            return row
        if row.other.kind is not ChannelKind.LOCAL:
            return None
        behind = f"{row.other.name.rpartition(';')[0]};2"
        for other in self.rows:
            if other.channel.name == behind and other is not row:
                return self.answered_by(other)
        return None


def _summed_up(summary: _Summary, source: str, written_by: Instant) -> Call | None:
    root = summary.root
    if not root:
        return None
    role = summary.roles.of(root[0].channel)
    ended_at = max(row.ended_at for row in root)
    call = Call(
        key=f"{source}/{summary.linked}",
        source=source,
        platform_call_id=summary.linked,
        direction=Direction.INTERNAL,
        started_at=root[0].started_at,
        ended_at=ended_at,
        outcome=Outcome.FAILED,
        incomplete=True,
    )
    if role is Role.TRUNK:
        return _inbound(summary, call, written_by)
    if role is Role.PHONE:
        return _from_a_phone(summary, call)
    return None  # it began with a Local channel: who called whom is not in the records


def _inbound(summary: _Summary, call: Call, written_by: Instant) -> Call:
    root = summary.root
    first = root[0]
    call = replace(
        call,
        direction=Direction.INBOUND,
        raw_number=first.number,
        client_name=first.name,
        raw_line=_line(root),
        queue=next((row.data.partition(",")[0] for row in root if row.application == "Queue"), None),
        rang=_rang(summary),
    )
    talked = _talked(summary)
    if talked:
        return replace(
            call,
            outcome=Outcome.ANSWERED,
            answered_at=talked[0].since,
            talked=talked,
            recordings=_recordings(root),
        )
    if call.ended_at is not None and call.ended_at <= written_by and all(_nobody(row) for row in summary.rows):
        return replace(call, outcome=Outcome.MISSED, missed_reason=_why(root))
    return call


def _line(root: Sequence[CdrRow]) -> str | None:
    """The company number that was called; where no column keeps it, the number dialled if it is long enough.

    A transfer puts its target there, so of a call that was answered more than once it is not known.
    """
    if root[0].did is not None:
        return root[0].did
    if sum(row.disposition is Disposition.ANSWERED for row in root) > 1:
        return None
    dialled = extension(root[0].dialled)
    return dialled if dialled is not None and sum(map(str.isdigit, dialled)) >= SHORTEST_LINE else None


def _nobody(row: CdrRow) -> bool:
    """This record shows that nobody answered: no phone that was rung did, or a machine had the caller."""
    if row.disposition in {Disposition.NO_ANSWER, Disposition.BUSY, Disposition.FAILED, Disposition.CONGESTION}:
        return True
    return row.disposition is Disposition.ANSWERED and row.other is None and row.application in MACHINES


def _why(rows: Sequence[CdrRow]) -> MissedReason | None:
    """Busy phones say so. Whether the caller gave up, or was put off, a summary does not tell."""
    return MissedReason.BUSY if all(row.disposition is Disposition.BUSY for row in rows) else None


def _talked(summary: _Summary) -> tuple[Talk, ...]:
    """Who answered the caller's channel, in order; the same one twice in a row is one."""
    talked: list[Talk] = []
    for row in summary.root:
        reached = summary.answered_by(row)
        if reached is None:
            continue
        party = _party(summary.roles, reached)
        since = reached.answered_at if reached.answered_at is not None else row.started_at
        since = min(max(since, row.started_at), row.ended_at)
        if talked and talked[-1].party == party:
            talked[-1] = replace(talked[-1], until=row.ended_at)
        else:
            talked.append(Talk(party=party, since=since, until=row.ended_at))
    return tuple(talked)


def _rang(summary: _Summary) -> tuple[Rang, ...]:
    """The devices that were rung for the caller, directly or behind Local pairs."""
    rang = []
    for row in summary.rows:
        rung_for_him = row.unique == summary.linked or row.channel.kind is ChannelKind.LOCAL
        if rung_for_him and row.other is not None and row.other.kind is ChannelKind.DEVICE:
            rang.append(
                Rang(
                    party=_party(summary.roles, row),
                    since=row.started_at,
                    until=row.ended_at if row.answered_at is None else max(row.started_at, row.answered_at),
                    result=_RESULTS.get(row.disposition),
                )
            )
    return tuple(rang)


_RESULTS = {Disposition.ANSWERED: RangResult.ANSWERED, Disposition.BUSY: RangResult.BUSY}


def _party(roles: Roles, row: CdrRow) -> str:
    """Who is at the called end: the number behind a trunk, else the end-point."""
    other: NamedChannel = row.other if row.other is not None else row.channel
    if roles.of(other) is Role.TRUNK:
        return row.reached or extension(row.dialled) or other.endpoint
    return other.endpoint


def _recordings(rows: Sequence[CdrRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.recording for row in rows if row.recording is not None))


def _from_a_phone(summary: _Summary, call: Call) -> Call:
    """One of ours called: outside, if one of his records leads to a trunk."""
    root = summary.root
    out = [row for row in root if row.other is not None and summary.roles.of(row.other) is Role.TRUNK]
    call = replace(call, caller=root[0].channel.endpoint)
    if not out:
        answered = any(summary.answered_by(row) is not None for row in root)
        return replace(call, outcome=Outcome.ANSWERED if answered else Outcome.FAILED)
    first, last = out[0], out[-1]
    call = replace(
        call,
        direction=Direction.OUTBOUND,
        raw_number=extension(first.dialled) or first.reached,
        raw_line=first.number if first.number != call.caller else None,
    )
    reached = next((row for row in out if row.disposition is Disposition.ANSWERED), None)
    if reached is not None:
        since = reached.answered_at if reached.answered_at is not None else reached.started_at
        return replace(
            call,
            outcome=Outcome.ANSWERED,
            answered_at=since,
            talked=(Talk(party=root[0].channel.endpoint, since=since, until=reached.ended_at),),
            recordings=_recordings(root),
        )
    return replace(call, outcome=Outcome.BUSY if last.disposition is Disposition.BUSY else Outcome.FAILED)


# ---- what was seen and what was written, together


def completed(known: Call | None, told: Call) -> Call | None:
    """The call as both together tell it; None if the records add nothing.

    `known` is what the switchboard saw. It is left alone while the call lives, when it was seen to its end, and when
    the record is of a call that has become part of another one.
    """
    if known is None:
        return told
    if known.key != told.key or not known.ended or not known.incomplete:
        return None
    sure = not told.incomplete and (told.answered or not known.answered)
    whole = _with_what_only_we_heard(known, told) if sure else _with_its_end(known, told)
    whole = replace(whole, revision=known.revision)
    return None if whole == known else replace(whole, revision=known.revision + 1)


def _with_what_only_we_heard(known: Call, told: Call) -> Call:
    """A whole account, with links and names that the records do not keep."""
    return replace(
        told,
        client_name=told.client_name or known.client_name,
        raw_line=told.raw_line or known.raw_line,
        queue=told.queue or known.queue,
        menu=told.menu or known.menu,
        recordings=known.recordings or told.recordings,
        voicemail=known.voicemail,
        utm=known.utm,
        merged=tuple(dict.fromkeys((*known.merged, *told.merged))),
    )


def _with_its_end(known: Call, told: Call) -> Call:
    """What we saw, and from the summary what we did not: whether it was answered, by whom later, when it ended."""
    whole = replace(
        known,
        raw_number=known.raw_number or told.raw_number,
        raw_line=known.raw_line or told.raw_line,
        recordings=known.recordings or told.recordings,
        ended_at=max(known.started_at, told.ended_at or known.started_at),
    )
    if known.direction is not told.direction and told.direction is Direction.INTERNAL:
        return whole
    if known.answered or told.outcome is Outcome.ANSWERED:
        return _answered(whole, told)
    if told.outcome is Outcome.FAILED:
        return whole
    return replace(whole, outcome=told.outcome, missed_reason=told.missed_reason)


def _answered(whole: Call, told: Call) -> Call:
    """Answered, as either says. Who was seen to talk did; who talked after that is in the summary."""
    talked = list(whole.talked)
    for talk in told.talked:
        if not talked or (talked[-1].since < talk.since and all(seen.party != talk.party for seen in talked)):
            talked.append(talk)
        elif talked[-1].party == talk.party:
            until = max(talk.until or talk.since, talked[-1].until or talk.since)
            talked[-1] = replace(talked[-1], until=until)
    answered_at = whole.answered_at if whole.answered_at is not None else told.answered_at
    return replace(
        whole,
        outcome=Outcome.ANSWERED,
        missed_reason=None,
        answered_at=answered_at,
        talked=tuple(talked),
        ended_at=max(whole.ended_at or 0.0, answered_at or 0.0),
    )
