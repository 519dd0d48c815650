"""What the texts of tasks, leads and notes may mention; each variable is worked out only if a text asks for it."""

from collections.abc import Callable, Mapping

from bridge.model.call import Direction, RangResult
from bridge.model.moment import Instant
from bridge.rules.facts import source_of, utm_of
from bridge.rules.findings import Findings, Talker
from bridge.rules.routing import name_of
from bridge.rules.shifts import local

MINUTE = 60
HOUR = 3600
DAY = 86400


class Story(dict[str, str]):
    """The variables of one situation, for `str.format_map`."""

    __slots__ = ("findings",)

    def __init__(self, findings: Findings, lead_id: str | None) -> None:
        super().__init__(lead_id=lead_id or "")
        self.findings = findings

    def __missing__(self, key: str) -> str:
        word = TELLERS[key](self.findings)
        self[key] = word
        return word


def lasting(seconds: float) -> str:
    """A duration as people say it: `45 s`, `3 min 4 s`, `2 h 5 min`, `1 d 3 h`."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole, MINUTE, "min", 1, "s")
    if whole < DAY:
        return _two(whole, HOUR, "h", MINUTE, "min")
    return _two(whole, DAY, "d", HOUR, "h")


def _two(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = whole % large // small
    return f"{whole // large} {large_name}" + (f" {rest} {small_name}" if rest else "")


def client_name(findings: Findings) -> str:
    """What we call the client: as the CRM knows him, as the platform names him, or his number."""
    contact = findings.match.contact
    return (contact.name if contact is not None else "") or told_name(findings) or number(findings)


def told_name(findings: Findings) -> str:
    """The client's name as the call, form or chat told it; empty if it did not."""
    situation = findings.situation
    if situation.call is not None:
        return situation.call.client_name or ""
    fact = situation.form or situation.chat
    return (fact.name if fact is not None else None) or ""


def number(findings: Findings) -> str:
    """The client's number, or what there is instead."""
    return findings.situation.client_number or findings.situation.raw_number or "hidden number"


def who(findings: Findings) -> str:
    """Name and number, each once."""
    name, digits = client_name(findings), number(findings)
    return name if name == digits else f"{name} ({digits})"


def line(findings: Findings) -> str:
    """The company number with its name."""
    told = findings.situation.line_number or (findings.call.raw_line if findings.call is not None else None)
    if findings.line is not None:
        return f"{findings.line.name} ({findings.line.number})"
    return told or "an unknown line"


def talker_name(talker: Talker | None) -> str:
    """The employee's name, or the unknown party as the platform calls it."""
    if talker is None:
        return "nobody"
    if talker.employee is not None:
        return talker.employee.name
    return f"unknown party {talker.party}" if talker.party else "somebody the platform did not name"


def in_vain(findings: Findings) -> list[str]:
    """The phones that rang without being picked up (D16)."""
    rang = findings.call.rang if findings.call is not None else ()
    talked = {talker.party for talker in findings.talkers}
    return list(
        dict.fromkeys(
            ring.party for ring in rang if ring.result is not RangResult.ANSWERED and ring.party not in talked
        )
    )


def at_local(findings: Findings, at: Instant) -> str:
    """The instant on the company's clocks."""
    return local(at, findings.company.timezone).isoformat(" ", "minutes")[:16]


def _when(findings: Findings) -> str:
    call = findings.call
    return at_local(findings, call.started_at if call is not None else findings.situation.now)


def _ring(findings: Findings) -> str:
    seconds = findings.call.ring_seconds if findings.call is not None else None
    return lasting(seconds or 0.0)


def _talk(findings: Findings) -> str:
    return lasting(findings.call.talk_seconds if findings.call is not None else 0.0)


def talkers(findings: Findings) -> str:
    """Everybody who talked, with his time (D15)."""
    told = ", ".join(f"{talker_name(talker)} {lasting(talker.seconds)}" for talker in findings.talkers)
    return told or talker_name(findings.last)


def _reason(findings: Findings) -> str:
    reason = findings.missed_reason
    return str(reason).replace("_", " ") if reason is not None else ""


def _data(findings: Findings) -> str:
    situation = findings.situation
    form, chat = situation.form, situation.chat
    told: dict[str, str | None] = {}
    if form is not None:
        told = {"name": form.name, "phone": form.phone, "email": form.email, **form.fields}
    elif chat is not None:
        told = {"name": chat.name, "phone": chat.phone, "chat": chat.chat_id}
    utm = utm_of(situation)
    told |= {"utm_source": utm.source, "utm_medium": utm.medium, "utm_campaign": utm.campaign}
    told |= {"utm_term": utm.term, "utm_content": utm.content}
    return "\n".join(f"{key}: {value}" for key, value in told.items() if value)


def _story(findings: Findings) -> str:
    call = findings.call
    if call is None:
        return f"{who(findings)} wrote on {_when(findings)}."
    if call.direction is Direction.OUTBOUND:
        begun = f"{talker_name(findings.caller)} called {who(findings)} from {line(findings)} on {_when(findings)}"
    else:
        begun = f"{who(findings)} called {line(findings)} on {_when(findings)}"
    if findings.answered:
        return f"{begun}, rang {_ring(findings)}, talked {_talk(findings)}: {talkers(findings)}."
    vain = in_vain(findings)
    phones = f" Rang in vain: {', '.join(vain)}." if vain else ""
    reason = _reason(findings)
    return f"{begun}, rang {_ring(findings)}, nobody answered{f' ({reason})' if reason else ''}.{phones}"


TELLERS: Mapping[str, Callable[[Findings], str]] = {
    "client": client_name,
    "number": number,
    "who": who,
    "line": line,
    "when": _when,
    "ring": _ring,
    "talk": _talk,
    "talkers": talkers,
    "rang": lambda findings: ", ".join(in_vain(findings)) or "none",
    "reason": _reason,
    "answerer": lambda findings: talker_name(findings.answerer),
    "picked_up_by": lambda findings: talker_name(findings.first),
    "caller": lambda findings: talker_name(findings.caller),
    "responsible": lambda findings: name_of(findings.company, findings.match.responsible_id),
    "party": lambda findings: findings.unknown_party or "an extension that the platform did not name",
    "source": lambda findings: source_of(findings.situation),
    "data": _data,
    "story": _story,
}
