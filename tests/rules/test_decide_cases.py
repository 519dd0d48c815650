"""D5-D7, D10-D14: missed-call cases, the reasons why a call was missed, and callers without a number."""

from dataclasses import replace

import pytest

from bridge.model.call import MissedReason, Outcome
from bridge.model.crm import CaseStatus, LeadStatus, TaskKind, TaskStatus
from bridge.model.effects import (
    AddTask,
    AttachRecording,
    CloseCase,
    CompleteTask,
    LogCall,
    NoteCallback,
    OpenCase,
    OpenContact,
    OpenLead,
    RepeatCase,
    RepeatTask,
)
from bridge.model.events import ChatRequested
from bridge.model.situation import Occasion
from bridge.rules.cases import LEFT_OUT, MOST_TOLD
from bridge.rules.ledger import apply_all
from tests.builders import (
    HOUR,
    LINE,
    LINES,
    MORNING,
    NEW,
    OFFICE,
    OPEN_LEAD,
    RECORDING,
    answered,
    called,
    called_in_vain,
    changed,
    client,
    company,
    effects,
    live,
    missed,
    only_task,
    situation,
    tasks,
    told,
    verdict,
)

MISSED = missed(id="c-1")
WAITING = apply_all(NEW, verdict(MISSED).effects)
"""A new client who has called once in vain: lead, case and callback task are open."""
LATER = MORNING + 600
VOICEMAIL = "https://pbx.example/voicemail/1.wav"


def test_d5_missed_again_is_the_same_case_with_one_attempt_more_and_no_second_task():
    found = verdict(missed(id="c-2", at=LATER), WAITING)
    assert found.scenario == "S9"
    assert not tasks(found)
    assert "D5" in found.tags
    after = apply_all(WAITING, found.effects)
    [case], [task] = after.cases, after.tasks
    assert (case.attempts, case.first_at, case.last_at) == (2, MISSED.ended_at, LATER + 30)
    assert (task.count, task.priority) == (2, 1)


def test_d5_the_earlier_due_time_is_kept():
    after = apply_all(WAITING, verdict(missed(id="c-2", at=LATER), WAITING).effects)
    assert after.cases[0].due_at == after.tasks[0].due_at == MISSED.ended_at + 4 * HOUR


def test_d5_the_task_tells_of_every_attempt():
    after = apply_all(WAITING, verdict(missed(id="c-2", at=LATER, ring=12), WAITING).effects)
    assert "Called again on 2026-03-12 10:10, rang 12 s (attempt 2)." in after.tasks[0].text


def test_d5_the_task_of_a_client_who_tries_for_days_stays_a_text_that_a_person_can_read():
    """Every verdict keeps the text: ten thousand attempts of a robot once filled six gigabytes."""
    after = WAITING
    for attempt in range(2, 302):
        again = missed(id=f"c-{attempt}", at=LATER + 60 * attempt, ring=12)
        after = apply_all(after, verdict(again, after).effects)
    [case], [task] = after.cases, after.tasks
    first, *attempts = task.text.split("\nCalled again on ")
    assert (case.attempts, task.count) == (301, 301)
    assert first == f"{WAITING.tasks[0].text}{LEFT_OUT}"
    assert len(attempts) == MOST_TOLD
    assert attempts[-1].endswith("(attempt 301).")


def test_d5_two_calls_that_end_in_the_same_second_are_two_attempts():
    assert apply_all(WAITING, verdict(missed(id="c-2"), WAITING).effects).cases[0].attempts == 2


def test_d5_the_same_call_judged_twice_is_one_attempt():
    effects_of_second = verdict(missed(id="c-2", at=LATER), WAITING).effects
    once = apply_all(WAITING, effects_of_second)
    again = apply_all(once, verdict(missed(id="c-2", at=LATER), once, client_before=WAITING).effects)
    assert again.cases[0].attempts == 2
    assert len(again.tasks) == 1


def test_d5_the_call_that_opened_the_case_is_no_repeat_of_itself():
    found = verdict(MISSED, WAITING, client_before=NEW)
    assert not effects(found, RepeatCase)
    assert apply_all(WAITING, found.effects).cases == WAITING.cases


def test_d5_one_task_each_where_the_policy_wants_it():
    found = verdict(missed(id="c-2", at=LATER), WAITING, company=company(repeat="new_task"))
    assert effects(found, RepeatCase)
    assert only_task(found).case_id == WAITING.cases[0].id
    assert not effects(found, RepeatTask)


def test_d5_a_case_whose_task_somebody_has_done_gets_a_new_task():
    done = replace(WAITING, tasks=())
    assert only_task(verdict(missed(id="c-2", at=LATER), done)).kind is TaskKind.CALLBACK


def test_d5_a_new_task_of_an_old_case_counts_up_like_the_first_one():
    done = replace(WAITING, tasks=())
    second = apply_all(done, verdict(missed(id="c-2", at=LATER), done).effects)
    third = apply_all(second, verdict(missed(id="c-3", at=LATER + 60), second).effects)
    assert [(task.count, task.case_id) for task in third.tasks] == [(2, WAITING.cases[0].id)]
    assert third.cases[0].attempts == 3


def test_d5_another_line_is_another_case():
    found = verdict(missed(id="c-2"), WAITING, line_number="+442079460002")
    assert effects(found, OpenCase)
    assert only_task(found)


def test_d6_called_back_and_reached_closes_the_case_and_completes_its_task_by_id():
    found = verdict(called("102", id="c-2", at=LATER), WAITING)
    after = apply_all(WAITING, found.effects)
    [case], [task] = after.cases, [task for task in after.tasks if task.kind is TaskKind.CALLBACK]
    assert (case.status, case.resolved_by, case.resolved_how) == (
        CaseStatus.CLOSED, "eva", "called back and reached",
    )  # fmt: skip
    assert task.status is TaskStatus.DONE
    assert "Called back by Eva Jones and reached, talked 1 min, 10 min 36 s after the missed call." in task.text


def test_d6_he_got_through_himself_closes_the_case():
    after = apply_all(WAITING, verdict(answered("101", id="c-2", at=LATER), WAITING).effects)
    assert (after.cases[0].status, after.cases[0].resolved_by) == (CaseStatus.CLOSED, "client")
    assert "answered by Jan Smith" in after.tasks[0].text


def test_d6_he_wrote_and_was_answered_closes_the_case():
    chat = ChatRequested(
        event_id="e-1", source="chat", occurred_at=LATER, received_at=LATER, chat_id="9", answered=True, employee="101"
    )
    found = verdict(None, WAITING, occasion=Occasion.CHAT, chat=chat, fact="chat/e-1", now=LATER)
    [closing] = effects(found, CloseCase)
    assert (closing.resolved_by, closing.resolved_how) == ("jan", "wrote and was answered")


def test_d6_a_chat_that_nobody_answered_closes_nothing():
    chat = ChatRequested(event_id="e-1", source="chat", occurred_at=LATER, received_at=LATER, chat_id="9")
    assert not verdict(None, WAITING, occasion=Occasion.CHAT, chat=chat, fact="chat/e-1", now=LATER).effects


def test_d6_closes_by_id_even_if_somebody_renamed_the_task():
    renamed = replace(WAITING, tasks=(replace(WAITING.tasks[0], title="ring the man"),))
    found = verdict(answered("101", id="c-2", at=LATER), renamed)
    assert effects(found, CompleteTask)[0].task_id == renamed.tasks[0].id


def test_d6_asks_for_the_cases_task_even_if_it_was_not_looked_up():
    found = verdict(answered("101", id="c-2", at=LATER), replace(WAITING, tasks=()))
    assert [effect.task_id for effect in effects(found, CompleteTask)] == [WAITING.cases[0].task_id]


def test_d6_leaves_the_clients_other_tasks_alone():
    other = replace(WAITING.tasks[0], id="task-9", case_id=None, kind=TaskKind.REVIEW)
    found = verdict(answered("101", id="c-2", at=LATER), replace(WAITING, tasks=(other, *WAITING.tasks)))
    assert [effect.task_id for effect in effects(found, CompleteTask)] == [WAITING.cases[0].task_id]


def test_d6_a_talk_before_the_last_attempt_does_not_close_the_case():
    assert not effects(verdict(answered("101", id="c-0", at=MORNING - HOUR), WAITING), CloseCase)


def test_d6_nothing_closes_while_the_call_still_goes_on():
    assert not effects(verdict(live("101", id="c-2", at=LATER), WAITING), CloseCase)


def test_d6_a_missed_call_and_its_callback_leave_no_open_task():
    after = apply_all(WAITING, verdict(called("100", id="c-2", at=LATER), WAITING).effects)
    assert not [task for task in after.tasks if task.status is TaskStatus.OPEN]


def test_d7_called_back_not_reached_keeps_the_case_open_and_notes_the_attempt():
    found = verdict(called_in_vain("100", id="c-2", at=LATER), WAITING)
    after = apply_all(WAITING, found.effects)
    assert found.scenario == "D9"
    assert [type(effect) for effect in found.effects] == [LogCall, NoteCallback]
    assert (after.cases[0].status, after.cases[0].callbacks, after.cases[0].attempts) == (CaseStatus.OPEN, 1, 1)
    assert after.tasks[0].status is TaskStatus.OPEN


HIDDEN = client(lane=f"hidden:{LINE}")


def hidden(call, known=HIDDEN, **fields):
    return verdict(call, known, **{"client_number": None, "raw_number": None, **fields})


def test_d10_a_hidden_number_that_was_missed_is_a_case_with_one_task_and_never_a_contact_or_lead():
    found = hidden(missed())
    task = only_task(found)
    assert found.scenario == "D10"
    assert (task.kind, task.assignee_id, task.contact_id, task.lead_id) == (TaskKind.CALLBACK, "olga", None, None)
    assert not effects(found, OpenContact)
    assert not effects(found, OpenLead)
    assert effects(found, OpenCase)[0].case.client_number is None


def test_d10_a_second_hidden_call_of_the_day_on_that_line_is_the_same_case():
    first = apply_all(HIDDEN, hidden(missed()).effects)
    found = hidden(missed(id="c-2", at=LATER), first)
    assert not tasks(found)
    assert apply_all(first, found.effects).cases[0].attempts == 2


def test_d10_a_hidden_call_on_the_next_day_is_another_case():
    first = apply_all(HIDDEN, hidden(missed()).effects)
    assert effects(hidden(missed(id="c-2", at=MORNING + 24 * HOUR), first), OpenCase)


def test_d10_an_unusable_number_is_treated_like_a_hidden_one_and_the_task_says_what_was_told():
    found = hidden(missed(), raw_number="0000123")
    assert found.scenario == "D10"
    assert "0000123" in only_task(found).text


def test_d10_a_hidden_call_that_was_answered_makes_nothing():
    assert not hidden(answered("101")).effects
    assert not hidden(live("101")).effects


def test_d10_a_hidden_caller_who_gets_through_closes_no_case_of_another_hidden_caller():
    first = apply_all(HIDDEN, hidden(missed()).effects)
    assert not effects(hidden(answered("101", id="c-2", at=LATER), first), CloseCase)


def test_d11_voicemail_counts_as_missed_and_its_recording_is_on_the_task():
    call = missed(reason=MissedReason.VOICEMAIL, voicemail=VOICEMAIL, recordings=(RECORDING,))
    found = verdict(call)
    assert found.scenario == "S4"
    assert found.missed_reason is MissedReason.VOICEMAIL
    assert only_task(found).recording_url == VOICEMAIL
    assert "D11" in found.tags


SHORT = company(short_abandon=5)


def given_up(**fields):
    return missed(reason=MissedReason.ABANDONED_RINGING, ring=3, **fields)


def test_d12_is_off_by_default_every_missed_call_gets_its_task():
    assert only_task(verdict(given_up())).kind is TaskKind.CALLBACK


def test_d12_a_caller_who_gives_up_at_once_is_logged_with_that_reason_and_makes_nothing_new():
    found = verdict(given_up(), company=SHORT)
    assert found.scenario == "D12"
    assert found.missed_reason is MissedReason.SHORT_ABANDON
    assert not found.effects
    assert [type(effect) for effect in verdict(given_up(), OPEN_LEAD, company=SHORT).effects] == [LogCall]


def test_d12_again_within_the_hour_is_a_case():
    found = verdict(given_up(), company=SHORT, earlier_short_abandon=True)
    assert found.scenario == "S4"
    assert effects(found, OpenCase)


def test_d12_a_short_attempt_while_a_case_is_open_counts_as_an_attempt():
    assert effects(verdict(given_up(id="c-2", at=LATER), WAITING, company=SHORT), RepeatCase)


def test_d12_who_rang_longer_than_that_has_not_given_up_at_once():
    assert verdict(missed(reason=MissedReason.ABANDONED_RINGING, ring=6), company=SHORT).scenario == "S4"


def test_d12_a_platform_that_tells_no_ring_time_loses_no_call():
    assert verdict(missed(reason=MissedReason.NO_ANSWER, ring=0), company=SHORT).scenario == "S4"


def test_d12_in_a_queue_counts_too():
    call = missed(reason=MissedReason.ABANDONED_IN_QUEUE, ring=4, queue="sales")
    assert verdict(call, company=SHORT).scenario == "D12"


@pytest.mark.parametrize("reason", [MissedReason.BUSY, MissedReason.REJECTED, MissedReason.FAILED])
def test_d13_what_fails_on_the_companys_side_is_a_missed_call_with_its_own_reason(reason):
    found = verdict(missed(reason=reason))
    assert found.scenario == "S4"
    assert found.missed_reason is reason
    assert "D13" in found.tags
    assert str(reason) in only_task(found).text


def test_d13_an_outcome_without_a_reason_names_the_reason():
    call = replace(missed(), outcome=Outcome.BUSY, missed_reason=None)
    assert verdict(call).missed_reason is MissedReason.BUSY


NIGHT = MORNING + 12 * HOUR
SERVED = (replace(LINES[0], schedule="office"), LINES[1])


def test_d14_outside_the_lines_schedule_a_missed_call_has_the_reason_out_of_hours():
    found = verdict(missed(at=NIGHT), company=company(lines=SERVED, schedules=[OFFICE]))
    assert found.scenario == "S4"
    assert found.missed_reason is MissedReason.OUT_OF_HOURS
    assert "D14" in found.tags


def test_d14_within_the_hours_it_keeps_its_reason():
    found = verdict(missed(), company=company(lines=SERVED, schedules=[OFFICE]))
    assert found.missed_reason is MissedReason.NO_ANSWER


def test_d14_a_voicemail_at_night_stays_a_voicemail():
    call = missed(at=NIGHT, reason=MissedReason.VOICEMAIL)
    assert verdict(call, company=company(lines=SERVED, schedules=[OFFICE])).missed_reason is MissedReason.VOICEMAIL


def test_d14_due_is_counted_from_the_next_opening_when_deadlines_count_working_time():
    working = company(lines=SERVED, schedules=[OFFICE], deadline_counts="working")
    found = verdict(missed(at=NIGHT), company=working)
    friday_nine = MORNING + 23 * HOUR
    assert only_task(found).due_at == friday_nine + 4 * HOUR
    assert "D14: due counted from the next opening, 2026-03-13 09:00" in found.reasons


def test_d14_the_assignees_own_hours_come_before_the_lines():
    late = replace(
        OFFICE, id="late", hours=tuple(replace(hours, opens=hours.opens.replace(hour=12)) for hours in OFFICE.hours)
    )
    working = company(
        people=changed("olga", schedule="late"), lines=SERVED, schedules=[OFFICE, late], deadline_counts="working",
        missed_chain=("senior",),
    )  # fmt: skip
    task = only_task(verdict(missed(at=NIGHT), company=working))
    assert task.assignee_id == "anna"  # Olga is off duty at night
    on_time = only_task(verdict(missed(at=MORNING + 3 * HOUR), company=working))
    assert (on_time.assignee_id, on_time.due_at) == ("olga", MORNING + 26 * HOUR + 30)


def test_a_missed_outbound_call_is_nobodys_missed_call():
    assert verdict(called_in_vain("101")).missed_reason is None


def test_d20_a_recording_after_the_verdict_is_attached_to_the_call():
    found = verdict(answered("101"), OPEN_LEAD, occasion=Occasion.RECORDED)
    assert found.scenario == "D20"
    attached, note = found.effects
    assert attached == AttachRecording(call_id="call-1", urls=(RECORDING,), fact="pbx/c-1")
    assert (note.lead_id, note.text) == ("lead-1", f"Recording of the call on 2026-03-12 10:00: {RECORDING}")


def test_d20_the_link_is_on_the_calls_tasks_once():
    silent = replace(answered("101"), recordings=())
    after = apply_all(OPEN_LEAD, verdict(silent, OPEN_LEAD).effects)
    assert {task.recording_url for task in after.tasks} == {None}
    recorded = verdict(answered("101"), after, occasion=Occasion.RECORDED)
    once = apply_all(after, recorded.effects)
    assert {task.recording_url for task in once.tasks} == {RECORDING}
    assert {task.version for task in once.tasks} == {2}
    assert apply_all(once, recorded.effects) == once


def test_a_lost_lead_of_a_waiting_client_still_has_its_case():
    lost = replace(WAITING, leads=(replace(WAITING.leads[0], status=LeadStatus.LOST),))
    found = verdict(missed(id="c-2", at=LATER), lost)
    assert found.scenario == "D3"
    assert effects(found, RepeatCase)
    assert not effects(found, AddTask)


def test_the_explanation_names_the_line_of_reasons_in_order():
    found = verdict(missed(id="c-2", at=LATER), WAITING)
    assert found.reasons[0].startswith("S9: ")
    assert "the client has the open lead" in told(found)
    assert situation(MISSED).fact == "pbx/c-1"
