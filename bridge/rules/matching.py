"""What the CRM has of the client, as it counts for one fact: which state, which record, whose (D1-D4, S3-25)."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from bridge.model.crm import Client, Contact, Deal, DealStatus, Lead, LeadStatus, Organisation
from bridge.model.situation import Situation

Sale = TypeVar("Sale", Lead, Deal)

OVER = frozenset({LeadStatus.WON, LeadStatus.LOST})


class Standing(StrEnum):
    """The client's state, exactly one of these; an earlier one wins over a later one."""

    OPEN_LEAD = "open_lead"
    DEAL = "deal"
    """An open deal that never was a lead (D2)."""
    CONVERTED = "converted"
    """The lead was converted; only the deal that it became is left (S10)."""
    CLOSED = "closed"
    """Won or lost leads only (D3)."""
    CONTACT = "contact"
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The records that a fact is about. `lead` is the open one, `previous_lead` the one that was before.

    `others` are further open leads and contacts of the same client, which were not chosen.
    """

    standing: Standing
    lead: Lead | None = None
    deal: Deal | None = None
    contact: Contact | None = None
    previous_lead: Lead | None = None
    organisation_id: str | None = None
    responsible_id: str | None = None
    other_leads: tuple[Lead, ...] = ()
    other_contacts: tuple[Contact, ...] = ()


NOBODY = Match(standing=Standing.NEW)


def match(client: Client, prefer: str = "most_recently_active") -> Match:
    """Which of the client's records are meant; `prefer` is D4's choice among several open leads."""
    if not (client.leads or client.deals or client.contacts):
        return NOBODY
    open_leads = [lead for lead in client.leads if lead.status is LeadStatus.OPEN]
    over = [lead for lead in client.leads if lead.status is not LeadStatus.OPEN]
    open_deals = [deal for deal in client.deals if deal.status is DealStatus.OPEN]
    own_deals = _never_leads(open_deals, over)
    lead = _preferred(open_leads, prefer)
    standing = _standing(client, lead, over, own_deals=own_deals, open_deals=open_deals)
    deal = _latest(own_deals) or _latest(open_deals)
    previous = _previous(over, standing)
    contact = _contact(client, lead, deal, previous)
    return Match(
        standing=standing,
        lead=lead,
        deal=deal if standing is Standing.DEAL else None,
        contact=contact,
        previous_lead=previous,
        organisation_id=_organisation_id(lead, deal, contact, previous),
        responsible_id=_responsible_id(lead, deal, contact),
        other_leads=tuple(known for known in open_leads if known is not lead) if len(open_leads) > 1 else (),
        other_contacts=tuple(known for known in client.contacts if known is not contact)
        if len(client.contacts) > 1
        else (),
    )


def judged(situation: Situation) -> Client:
    """The client as it counts for this fact: as it was when the fact began, without what the fact itself made.

    What other facts have made in between counts where there was nothing to go by before: two calls of one new client
    at the same time give one lead.
    """
    fact = situation.fact
    now = situation.client
    if situation.client_before is now and not _made_by(now, fact):
        return now
    before = _still_there(without(situation.client_before, fact), now)
    if _has_open_lead(before) or any(lead.origin == fact for lead in now.leads):
        return before
    others = without(now, fact)
    if _has_open_lead(others) or not _has_anything(before):
        return others
    return before


def without(client: Client, fact: str) -> Client:
    """The client without the records that this fact made."""
    if not _made_by(client, fact):
        return client
    return replace(
        client,
        contacts=tuple(record for record in client.contacts if record.origin != fact),
        organisations=tuple(record for record in client.organisations if record.origin != fact),
        leads=tuple(record for record in client.leads if record.origin != fact),
        deals=tuple(record for record in client.deals if record.origin != fact),
    )


def _made_by(client: Client, fact: str) -> bool:
    groups: tuple[tuple[Contact | Organisation | Lead | Deal, ...], ...] = (
        client.contacts,
        client.organisations,
        client.leads,
        client.deals,
    )
    for records in groups:
        for record in records:
            if record.origin == fact:
                return True
    return False


def _still_there(before: Client, now: Client) -> Client:
    """Records that were merged away or erased since do not count."""
    records: tuple[Contact | Lead | Deal, ...] = (*now.contacts, *now.leads, *now.deals)
    left = {record.id for record in records}
    return replace(
        before,
        contacts=tuple(record for record in before.contacts if record.id in left),
        leads=tuple(record for record in before.leads if record.id in left),
        deals=tuple(record for record in before.deals if record.id in left),
    )


def _has_open_lead(client: Client) -> bool:
    return any(lead.status is LeadStatus.OPEN for lead in client.leads)


def _has_anything(client: Client) -> bool:
    return bool(client.contacts or client.leads or client.deals)


def _never_leads(open_deals: list[Deal], over: list[Lead]) -> list[Deal]:
    """The open deals that no lead became (D2)."""
    became = {lead.deal_id for lead in over} if open_deals else set()
    return [deal for deal in open_deals if deal.lead_id is None and deal.id not in became]


def _standing(
    client: Client, lead: Lead | None, over: list[Lead], *, own_deals: list[Deal], open_deals: list[Deal]
) -> Standing:
    if lead is not None:
        return Standing.OPEN_LEAD
    if own_deals:
        return Standing.DEAL
    latest = _latest(over)
    if open_deals or (latest is not None and latest.status is LeadStatus.CONVERTED):
        return Standing.CONVERTED
    if latest is not None:
        return Standing.CLOSED
    return Standing.CONTACT if client.contacts else Standing.NEW


def _preferred(leads: list[Lead], prefer: str) -> Lead | None:
    if prefer == "oldest":
        return min(leads, key=lambda lead: (lead.created_at, lead.id), default=None)
    return _latest(leads)


def _latest(records: list[Sale]) -> Sale | None:
    if len(records) <= 1:
        return records[0] if records else None
    return max(records, key=lambda record: (record.active_at, record.created_at), default=None)


def _previous(over: list[Lead], standing: Standing) -> Lead | None:
    if standing is Standing.CONVERTED:
        return _latest([lead for lead in over if lead.status is LeadStatus.CONVERTED])
    return _latest([lead for lead in over if lead.status in OVER])


def _contact(client: Client, lead: Lead | None, deal: Deal | None, previous: Lead | None) -> Contact | None:
    """The contact of the record that is meant; else the one known longest, so that the choice is always the same."""
    for record in (lead, deal, previous):
        if record is not None and record.contact_id is not None:
            for contact in client.contacts:
                if contact.id == record.contact_id:
                    return contact
    return min(client.contacts, key=lambda contact: (contact.created_at, contact.id), default=None)


def _responsible_id(lead: Lead | None, deal: Deal | None, contact: Contact | None) -> str | None:
    for record in (lead, deal, contact):
        if record is not None and record.owner_id:
            return record.owner_id
    return None


def _organisation_id(
    lead: Lead | None, deal: Deal | None, contact: Contact | None, previous: Lead | None
) -> str | None:
    for record in (lead, deal, contact, previous):
        if record is not None and record.organisation_id is not None:
            return record.organisation_id
    return None
