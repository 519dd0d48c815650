"""Which records count for a fact: those from before it, and what others made where there was nothing."""

from dataclasses import replace

from bridge.model.situation import Occasion
from bridge.rules.matching import judged
from tests.builders import CONVERTED, KNOWN, NEW, answered, client, contact, lead, situation, verdict


def test_a_client_who_was_known_is_judged_as_he_was_when_the_call_began():
    renamed = client(contact(name="Anna Kowalska"))
    assert judged(situation(answered("101"), renamed, client_before=KNOWN)) == KNOWN


def test_what_another_call_opened_meanwhile_counts_where_there_was_no_open_lead():
    opened = client(contact(), lead(origin="pbx/c-2"))
    assert judged(situation(answered("101"), opened, client_before=NEW)) == opened
    assert judged(situation(answered("101"), opened, client_before=KNOWN)) == opened


def test_what_the_call_itself_made_at_the_pick_up_does_not_make_its_client_a_known_one():
    made = client(contact(origin="pbx/c-1"), lead(origin="pbx/c-1"))
    assert judged(situation(answered("101"), made, client_before=NEW)) == NEW


def test_a_recording_of_a_client_without_lead_and_deal_is_noted_nowhere_but_on_the_call():
    (effect,) = verdict(answered("101"), KNOWN, occasion=Occasion.RECORDED).effects
    assert effect.call_id == "call-1"


def test_records_that_are_gone_since_the_call_began_do_not_count():
    assert judged(situation(answered("101"), client(contact()), client_before=CONVERTED)).leads == ()
    merged = replace(KNOWN, contacts=())
    assert judged(situation(answered("101"), merged, client_before=KNOWN)) == merged
