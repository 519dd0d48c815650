"""Why a call led to what it led to: the legs, the candidates, the row that matched, and why the others did not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bridge.model.call import Call
from bridge.model.crm import Client
from bridge.model.moment import Instant
from bridge.model.people import Company
from bridge.rules.rows import Matrix
from bridge.rules.staff import employee_of
from bridge.store.aliases import keys_of
from bridge.store.calls import CallRecord, call_by_id
from bridge.store.engine import Connection
from bridge.store.journal import JournalEntry, entries
from bridge.store.queries import StoredVerdict, verdicts_of_call
from bridge.web.doings import Doing, doing
from bridge.web.shapes import (
    CALL,
    EVENT,
    MOMENT,
    MOMENT_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    Member,
    Shape,
    array,
    member,
    members,
    one_of,
    ref,
)

MOST_EVENTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A stretch of the call: somebody's phone rang, or somebody talked. `until` None: it goes on."""

    kind: str
    party: str
    employee_id: str | None
    since: Instant
    until: Instant | None
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A record of the client that was there when the call began."""

    kind: str
    id: str
    title: str
    status: str | None
    responsible_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A row that did not match: its first condition that failed, and what was found instead."""

    scenario: str
    title: str
    condition: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One verdict with everything that explains it."""

    occasion: str
    decided_at: Instant
    matrix: str
    scenario: str | None
    title: str
    responsible_id: str | None
    answerer_id: str | None
    reasons: tuple[str, ...]
    refusals: tuple[Refused, ...]
    effects: tuple[Doing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A call's whole story."""

    call: CallRecord
    timeline: tuple[Leg, ...]
    candidates: tuple[Candidate, ...]
    decisions: tuple[Decision, ...]
    events: tuple[JournalEntry, ...]


async def explain(conn: Connection, call_id: str, company: Company, matrix: Matrix) -> Explanation | None:
    """The story of the call with this id; None if there is no such call."""
    record = await call_by_id(conn, call_id)
    if record is None:
        return None
    verdicts = await verdicts_of_call(conn, call_id)
    keys = {record.key, *record.body.merged, *await keys_of(conn, call_id)}
    told = await entries(conn, call_keys=sorted(keys), limit=MOST_EVENTS)
    titles = {row.name: row.title for row in (*matrix.rows, *matrix.modifiers)}
    return Explanation(
        call=record,
        timeline=tuple(timeline(record.body, company)),
        candidates=tuple(_candidates(record.client_before)),
        decisions=tuple(_decision(verdict, company, titles) for verdict in verdicts),
        events=tuple(sorted(told.items, key=lambda entry: (entry.occurred_at, entry.id))),
    )


def timeline(call: Call, company: Company) -> list[Leg]:
    """Who rang and who talked, in the order of beginning."""

    def whose(party: str) -> str | None:
        employee = employee_of(company, party)
        return None if employee is None else employee.id

    rings = [
        Leg(
            kind="rang",
            party=rang.party,
            employee_id=whose(rang.party),
            since=rang.since,
            until=rang.until if rang.until is not None else call.ended_at,
            result=None if rang.result is None else str(rang.result),
        )
        for rang in call.rang
    ]
    talks = [
        Leg(
            kind="talked",
            party=talk.party,
            employee_id=whose(talk.party),
            since=talk.since,
            until=talk.until if talk.until is not None else call.ended_at,
        )
        for talk in call.talked
    ]
    return sorted((*rings, *talks), key=lambda leg: (leg.since, leg.kind))


def _candidates(client: Client | None) -> Iterator[Candidate]:
    if client is None:
        return
    for lead in client.leads:
        yield Candidate(
            kind="lead", id=lead.id, title=lead.title, status=str(lead.status), responsible_id=lead.owner_id
        )
    for deal in client.deals:
        yield Candidate(
            kind="deal", id=deal.id, title=deal.title, status=str(deal.status), responsible_id=deal.owner_id
        )
    for contact in client.contacts:
        yield Candidate(kind="contact", id=contact.id, title=contact.name, status=None, responsible_id=contact.owner_id)


def _decision(stored: StoredVerdict, company: Company, titles: dict[str, str]) -> Decision:
    verdict = stored.verdict
    return Decision(
        occasion=stored.occasion,
        decided_at=stored.decided_at,
        matrix=stored.matrix,
        scenario=verdict.scenario,
        title=titles.get(verdict.scenario or "", ""),
        responsible_id=verdict.responsible_id,
        answerer_id=verdict.answerer_id,
        reasons=verdict.reasons,
        refusals=tuple(
            Refused(
                scenario=refusal.scenario,
                title=titles.get(refusal.scenario, ""),
                condition=refusal.condition,
                found=refusal.found,
            )
            for refusal in verdict.refusals
        ),
        effects=tuple(doing(effect, company) for effect in verdict.effects),
    )


def _each(shape: Shape, name: str) -> Member:
    def get(record: Any, company: Company) -> list[Any]:
        return [shape.json(item, company) for item in getattr(record, name)]

    return Member(name, array(ref(shape)), get)


LEG = Shape(
    "Leg",
    "A stretch of a call: a phone that rang, or a person who talked.",
    (
        member("kind", one_of(("rang", "talked"))),
        member("party", TEXT),
        member("employee_id", TEXT_OR_NULL),
        member("from", MOMENT, lambda leg: leg.since),
        member("to", MOMENT_OR_NULL, lambda leg: leg.until),
        member("result", TEXT_OR_NULL),
    ),
)
CANDIDATE = Shape(
    "Candidate",
    "A record of the client that was there when the call began.",
    (
        member("kind", one_of(("lead", "deal", "contact"))),
        *members("id title", TEXT),
        *members("status responsible_id", TEXT_OR_NULL),
    ),
)
REFUSAL = Shape("Refusal", "Why a row did not match.", members("scenario title condition found", TEXT))
DOING = Shape("Effect", "One thing that was done.", (member("text", TEXT), *members("kind id", TEXT_OR_NULL)))
DECISION = Shape(
    "Decision",
    "One verdict: the first row that matched, and why the rows before it did not.",
    (
        member("occasion", TEXT),
        member("decided_at", MOMENT),
        member("matrix", TEXT),
        member("scenario", TEXT_OR_NULL),
        member("title", TEXT),
        *members("responsible_id answerer_id", TEXT_OR_NULL),
        member("reasons", TEXTS, lambda decision: list(decision.reasons)),
        _each(REFUSAL, "refusals"),
        _each(DOING, "effects"),
    ),
)
EXPLANATION = Shape(
    "Explanation",
    "Why a call led to what it led to.",
    (
        Member("call", ref(CALL), lambda story, company: CALL.json(story.call, company)),
        _each(LEG, "timeline"),
        _each(CANDIDATE, "candidates"),
        _each(DECISION, "decisions"),
        _each(EVENT, "events"),
    ),
)
SHAPES = (LEG, CANDIDATE, REFUSAL, DOING, DECISION, EXPLANATION)
