"""A little company and its calls, for stories about rules: what a story does not say is ordinary.

Olga is the senior manager, Anna the top manager, Jan and Eva are managers. MORNING is a Thursday, 10:00 in London.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, time
from pathlib import Path
from typing import Any

from bridge.model.call import Call, Direction, MissedReason, Outcome, Rang, RangResult, Talk, Transfer, Utm
from bridge.model.crm import Case, Client, Contact, Deal, Lead, LeadStatus, Organisation, Task, TaskStatus
from bridge.model.effects import AddTask, Verdict
from bridge.model.moment import Instant, from_iso
from bridge.model.people import Company, Employee, Line, OpenHours, Policy, Role, Schedule
from bridge.model.phone import PhoneNumber, lane_of, lookup_keys
from bridge.model.situation import Occasion, Situation
from bridge.rules.decide import decide
from bridge.rules.matrix import Matrix, read_matrix

SCENARIOS = Path(__file__).parents[1] / "config" / "scenarios.toml"
MATRIX = read_matrix(SCENARIOS.read_text(encoding="utf-8"))

MORNING: Instant = from_iso("2026-03-12T10:00:00+00:00")
CLIENT = "+447700900123"
LINE = "+442079460001"
HOUR = 3600.0

PEOPLE = (
    Employee(id="olga", name="Olga Senior", role=Role.SENIOR, extensions=("100",), email="olga@acme.example"),
    Employee(id="anna", name="Anna Top", role=Role.TOP, extensions=("109",), email="anna@acme.example"),
    Employee(id="jan", name="Jan Smith", extensions=("101",), phones=("+447700900801",), email="jan@acme.example"),
    Employee(id="eva", name="Eva Jones", extensions=("102",), phones=("+447700900802",), email="eva@acme.example"),
)
LINES = (Line(number=LINE, name="Sales"), Line(number="+442079460002", name="Service"))
WEEK = tuple(OpenHours(weekday=day, opens=time(9), closes=time(17)) for day in range(5))
OFFICE = Schedule(id="office", timezone="Europe/London", hours=WEEK, closed=frozenset({date(2026, 4, 3)}))


def company(
    *,
    people: Iterable[Employee] = PEOPLE,
    lines: Iterable[Line] = LINES,
    schedules: Iterable[Schedule] = (),
    **policy: Any,
) -> Company:
    """The company; what is left over is policy."""
    employees = {employee.id: employee for employee in people}
    listed = {line.number: line for line in lines}
    parties: dict[str, str] = {}
    own = {key for number in listed for key in lookup_keys(PhoneNumber(number))}
    for employee in employees.values():
        keys = {key for phone in employee.phones for key in lookup_keys(PhoneNumber(phone))}
        parties |= dict.fromkeys(
            (*employee.extensions, *keys, *([employee.email] if employee.email else [])), employee.id
        )
        own |= keys
    return Company(
        name="Acme",
        country="GB",
        timezone="Europe/London",
        policy=Policy(senior="olga", top="anna", **policy),
        employees=employees,
        schedules={schedule.id: schedule for schedule in schedules},
        lines=listed,
        parties=parties,
        own_numbers=frozenset(own),
    )


def changed(employee_id: str, **fields: Any) -> tuple[Employee, ...]:
    """The people of the company, one of them with other fields."""
    return tuple(replace(one, **fields) if one.id == employee_id else one for one in PEOPLE)


def answered(*talkers: str, at: Instant = MORNING, ring: float = 6, talk: float = 120, **fields: Any) -> Call:
    """An inbound call that ended; everybody talked for the same time, one after the other."""
    picked_up = at + ring
    share = talk / max(1, len(talkers))
    talked = tuple(
        Talk(party=party, since=picked_up + place * share, until=picked_up + (place + 1) * share)
        for place, party in enumerate(talkers)
    )
    told: dict[str, Any] = {"outcome": Outcome.ANSWERED, "ended_at": picked_up + talk, "recordings": (RECORDING,)}
    return _call(at, talked=talked, answered_at=picked_up, **{**told, **fields})


def live(*talkers: str, **fields: Any) -> Call:
    """An inbound call that has just been picked up."""
    call = answered(*talkers, **fields)
    talked = tuple(replace(talk, until=None) for talk in call.talked)
    return replace(call, talked=talked, ended_at=None, outcome=None, recordings=())


def missed(
    *rang: str, reason: MissedReason = MissedReason.NO_ANSWER, at: Instant = MORNING, ring: float = 30, **fields: Any
) -> Call:
    """An inbound call that nobody answered."""
    phones = tuple(Rang(party=party, since=at, until=at + ring, result=RangResult.NO_ANSWER) for party in rang)
    told: dict[str, Any] = {"outcome": Outcome.MISSED, "missed_reason": reason, "ended_at": at + ring, "rang": phones}
    return _call(at, **{**told, **fields})


def called(caller: str, *, talk: float = 60, **fields: Any) -> Call:
    """An outbound call that the client answered."""
    return replace(answered(caller, talk=talk, caller=caller, **fields), direction=Direction.OUTBOUND)


def called_in_vain(caller: str, outcome: Outcome = Outcome.MISSED, **fields: Any) -> Call:
    """An outbound call that the client did not answer."""
    call = missed(caller=caller, outcome=outcome, **fields)
    return replace(call, direction=Direction.OUTBOUND, missed_reason=None)


def transferred(call: Call, *transfers: Transfer) -> Call:
    """The same call, handed on."""
    return replace(call, transfers=transfers)


def _call(at: Instant, **fields: Any) -> Call:
    number = fields.pop("id", "c-1")
    told: dict[str, Any] = {"raw_number": CLIENT, "raw_line": LINE, "direction": Direction.INBOUND}
    return Call(key=f"pbx/{number}", source="pbx", platform_call_id=number, started_at=at, **{**told, **fields})


RECORDING = "https://pbx.example/rec/c-1.mp3"
PAST = MORNING - 30 * 24 * HOUR

CONTACT = Contact(id="contact-1", name="Anna Nowak", phones=(CLIENT,), owner_id="eva", origin="old", created_at=PAST)


def contact(**fields: Any) -> Contact:
    """A known contact, owned by Eva."""
    return replace(CONTACT, **fields)


def lead(**fields: Any) -> Lead:
    """A lead of that contact, owned by Eva, open."""
    made = Lead(
        id="lead-1", title="Anna Nowak, lead lead-1", owner_id="eva", contact_id="contact-1", origin="old",
        created_at=PAST, active_at=PAST,
    )  # fmt: skip
    return replace(made, **fields)


def deal(**fields: Any) -> Deal:
    """A deal of that contact, owned by Eva, open, that never was a lead."""
    made = Deal(
        id="deal-1", title="Kitchen", owner_id="eva", contact_id="contact-1", origin="old", created_at=PAST,
        active_at=PAST,
    )  # fmt: skip
    return replace(made, **fields)


def client(*records: Contact | Organisation | Lead | Deal | Case | Task, lane: str | None = None) -> Client:
    """The client with these records; leads and deals come most recently active first, as the store promises."""
    leads = sorted((record for record in records if isinstance(record, Lead)), key=lambda one: -one.active_at)
    deals = sorted((record for record in records if isinstance(record, Deal)), key=lambda one: -one.active_at)
    return Client(
        lane=lane or lane_of(PhoneNumber(CLIENT)),
        contacts=tuple(record for record in records if isinstance(record, Contact)),
        organisations=tuple(record for record in records if isinstance(record, Organisation)),
        leads=tuple(leads),
        deals=tuple(deals),
        cases=tuple(record for record in records if isinstance(record, Case)),
        tasks=tuple(record for record in records if isinstance(record, Task)),
    )


NEW = client()
OPEN_LEAD = client(contact(), lead())
CONVERTED = client(contact(), lead(status=LeadStatus.CONVERTED, deal_id="deal-1"), deal(lead_id="lead-1"))
LOST = client(contact(), lead(status=LeadStatus.LOST))
DEAL = client(contact(), deal())
KNOWN = client(contact())


def situation(call: Call | None = None, known: Client = NEW, **fields: Any) -> Situation:
    """The call has ended and settled; the client was known like this when it began, and still is."""
    ended = call is not None and call.ended_at is not None
    told: dict[str, Any] = {
        "occasion": Occasion.ENDED if ended else Occasion.PICKED_UP,
        "fact": call.key if call is not None else "site/form-1",
        "now": (call.ended_at or (call.answered_at or call.started_at)) + 3 if call is not None else MORNING,
        "company": company(),
        "client": known,
        "client_before": known,
        "call": call,
        "call_id": "call-1" if call is not None else None,
        "client_number": CLIENT,
        "raw_number": CLIENT,
        "line_number": LINE,
    }
    return Situation(**{**told, **fields})


def verdict(call: Call | None = None, known: Client = NEW, *, matrix: Matrix = MATRIX, **fields: Any) -> Verdict:
    """What the default matrix decides."""
    return decide(situation(call, known, **fields), matrix)


def effects(found: Verdict, kind: type[Any]) -> list[Any]:
    """The effects of this kind, in order."""
    return [effect for effect in found.effects if isinstance(effect, kind)]


def tasks(found: Verdict) -> list[Task]:
    """The tasks that the verdict makes."""
    return [effect.task for effect in effects(found, AddTask)]


def only_task(found: Verdict) -> Task:
    """The one task that the verdict makes."""
    made = tasks(found)
    assert len(made) == 1, made
    return made[0]


def told(found: Verdict) -> str:
    """All reasons as one text."""
    return "\n".join(found.reasons)


def done(task: Task) -> bool:
    """The task is done."""
    return task.status is TaskStatus.DONE


UTM = Utm(source="google", medium="cpc", campaign="autumn")
