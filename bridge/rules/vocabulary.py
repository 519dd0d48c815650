"""The words of the matrix: what a row may ask (`when`), whom it may name, and what a text may mention.

The reference page is generated from this module, so each meaning is written for the person who edits the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.model.call import MissedReason

NONE = "none"
"""The word of a fact that does not apply: a form has no direction, an answered call no reason why it was missed."""

YES = "yes"
NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What one key of `when` may say. No `words`: any text. `groups` are short names for several words."""

    meaning: str
    words: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def everything(self) -> frozenset[str] | None:
        """Every value that the fact can have; None if they cannot be listed."""
        return frozenset((*self.words, NONE)) if self.words else None


def _switch(meaning: str) -> Domain:
    return Domain(meaning=meaning, words=(YES, NO))


_PERSON = ("responsible", "other", "unknown", "nobody")
_PERSON_GROUPS = {"known": ("responsible", "other")}
_PERSON_MEANING = "known = responsible (he owns the client's record) or other (a colleague); unknown; nobody"

CONDITIONS: Mapping[str, Domain] = {
    "occasion": Domain(
        meaning="why we decide now; `call` = picked_up or ended",
        words=("picked_up", "ended", "recorded", "form", "chat"),
        groups={"call": ("picked_up", "ended")},
    ),
    "direction": Domain(meaning="who began the call", words=("inbound", "outbound", "internal")),
    "number": Domain(
        meaning="the other side: on the blocked list, one of our own, a usable number, an unusable text, withheld",
        words=("blocked", "own", "usable", "unusable", "hidden"),
    ),
    "client": Domain(
        meaning="what the CRM had of the client when the call began: nothing; a contact only; an open lead; an open "
        "deal that never was a lead; a converted lead of which only the deal is left; a won or lost lead",
        words=("new", "contact", "open_lead", "deal", "converted", "closed"),
    ),
    "outcome": Domain(
        meaning="how the call went; `unanswered` = all but answered; an inbound call is answered or missed",
        words=("answered", "missed", "busy", "failed", "cancelled"),
        groups={"unanswered": ("missed", "busy", "failed", "cancelled")},
    ),
    "missed_reason": Domain(meaning="why an inbound call was missed", words=tuple(str(word) for word in MissedReason)),
    "picked_up_by": Domain(
        meaning=f"who of ours talked first: {_PERSON_MEANING}", words=_PERSON, groups=_PERSON_GROUPS
    ),
    "answered_by": Domain(
        meaning=f"who of ours talked last (D15): {_PERSON_MEANING}", words=_PERSON, groups=_PERSON_GROUPS
    ),
    "made_by": Domain(
        meaning=f"who of ours placed an outbound call: {_PERSON_MEANING}", words=_PERSON, groups=_PERSON_GROUPS
    ),
    "case": Domain(meaning="whether a missed-call case of this client is open", words=("open", "closed")),
    "chat": Domain(
        meaning='requested = an operator pressed "send to CRM" or the source does so by itself; held = not',
        words=("requested", "held"),
    ),
    "reached": _switch("somebody of ours and the client talked: an answered call, a chat that was answered"),
    "responsible_talked": _switch("the responsible took part in the conversation (D15)"),
    "previous_owner_talked": _switch("the owner of the lead that is over took part in the conversation (D3)"),
    "unknown_party": _switch("a person or phone of ours that no employee is known by took part (D18)"),
    "transferred": _switch("the call was handed on, or several of ours talked"),
    "repeated_short_abandon": _switch("the same client gave up early within the last hour, too (D12)"),
    "forms": _switch("site forms are enabled (policy.forms)"),
    "review_open": _switch("policy.review_open"),
    "new_answered_done_task": _switch("policy.new_answered_done_task"),
    "owner_follows_transfer": _switch("policy.owner_follows_transfer"),
    "line": Domain(meaning="the company number (E.164)"),
    "line_name": Domain(meaning="the name of the company number"),
    "queue": Domain(meaning="the queue that the caller waited in"),
    "branch": Domain(meaning="the branch by its id"),
    "source": Domain(meaning="the source by its id"),
    "utm_source": Domain(meaning="the advertising tag utm_source"),
    "utm_medium": Domain(meaning="the advertising tag utm_medium"),
    "utm_campaign": Domain(meaning="the advertising tag utm_campaign"),
    "utm_term": Domain(meaning="the advertising tag utm_term"),
    "utm_content": Domain(meaning="the advertising tag utm_content"),
}

MIN_TALK = "min_talk"
MIN_TALK_MEANING = 'the talk lasted at least so long: "10s", or "policy.outbound_min_talk"'
MIN_TALK_SETTING = "policy.outbound_min_talk"

PEOPLE: Mapping[str, str] = {
    "senior": "the senior manager (policy.senior)",
    "top": "the top manager (policy.top)",
    "responsible": "who owns the open lead, else the open deal, else the contact",
    "answerer": "who talked last (D15)",
    "picked_up_by": "who talked first",
    "last_talker": "who talked last, whatever rule D15 says",
    "caller": "who placed the outbound call",
    "operator": "who handled the chat",
    "contact_owner": "who owns the known contact",
    "previous_owner": "who owned the lead that was won, lost or converted",
    "stand_in": "the top manager if somebody unknown talked, the senior manager if nobody did",
    "missed_chain": "the people of policy.missed_chain in their order",
}
"""Whom a row may name; `employee:ID` names one by his id."""

PARTICIPANTS = frozenset({"answerer", "picked_up_by", "last_talker", "caller", "operator"})

VARIABLES: Mapping[str, str] = {
    "client": "the client's name, else his number",
    "number": "the client's number",
    "who": "name and number",
    "line": "the line's name and number",
    "when": "the local date and time at which it began",
    "ring": "how long it rang",
    "talk": "how long they talked",
    "talkers": "everybody who talked, with his time",
    "rang": "the phones that rang in vain",
    "reason": "why the call was missed",
    "answerer": "who talked last",
    "picked_up_by": "who talked first",
    "caller": "who placed the call",
    "responsible": "who owns the record",
    "party": "the unknown extension, account or number",
    "lead_id": "the id of the lead",
    "source": "the id of the source",
    "data": "what a form or chat told, one line each",
    "story": "one sentence that tells the whole call",
}

RULES: Mapping[str, tuple[str, ...]] = {
    "D2": (),
    "D4": ("most_recently_active", "oldest"),
    "D5": (),
    "D11": (),
    "D13": (),
    "D14": (),
    "D15": ("last_talker", "first_talker"),
    "D16": (),
    "D17": (),
    "D19": (),
}
"""The cross-cutting rules, and the ways of each that the file may choose from (none: there is one way)."""
