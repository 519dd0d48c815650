"""Giving a client to the one who answered, when it becomes known only afterwards who that was."""

from collections.abc import Collection, Iterable

from bridge.model.crm import Client, LeadStatus
from bridge.model.effects import HandOver
from bridge.model.people import Policy


def keepers(policy: Policy) -> frozenset[str]:
    """Who keeps what a call has opened until it is known who answered."""
    return frozenset({policy.senior, policy.top})


def handed_to(client: Client, facts: Iterable[str], employee_id: str, holders: Collection[str]) -> HandOver | None:
    """What these facts have opened goes to him, as far as it still lies with one of the holders; None if nothing does.

    What a person has edited stays where it is.
    """
    made = frozenset(facts)

    def waiting(origin: str, owner_id: str | None, *, touched: bool) -> bool:
        return origin in made and owner_id in holders and owner_id != employee_id and not touched

    lead = next(
        (
            lead.id
            for lead in client.leads
            if lead.status is LeadStatus.OPEN and waiting(lead.origin, lead.owner_id, touched=lead.touched)
        ),
        None,
    )
    contact = next((c.id for c in client.contacts if waiting(c.origin, c.owner_id, touched=c.touched)), None)
    organisation = next((o.id for o in client.organisations if waiting(o.origin, o.owner_id, touched=o.touched)), None)
    if lead is None and contact is None and organisation is None:
        return None
    return HandOver(owner_id=employee_id, lead_id=lead, contact_id=contact, organisation_id=organisation)
