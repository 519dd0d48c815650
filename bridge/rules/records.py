"""What opens, changes and links the client's records: contact, organisation, lead, deal, notes, the call itself."""

from bridge.model import effects
from bridge.model.crm import Contact, Deal, Lead, Organisation, record_id
from bridge.rules import rows
from bridge.rules.drafting import Draft
from bridge.rules.facts import source_of, utm_of
from bridge.rules.story import at_local, number, told_name


def open_contact(draft: Draft, action: rows.OpenContact) -> None:
    """The contact, unless the client has one, or this very fact has made it already."""
    contact_id, situation = draft.place.contact_id, draft.situation
    if contact_id is None or draft.findings.match.contact is not None:
        return
    if any(known.id == contact_id for known in situation.client.contacts):
        return
    form = situation.form
    contact = Contact(
        id=contact_id,
        name=_name(draft),
        phones=(situation.client_number,) if situation.client_number is not None else (),
        emails=(form.email,) if form is not None and form.email else (),
        owner_id=draft.choose(action.owner).employee_id,
        organisation_id=draft.place.organisation_id,
        origin=situation.fact,
        created_at=situation.now,
    )
    draft.add(effects.OpenContact(contact=contact))


def open_organisation(draft: Draft, action: rows.OpenOrganisation) -> None:
    """The organisation, named after the client until somebody knows better."""
    organisation_id, situation = draft.place.organisation_id, draft.situation
    if organisation_id is None or draft.findings.match.organisation_id is not None:
        return
    if any(known.id == organisation_id for known in situation.client.organisations):
        return
    organisation = Organisation(
        id=organisation_id,
        name=_name(draft),
        owner_id=draft.choose(action.owner).employee_id,
        origin=situation.fact,
        created_at=situation.now,
    )
    draft.add(effects.OpenOrganisation(organisation=organisation))


def open_lead(draft: Draft, action: rows.OpenLead) -> None:
    """The lead with its advertising tags, linked to what is known of the client."""
    lead_id, situation, matched = draft.place.lead_id, draft.situation, draft.findings.match
    if lead_id is None or any(known.id == lead_id for known in situation.client.leads):
        return
    lead = Lead(
        id=lead_id,
        title=draft.title(action.text),
        owner_id=draft.choose(action.owner).employee_id,
        contact_id=draft.place.contact_id,
        organisation_id=draft.place.organisation_id,
        previous_lead_id=matched.previous_lead.id if matched.previous_lead is not None else None,
        source=source_of(situation),
        utm=utm_of(situation),
        branch=situation.branch,
        origin=situation.fact,
        created_at=situation.now,
        active_at=situation.now,
    )
    draft.add(effects.OpenLead(lead=lead))


def open_deal(draft: Draft, action: rows.OpenDeal) -> None:
    """The deal, linked to what is known of the client."""
    deal_id, situation = draft.place.deal_id, draft.situation
    if deal_id is None or any(known.id == deal_id for known in situation.client.deals):
        return
    deal = Deal(
        id=deal_id,
        title=draft.title(action.text),
        owner_id=draft.choose(action.owner).employee_id,
        contact_id=draft.place.contact_id,
        organisation_id=draft.place.organisation_id,
        origin=situation.fact,
        created_at=situation.now,
        active_at=situation.now,
    )
    draft.add(effects.OpenDeal(deal=deal))


def hand_over(draft: Draft, action: rows.HandOver) -> None:
    """What this fact has opened goes to somebody else; known records keep their owners."""
    owner, fact, where = draft.choose(action.owner).employee_id, draft.situation.fact, draft.place
    contact = where.contact_id if where.contact_id == record_id("contact", fact) else None
    organisation = where.organisation_id if where.organisation_id == record_id("organisation", fact) else None
    lead = where.lead_id if where.lead_id == record_id("lead", fact) else None
    if owner is None or (contact, organisation, lead) == (None, None, None):
        return
    draft.add(effects.HandOver(owner_id=owner, lead_id=lead, contact_id=contact, organisation_id=organisation))


def log_call(draft: Draft) -> None:
    """The call's place among the client's records, if he has any."""
    where, call_id, situation = draft.place, draft.call_id, draft.situation
    if call_id is None or (where.lead_id, where.deal_id, where.contact_id) == (None, None, None):
        return
    call = situation.call
    at = next((at for at in (call.ended_at, call.answered_at) if at is not None), situation.now) if call else 0.0
    draft.add(
        effects.LogCall(
            call_id=call_id, lead_id=where.lead_id, deal_id=where.deal_id, contact_id=where.contact_id, at=at
        )
    )


def attach_recording(draft: Draft) -> None:
    """The recording links that are known by now: for the call, its tasks, and once as a note of its lead or deal."""
    situation, call_id = draft.situation, draft.call_id
    call = situation.call
    if call is None or call_id is None or not call.links:
        return
    draft.add(effects.AttachRecording(call_id=call_id, urls=call.links, fact=situation.fact))
    lead_id, deal_id = situation.lead_id or draft.place.lead_id, situation.deal_id or draft.place.deal_id
    if lead_id is None and deal_id is None:
        return
    for link in call.links:
        what = "Voicemail" if link == call.voicemail else "Recording of the call"
        note = effects.AddNote(
            key=f"{call_id}/{link}",
            text=f"{what} on {at_local(draft.findings, call.started_at)}: {link}",
            at=draft.findings.since,
            lead_id=lead_id,
            deal_id=deal_id,
        )
        draft.add(note)


def write_note(draft: Draft, action: rows.WriteNote) -> None:
    """A note on the lead or deal, else on the contact; without any of them there is nowhere to write."""
    where, situation = draft.place, draft.situation
    if (where.lead_id, where.deal_id, where.contact_id) == (None, None, None):
        return
    note = effects.AddNote(
        key=f"{situation.fact}/{action.text}",
        text=draft.text(action.text),
        at=situation.now,
        lead_id=where.lead_id,
        deal_id=where.deal_id,
        contact_id=where.contact_id,
    )
    draft.add(note)


def _name(draft: Draft) -> str:
    return told_name(draft.findings) or number(draft.findings)
