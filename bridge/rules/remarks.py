"""What the cross-cutting rules have to say about a situation, whichever row decides it."""

from collections.abc import Iterator
from typing import assert_never

from bridge.model.call import MissedReason
from bridge.model.situation import Occasion
from bridge.rules.findings import Findings
from bridge.rules.matching import Match, Standing
from bridge.rules.routing import name_of
from bridge.rules.story import in_vain, lasting, talker_name, talkers

COMPANY_SIDE = frozenset(
    {
        MissedReason.BUSY,
        MissedReason.REJECTED,
        MissedReason.FAILED,
        MissedReason.UNAVAILABLE,
    }
)


def remarks(findings: Findings) -> list[str]:
    """The reasons that hold for any row, each beginning with the rule's name where a rule had a say."""
    return [*_of_the_client(findings), *_of_the_call(findings)]


def _of_the_client(findings: Findings) -> Iterator[str]:
    matched = findings.match
    yield _standing(findings)
    if matched.standing is Standing.DEAL:
        yield "D2: an open deal that never was a lead: the deal is what counts, its owner is the responsible"
    if matched.other_leads:
        named = ", ".join(lead.id for lead in matched.other_leads)
        kept = matched.lead.id if matched.lead is not None else "none"
        yield f"D4: several open leads, {kept} was chosen; the others are {named}"
    if matched.other_contacts:
        named = ", ".join(contact.id for contact in matched.other_contacts)
        kept = matched.contact.id if matched.contact is not None else "none"
        yield f"several contacts share this number, {kept} was chosen; the others are {named}"
    if _same_touch(findings) and matched.lead is not None:
        ago = lasting(max(0.0, _moment(findings) - matched.lead.created_at))
        yield f"D19: the lead was opened {ago} ago by another touch of the same client: one lead, several touches"


def _standing(findings: Findings) -> str:
    matched, company = findings.match, findings.company
    owner = name_of(company, matched.responsible_id)
    match matched.standing:
        case Standing.OPEN_LEAD:
            return f"the client has the open lead {_id(matched)}, responsible: {owner}"
        case Standing.DEAL:
            return f"the client has the open deal {matched.deal.id if matched.deal else ''}, responsible: {owner}"
        case Standing.CONVERTED:
            return "the client's lead was converted, only its deal is left: nothing is written there"
        case Standing.CLOSED:
            status = matched.previous_lead.status if matched.previous_lead is not None else "over"
            return f"the client has no open lead, his last one was {status}"
        case Standing.CONTACT:
            return f"the client is a known contact without an open lead or deal, owner: {owner}"
        case Standing.NEW:
            return "the client is new: no contact, open lead or deal"
        case _:
            assert_never(matched.standing)


def _of_the_call(findings: Findings) -> Iterator[str]:
    call = findings.call
    if call is None or findings.situation.occasion is not Occasion.ENDED:
        return
    if findings.transferred and findings.answered:
        last = talker_name(findings.last)
        heard = " The responsible talked, too." if findings.responsible_talked else ""
        yield f"D15: transferred, the last who talked is {last} ({talkers(findings)}).{heard}"
        if any(transfer.answered is False for transfer in call.transfers):
            yield "D15: a transfer that nobody took after the talk is no missed call"
    vain = in_vain(findings)
    if vain and len(call.rang) > 1:
        yield f"D16: one call, one verdict; rang in vain and is no missed call of theirs: {', '.join(vain)}"
    yield from _of_a_missed_call(findings.missed_reason)


def _of_a_missed_call(reason: MissedReason | None) -> Iterator[str]:
    if reason is MissedReason.VOICEMAIL:
        yield "D11: voicemail counts as missed, its recording is on the task"
    elif reason in COMPANY_SIDE:
        yield f"D13: it failed on the company's side, a missed call for the reason {reason}"
    elif reason is MissedReason.OUT_OF_HOURS:
        yield "D14: outside the line's hours"
    elif reason is MissedReason.SHORT_ABANDON:
        yield "D12: the caller gave up at once"


def _same_touch(findings: Findings) -> bool:
    lead = findings.match.lead
    if lead is None or lead.origin == findings.situation.fact or lead.created_at == 0.0:
        return False
    return abs(_moment(findings) - lead.created_at) <= findings.company.policy.same_touch


def _moment(findings: Findings) -> float:
    return findings.call.started_at if findings.call is not None else findings.situation.now


def _id(matched: Match) -> str:
    return matched.lead.id if matched.lead is not None else ""
