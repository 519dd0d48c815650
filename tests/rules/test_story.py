"""What texts tell, and rows of one's own that use what the default matrix does not."""

import pytest

from bridge.model.call import MissedReason, Transfer, TransferKind
from bridge.model.crm import LeadStatus, TaskKind, record_id
from bridge.model.effects import AddNote, CountOnly, HandOver, OpenDeal
from bridge.model.situation import Occasion
from bridge.rules.ledger import apply_all
from bridge.rules.matrix import read_matrix
from bridge.rules.story import lasting
from tests.builders import (
    CLIENT,
    KNOWN,
    LINE,
    MORNING,
    NEW,
    OPEN_LEAD,
    UTM,
    answered,
    called,
    client,
    company,
    effects,
    lead,
    live,
    missed,
    only_task,
    transferred,
    verdict,
)
from tests.rules.test_decide_nobody import CHAT


def own(then, when='when.occasion = "ended"', text="{story}", title="t", more=""):
    rows = f'[[scenario]]\nname = "own"\ntitle = "a row of one\'s own"\n{when}\nthen = {then}\n{more}\n'
    return read_matrix(f"{rows}[text.x]\ntitle = '{title}'\ntext = '''{text}'''\n")


def text_of(call, text, known=NEW, **fields):
    then = '[{ do = "add_task", kind = "other", status = "open", assignee = "top", text = "x" }]'
    return only_task(verdict(call, known, matrix=own(then, text=text), **fields)).text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (184, "3 min 4 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (97200, "1 d 3 h"),
    ],
)
def test_a_duration_is_told_as_people_say_it(seconds, said):
    assert lasting(seconds) == said


def test_a_text_may_mention_everybody_and_everything():
    text = (
        "{client}|{number}|{who}|{line}|{when}|{ring}|{talk}|{talkers}|{answerer}|{picked_up_by}|{responsible}|{source}"
    )
    told = text_of(answered("101", "102", talk=60, client_name="Anna"), text, OPEN_LEAD).split("|")
    assert told == [
        "Anna Nowak", CLIENT, f"Anna Nowak ({CLIENT})", f"Sales ({LINE})", "2026-03-12 10:00", "6 s", "1 min",
        "Jan Smith 30 s, Eva Jones 30 s", "Eva Jones", "Jan Smith", "Eva Jones", "pbx",
    ]  # fmt: skip


def test_a_missed_call_has_its_reason_and_its_phones():
    call = missed("101", "102", reason=MissedReason.ABANDONED_IN_QUEUE)
    assert text_of(call, "{reason}|{rang}|{answerer}|{talkers}") == "abandoned in queue|101, 102|nobody|nobody"
    assert text_of(missed(), "{rang}") == "none"


def test_a_caller_an_unknown_party_and_the_lead_are_named():
    assert text_of(called("101"), "{caller}|{lead_id}", OPEN_LEAD) == "Jan Smith|lead-1"
    assert text_of(called("555"), "{caller}|{party}") == "unknown party 555|555"


def test_the_story_of_an_outbound_call_begins_with_its_caller():
    said = text_of(called("101"), "{story}")
    assert said.startswith(f"Jan Smith called {CLIENT} from Sales ({LINE}) on 2026-03-12 10:00")


def test_the_advertising_tags_are_part_of_the_data():
    assert text_of(missed(utm=UTM), "{data}") == "utm_source: google\nutm_medium: cpc\nutm_campaign: autumn"


def test_a_line_that_is_not_configured_is_told_as_the_platform_tells_it():
    assert text_of(missed(raw_line="sip-trunk"), "{line}", line_number=None) == "sip-trunk"
    assert text_of(missed(raw_line=None), "{line}", line_number=None) == "an unknown line"


def test_a_name_with_braces_breaks_no_text():
    assert text_of(missed(client_name="Anna {Nowak}"), "{client}") == "Anna {Nowak}"


def test_a_row_may_open_a_deal_once():
    then = '[{ do = "open_contact", owner = "top" }, { do = "open_deal", owner = "top", text = "x" }]'
    matrix = own(then, title="Deal")
    first = verdict(missed(), matrix=matrix)
    assert effects(first, OpenDeal)[0].deal.title == "Deal"
    assert not verdict(missed(), apply_all(NEW, first.effects), client_before=NEW, matrix=matrix).effects


def test_a_note_with_nowhere_to_write_is_not_written():
    then = '[{ do = "write_note", text = "x" }]'
    assert not verdict(missed(), matrix=own(then)).effects
    assert effects(verdict(missed(), KNOWN, matrix=own(then)), AddNote)[0].contact_id == "contact-1"


def test_a_hand_over_concerns_only_what_the_call_itself_has_opened():
    then = '[{ do = "hand_over", owner = "top" }]'
    assert not verdict(answered("101"), OPEN_LEAD, matrix=own(then)).effects


def test_s10_the_new_lead_follows_the_transfer_and_the_known_contact_does_not():
    handed = Transfer(kind=TransferKind.BLIND, by="101", to="100", at=MORNING + 60, answered=True)
    follows = company(owner_follows_transfer=True)
    from_deal = client(*KNOWN.contacts, lead(status=LeadStatus.CONVERTED, deal_id="gone"))
    found = verdict(transferred(answered("101", "100"), handed), from_deal, company=follows)
    [over] = effects(found, HandOver)
    assert (over.owner_id, over.contact_id) == ("olga", None)
    assert over.lead_id is not None


def test_a_task_for_somebody_who_does_not_exist_is_not_made_and_the_reason_is_kept():
    then = '[{ do = "add_task", kind = "review", status = "open", assignee = "contact_owner", text = "x" }]'
    found = verdict(missed(), matrix=own(then))
    assert not found.effects
    assert "no review task: there is no contact_owner" in found.reasons


def test_a_callback_is_never_nobodys():
    then = '[{ do = "call_back", assignee = "contact_owner", text = "x", due = "30m", on_duty = false }]'
    call = missed()
    task = only_task(verdict(call, matrix=own(then)))
    assert (task.assignee_id, task.due_at) == ("olga", call.ended_at + 1800)


def test_a_settings_task_is_never_nobodys():
    then = '[{ do = "check_settings", assignee = "contact_owner", text = "x" }]'
    assert only_task(verdict(answered("555"), matrix=own(then))).assignee_id == "anna"
    assert not verdict(answered("101"), matrix=own(then)).effects


def test_two_tasks_of_one_kind_are_two_tasks():
    task = '{ do = "add_task", kind = "call", status = "done", assignee = "top", text = "x" }'
    found = verdict(answered("101"), matrix=own(f"[{task}, {task}]"))
    assert len({effect.task.id for effect in found.effects}) == 2
    assert {effect.task.kind for effect in found.effects} == {TaskKind.CALL}


def test_a_modifier_may_count_what_it_sees():
    more = '[[modifier]]\nname = "busy"\ntitle = "counted"\nthen = [{ do = "count", as = "ended_calls" }]'
    assert verdict(missed(), matrix=own("[]", more=more)).effects == (CountOnly(counter="ended_calls"),)


def test_the_refusal_of_a_short_talk_says_how_long_it_was():
    found = verdict(called("101", talk=9))
    refusals = {refusal.scenario: (refusal.condition, refusal.found) for refusal in found.refusals}
    assert refusals["D8"] == ("min_talk = policy.outbound_min_talk", "9s")


def test_a_live_call_has_talked_for_no_time_yet():
    matrix = own("[]", when='when.min_talk = "1s"')
    assert verdict(live("101"), matrix=matrix).scenario is None
    assert verdict(answered("101"), matrix=matrix).scenario == "own"


def test_a_call_without_an_id_of_its_own_has_the_one_that_its_key_gives():
    assert only_task(verdict(answered("102"), OPEN_LEAD, call_id=None)).call_id == record_id("call", "pbx/c-1")


def test_a_chat_may_make_a_task_without_any_call_or_recording():
    then = '[{ do = "add_task", kind = "other", status = "open", assignee = "top", text = "x" }]'
    found = verdict(
        None, matrix=own(then, when='when.occasion = "chat"'), occasion=Occasion.CHAT, chat=CHAT, fact="chat/1"
    )
    task = only_task(found)
    assert (task.call_id, task.recording_url) == (None, None)
    assert task.text == f"Anna Nowak ({CLIENT}) wrote on 2026-03-12 10:00."
