"""Whom of the company a platform means, and what to do about those whom nobody knows."""

import re

from bridge.model.call import Call, Direction
from bridge.model.people import Company, Employee
from bridge.model.phone import PhoneNumber, lookup_keys, read_number

SHORTEST_PHONE = 7
"""Digits below which a party is an extension, never a phone number."""

_ADDRESS = re.compile(
    r"(?:sips?|tel):(?://)?([^@;?:]+)(?:[@;?:].*)?|(\d{1,6})@[^@]+|(?:PJ)?SIP/([^@/]+?)(?:-[0-9a-f]{8})?", re.IGNORECASE
)
"""`sip:101@pbx.example;transport=tcp` (RFC 3261), `tel:+442079460101` (RFC 3966), `101@pbx.example` for short; and as
Asterisk names devices and their channels: `SIP/101`, `PJSIP/101-0000002a`."""


def employee_of(company: Company, party: str | None) -> Employee | None:
    """The employee whom the platform calls `party` (extension, account, e-mail, phone in any spelling), or None."""
    if not party:
        return None
    known = company.parties.get(party) or company.parties.get(party.lower()) or _by_address(company, party)
    return None if known is None else company.employees.get(known)


def unknown_party(company: Company, call: Call) -> str | None:
    """The person or phone of ours in this call that no employee is known by; None if everybody is known.

    An answered call of which the platform did not say who answered has the unknown party "" (nothing).
    """
    if call.direction is Direction.INTERNAL:
        return None
    parties = [talk.party for talk in call.talked]
    if call.direction is Direction.OUTBOUND:
        parties.insert(0, call.caller or (parties[0] if parties else ""))
    elif call.answered and not parties:
        parties.append("")
    return next((party for party in parties if employee_of(company, party) is None), None)


def settings_subject(company: Company, call: Call) -> str | None:
    """What the settings task about this call's unknown party is recognised by (`Task.subject`, D18), or None."""
    return subject_of(call, unknown_party(company, call))


def subject_of(call: Call, party: str | None) -> str | None:
    """The same, where the unknown party has been found already."""
    if party is None:
        return None
    return subject_of_party(party) if party else f"source:{call.source}"


def subject_of_party(party: str) -> str:
    """What the settings task about this party, as the platform names it, is recognised by."""
    return f"party:{_user(party).lower()}"


def _user(party: str) -> str:
    """The account, extension or number in an address; anything else as it is."""
    address = _ADDRESS.fullmatch(party)
    return party if address is None else address[address.lastindex or 0]


def _by_address(company: Company, party: str) -> str | None:
    user = _user(party)
    return company.parties.get(user) or company.parties.get(user.lower()) or _by_phone(company, user)


def _by_phone(company: Company, party: str) -> str | None:
    digits = sum(character.isdigit() for character in party)
    if digits < SHORTEST_PHONE or any(character.isalpha() for character in party):
        return None
    number = read_number(party, company.country)
    if not isinstance(number, PhoneNumber):
        return None
    return next((company.parties[key] for key in sorted(lookup_keys(number)) if key in company.parties), None)
