"""What there is to know of one situation before any row is tried; found once, then read by every condition."""

from dataclasses import dataclass

from bridge.model.call import Call, Direction, MissedReason, Outcome
from bridge.model.crm import Case, CaseStatus
from bridge.model.moment import Instant
from bridge.model.people import Company, Employee, Line
from bridge.model.situation import Situation
from bridge.rules.matching import Match, judged, match
from bridge.rules.rows import Matrix
from bridge.rules.shifts import shift
from bridge.rules.staff import employee_of, subject_of, unknown_party

GIVEN_UP = frozenset(
    {
        MissedReason.ABANDONED_RINGING,
        MissedReason.ABANDONED_IN_QUEUE,
        MissedReason.ABANDONED_IN_MENU,
        MissedReason.NO_ANSWER,
    }
)
"""Reasons that leave open who was at fault: a very short wait or closed hours explain them better (D12, D14)."""

INBOUND_REASON = {
    Outcome.BUSY: MissedReason.BUSY,
    Outcome.FAILED: MissedReason.FAILED,
    Outcome.VOICEMAIL: MissedReason.VOICEMAIL,
    Outcome.CANCELLED: MissedReason.ABANDONED_RINGING,
}
"""An inbound call that came to nothing on the company's side is a missed call with that reason (D13)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talker:
    """One party of ours who talked, and how long in all (0 while it is not over)."""

    party: str
    employee: Employee | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The situation as the rules see it.

    `answerer` is who talked last (D15), `first` who picked up, `caller` who placed an outbound call; each is None if
    there was nobody, and has no employee if nobody knows him. `since` is the instant that deadlines count from.
    `cases` are the client's open missed-call cases that this call could have kept or repeated.
    """

    situation: Situation
    company: Company
    call: Call | None
    match: Match
    since: Instant
    answered: bool = False
    outcome: Outcome | None = None
    missed_reason: MissedReason | None = None
    talkers: tuple[Talker, ...] = ()
    first: Talker | None = None
    last: Talker | None = None
    answerer: Talker | None = None
    caller: Talker | None = None
    operator: Employee | None = None
    unknown_party: str | None = None
    settings_subject: str | None = None
    line: Line | None = None
    cases: tuple[Case, ...] = ()

    def talked(self, employee_id: str | None) -> bool:
        """Whether this employee took part in the conversation."""
        return employee_id is not None and any(
            talker.employee is not None and talker.employee.id == employee_id for talker in self.talkers
        )

    @property
    def responsible_talked(self) -> bool:
        """The one who owns the client's record took part in the conversation."""
        return self.talked(self.match.responsible_id)

    @property
    def previous_owner_id(self) -> str | None:
        """Who owned the lead that is over now."""
        previous = self.match.previous_lead
        return previous.owner_id if previous is not None else None

    @property
    def transferred(self) -> bool:
        """The call was handed on, or more than one of ours talked."""
        return len(self.talkers) > 1 or bool(self.call and self.call.transfers)


def find(situation: Situation, matrix: Matrix) -> Findings:
    """Look at everything once."""
    company, call = situation.company, situation.call
    matched = match(judged(situation), matrix.choice("D4"))
    line = company.lines.get(situation.line_number) if situation.line_number else None
    cases = tuple(case for case in situation.client.cases if case.status is CaseStatus.OPEN)
    if call is None:
        chat = situation.chat
        return Findings(
            situation=situation,
            company=company,
            call=None,
            match=matched,
            since=situation.now,
            answered=chat is not None and chat.answered,
            operator=employee_of(company, chat.employee) if chat is not None else None,
            line=line,
            cases=cases,
        )
    talkers = _talkers(company, call)
    first, last = _talker(talkers, call.first_talker), _talker(talkers, call.last_talker)
    if call.answered and call.ended and not talkers:
        # While it goes on, the platform may still say who it is; then S3 must not have been taken for S5.
        first = last = Talker(party="", employee=None, seconds=call.talk_seconds)
    stranger = unknown_party(company, call)
    outcome = outcome_of(call)
    answered = outcome is Outcome.ANSWERED
    return Findings(
        situation=situation,
        company=company,
        call=call,
        match=matched,
        since=call.ended_at if call.ended_at is not None else situation.now,
        answered=answered,
        outcome=outcome,
        missed_reason=missed_reason(situation, line) if outcome is not Outcome.FAILED and not answered else None,
        talkers=talkers,
        first=first,
        last=last,
        answerer=first if matrix.choice("D15") == "first_talker" else last,
        caller=_caller(company, call, first),
        unknown_party=stranger,
        settings_subject=subject_of(call, stranger),
        line=line,
        cases=cases,
    )


def missed_reason(situation: Situation, line: Line | None) -> MissedReason | None:
    """Why this inbound call was missed, after D12 and D14 had their say; None for any other call."""
    call, company = situation.call, situation.company
    if call is None or not call.ended or call.direction is not Direction.INBOUND:
        return None
    reason = call.missed_reason
    if reason is None:
        reason = INBOUND_REASON.get(call.outcome or Outcome.MISSED, MissedReason.NO_ANSWER)
    if reason not in GIVEN_UP:
        return reason
    short = company.policy.short_abandon
    # 0 seconds is how a platform that tells no ring time looks: such a call must not be lost as a short one.
    if 0.0 < (call.ring_seconds or 0.0) <= short:
        return MissedReason.SHORT_ABANDON
    schedule = company.schedules.get(line.schedule) if line is not None and line.schedule else None
    if schedule is not None and not shift(schedule, call.started_at).open:
        return MissedReason.OUT_OF_HOURS
    return reason


def outcome_of(call: Call) -> Outcome | None:
    """How the call is judged; None while it goes on and nobody has answered.

    An inbound call was answered by a person or missed, for whatever reason. One whose end nobody saw, and that nobody
    had answered by then, stays FAILED: to call it missed would be invented.
    """
    if call.answered or call.outcome is Outcome.ANSWERED:
        return Outcome.ANSWERED
    if not call.ended:
        return None
    if call.incomplete and call.outcome is Outcome.FAILED:
        return Outcome.FAILED
    if call.direction is Direction.INBOUND or call.outcome in (None, Outcome.VOICEMAIL):
        return Outcome.MISSED
    return call.outcome


def _talkers(company: Company, call: Call) -> tuple[Talker, ...]:
    """Everybody who talked in the order of his first word, each once, with all his seconds."""
    seconds: dict[str, float] = {}
    for talk in call.talked:
        until = talk.until if talk.until is not None else call.ended_at
        credited = max(0.0, until - talk.since) if until is not None else 0.0
        seconds[talk.party] = seconds.get(talk.party, 0.0) + credited
    return tuple(
        Talker(party=party, employee=employee_of(company, party), seconds=total) for party, total in seconds.items()
    )


def _talker(talkers: tuple[Talker, ...], party: str | None) -> Talker | None:
    return next((talker for talker in talkers if talker.party == party), None)


def _caller(company: Company, call: Call, first: Talker | None) -> Talker | None:
    if call.direction is not Direction.OUTBOUND:
        return None
    if call.caller is None:
        return first if first is not None else Talker(party="", employee=None, seconds=0.0)
    return Talker(party=call.caller, employee=employee_of(company, call.caller), seconds=0.0)
