"""What records prove and what not; recorded calls are in tests/transcripts."""

from dataclasses import replace

import pytest

from bridge.model.call import Call, Direction, MissedReason, Outcome, Talk
from bridge.model.call_records import CdrRow, Disposition, NamedChannel
from bridge.rules.hindsight import calls_of_summaries, completed
from bridge.wire.asterisk import read_name

TRUNK, PHONE = "PJSIP/trunk-1", "PJSIP/101-2"
LATER = 1000.0


def channel(name):
    kind, technology, endpoint = read_name(name)
    return NamedChannel(name=name, kind=kind, technology=technology, endpoint=endpoint)


def row(name=TRUNK, other=PHONE, disposition=Disposition.NO_ANSWER, *, unique="1.1", **more):
    ordinary = {
        "linked": "1.1",
        "number": "0770",
        "name": None,
        "dialled": "442079460101",
        "did": None,
        "reached": None,
        "application": "Dial",
        "data": "",
        "started_at": 0.0,
        "answered_at": 5.0 if disposition is Disposition.ANSWERED else None,
        "ended_at": 20.0,
        "recording": None,
        "sequence": 1,
    }
    told = ordinary | more
    other = channel(other) if other else None
    return CdrRow(unique=unique, channel=channel(name), other=other, disposition=disposition, **told)


def told(*rows, written_by=LATER):
    return calls_of_summaries(rows, source="pbx", trunks=["trunk"], written_by=written_by)


def outcome(*rows, **more):
    (call,) = told(*rows, **more)
    return call.outcome


def test_phones_that_rang_out_prove_a_miss():
    (call,) = told(row())
    assert (call.outcome, call.missed_reason, call.incomplete) == (Outcome.MISSED, None, True)
    assert [rang.party for rang in call.rang] == ["101"]


def test_busy_phones_say_why():
    (call,) = told(row(disposition=Disposition.BUSY))
    assert call.missed_reason is MissedReason.BUSY


@pytest.mark.parametrize("application", ["ConfBridge", "Park", "AGI", "Stasis", "Page", ""])
def test_an_application_in_which_a_person_may_be_proves_nothing(application):
    assert outcome(row(other=None, disposition=Disposition.ANSWERED, application=application)) is Outcome.FAILED


@pytest.mark.parametrize("application", ["VoiceMail", "BackGround", "Playback", "Queue", "Hangup"])
def test_an_application_in_which_nobody_is_proves_a_miss(application):
    assert outcome(row(other=None, disposition=Disposition.ANSWERED, application=application)) is Outcome.MISSED


def test_a_local_channel_that_answered_is_nobody_until_a_device_behind_it_did():
    local = row(other="Local/9@x-1;1", disposition=Disposition.ANSWERED)
    behind = row("Local/9@x-1;2", PHONE, Disposition.ANSWERED, unique="1.3")
    mailbox = row("Local/9@x-1;2", None, Disposition.ANSWERED, unique="1.3", application="VoiceMail")
    assert outcome(local) is Outcome.FAILED
    assert outcome(local, mailbox) is Outcome.FAILED
    assert outcome(local, behind) is Outcome.ANSWERED


def test_a_machines_channel_is_nobody():
    assert outcome(row(other="Recorder/x-1", disposition=Disposition.ANSWERED)) is Outcome.FAILED


def test_a_word_that_nobody_knows_proves_nothing():
    assert outcome(row(disposition=Disposition.UNKNOWN)) is Outcome.FAILED


def test_what_ended_a_moment_ago_may_have_been_answered_in_the_next_batch():
    assert outcome(row(), written_by=19.0) is Outcome.FAILED
    assert outcome(row(disposition=Disposition.ANSWERED), written_by=0.0) is Outcome.ANSWERED


def test_records_without_the_one_that_began_the_call_and_calls_that_a_local_channel_began_are_not_told():
    assert told(row(unique="1.2")) == []
    assert told(row("Local/9@x-1;1")) == []


def test_a_column_for_the_did_is_believed_and_an_extension_is_no_line():
    assert told(row(did="4420", dialled="s"))[0].raw_line == "4420"
    assert told(row(dialled="600"))[0].raw_line is None
    both = [row(disposition=Disposition.ANSWERED), row(disposition=Disposition.ANSWERED, other="PJSIP/102-3")]
    assert told(*both)[0].raw_line is None


def test_a_mobile_of_ours_is_known_by_the_number_that_was_rung():
    answered = row(other="PJSIP/trunk-2", disposition=Disposition.ANSWERED, reached="0771")
    assert told(answered)[0].first_talker == "0771"


def test_the_same_person_twice_in_a_row_is_one():
    twice = row(disposition=Disposition.ANSWERED), row(disposition=Disposition.ANSWERED, ended_at=40.0, sequence=2)
    (call,) = told(*twice)
    assert [(talk.party, talk.until) for talk in call.talked] == [("101", 40.0)]


def test_an_inside_call_is_answered_by_a_device():
    assert outcome(row(PHONE, "PJSIP/102-3", Disposition.ANSWERED)) is Outcome.ANSWERED
    (call,) = told(row(PHONE, "PJSIP/102-3"))
    assert (call.direction, call.outcome) == (Direction.INTERNAL, Outcome.FAILED)


# ---- together

SEEN = Call(
    key="pbx/1.1",
    source="pbx",
    platform_call_id="1.1",
    direction=Direction.INBOUND,
    started_at=0.0,
    raw_number="0770",
    ended_at=10.0,
    outcome=Outcome.FAILED,
    incomplete=True,
    recordings=("https://pbx.example/1.wav",),
    revision=7,
)
TOLD = replace(SEEN, recordings=(), revision=0, ended_at=30.0)
ANSWERED = replace(TOLD, outcome=Outcome.ANSWERED, answered_at=5.0, talked=(Talk(party="101", since=5.0, until=30.0),))
MISSED = replace(TOLD, outcome=Outcome.MISSED)
TALKING = replace(SEEN, outcome=Outcome.ANSWERED, answered_at=4.0, talked=(Talk(party="101", since=4.0, until=10.0),))


def test_a_call_that_nobody_knew_is_as_the_records_tell_it():
    assert completed(None, MISSED) is MISSED


@pytest.mark.parametrize(
    "known",
    [
        replace(SEEN, ended_at=None),
        replace(SEEN, incomplete=False),
        replace(SEEN, key="pbx/0.9"),
    ],
    ids=["it lives", "seen whole", "part of another"],
)
def test_what_is_known_well_is_left_alone(known):
    assert completed(known, ANSWERED) is None


def test_a_whole_account_keeps_the_links_that_only_we_know():
    whole = completed(SEEN, replace(ANSWERED, incomplete=False))
    assert (whole.incomplete, whole.recordings, whole.revision) == (False, SEEN.recordings, 8)


def test_a_summary_adds_the_answer_and_the_end():
    whole = completed(SEEN, ANSWERED)
    assert (whole.outcome, whole.ended_at, whole.last_talker, whole.incomplete) == (
        Outcome.ANSWERED,
        30.0,
        "101",
        True,
    )


def test_whoever_was_heard_to_talk_is_not_missed_whatever_a_record_says():
    for record in (MISSED, replace(MISSED, incomplete=False)):
        whole = completed(TALKING, record)
        assert (whole.outcome, whole.answered_at, whole.missed_reason) == (Outcome.ANSWERED, 4.0, None)


def test_a_later_talker_is_added_once():
    second = Talk(party="102", since=12.0, until=30.0)
    record = replace(ANSWERED, talked=(*ANSWERED.talked[:0], Talk(party="101", since=4.0, until=11.0), second))
    whole = completed(TALKING, record)
    assert [talk.party for talk in whole.talked] == ["101", "102"]
    assert completed(whole, record) is None


def test_reading_again_says_nothing_new():
    for record in (ANSWERED, MISSED):
        once = completed(SEEN, record)
        assert completed(once, record) is None


def test_an_inside_record_says_nothing_of_a_call_with_the_outside_but_its_end():
    whole = completed(SEEN, replace(ANSWERED, direction=Direction.INTERNAL))
    assert (whole.outcome, whole.ended_at) == (Outcome.FAILED, 30.0)
