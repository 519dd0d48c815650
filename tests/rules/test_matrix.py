"""S3-14, S16, S3-24: the scenarios' text, and everything that can be wrong with it."""

import pytest

from bridge.model.call import Utm
from bridge.model.effects import AddTask, OpenLead
from bridge.rules.matrix import MatrixError, read_matrix
from tests.builders import (
    LINE,
    MATRIX,
    MORNING,
    NEW,
    OPEN_LEAD,
    SCENARIOS,
    answered,
    called,
    client,
    contact,
    effects,
    lead,
    missed,
    only_task,
    verdict,
)

TEXT = SCENARIOS.read_text(encoding="utf-8")
LEAD_TEXT = '[text.lead]\ntitle = "{who} {lead_id}"\n'


def row(name="row", when="", then="[]", title="a title"):
    return f'[[scenario]]\nname = "{name}"\ntitle = "{title}"\n{when}\nthen = {then}\n'


def problems(text):
    with pytest.raises(MatrixError) as refused:
        read_matrix(text)
    return refused.value.problems


def remedies(text):
    return [str(problem) for problem in problems(text)]


def test_s3_03_the_default_matrix_ships_and_holds_every_row_of_the_scenarios():
    names = {one.name for one in (*MATRIX.rows, *MATRIX.modifiers)} | set(MATRIX.rules)
    scenarios = {f"S{number}" for number in range(1, 16)}
    defaults = {f"D{number}" for number in range(1, 21)}
    assert scenarios | defaults <= names


def test_s3_14_s16_a_row_that_opens_a_lead_without_contact_or_organisation_is_refused_by_name():
    found = problems(row(then='[{ do = "open_lead", owner = "senior", text = "lead" }]') + LEAD_TEXT)
    assert [(problem.scenario, problem.value) for problem in found] == [("row", "'open_lead'")]
    assert "contact or an organisation (S16)" in found[0].remedy


def test_s16_a_contact_or_an_organisation_alone_is_enough():
    for kind in ("open_contact", "open_organisation"):
        then = f'[{{ do = "{kind}", owner = "senior" }}, {{ do = "open_lead", owner = "senior", text = "lead" }}]'
        assert read_matrix(row(then=then) + LEAD_TEXT).rows


def test_s3_14_s16_lead_and_deal_in_one_row_are_refused():
    then = """[
      { do = "open_contact", owner = "senior" },
      { do = "open_lead", owner = "senior", text = "lead" },
      { do = "open_deal", owner = "senior", text = "lead" },
    ]"""
    assert "lead and deal are never opened in one row (S16)" in remedies(row(then=then) + LEAD_TEXT)[0]


def test_s3_20_a_lead_title_without_the_leads_id_is_refused():
    then = '[{ do = "open_contact", owner = "top" }, { do = "open_lead", owner = "top", text = "plain" }]'
    [remedy] = remedies(row(then=then) + '[text.plain]\ntitle = "{who}"\n')
    assert "must carry {lead_id} (S3-20)" in remedy


def test_every_problem_is_told_at_once_with_row_line_key_and_what_was_meant():
    text = row("one", 'when.direction = "inbund"\nwhen.colour = "red"', '[{ do = "log_cal" }]') + row(
        "two", "", "[]", ""
    )
    told = remedies(text)
    assert len(told) == 4
    assert told[0] == "line 4: one: when.direction = 'inbund': unknown word; did you mean 'inbound'?"
    assert told[1].startswith("line 5: one: when.colour: unknown condition") or "when.colour" in told[1]
    assert told[2] == "line 6: one: do = 'log_cal': unknown action; did you mean 'log_call'?"
    assert "two: title" in told[3]


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("nonsense", "this is no TOML"),
        ("", "there is no row"),
        ("[scenari]\n", "unknown key; did you mean 'scenario'?"),
        (row(when='when.occasion = ["call", 7]'), "write a word or a list of words"),
        (row(when="when = 7"), "write conditions"),
        (row(when='when.min_talk = "soon"'), 'write a duration, such as "10s"'),
        (row(then="7"), "write a list of actions"),
        (row(then='[{ name = "x" }]'), 'write do = "..."'),
        (row(then='[{ do = "open_contact" }]'), "needs 'owner'"),
        (row(then='[{ do = "open_contact", owner = "senor" }]'), "nobody is called so; did you mean 'senior'?"),
        (row(then='[{ do = "open_contact", owner = "employee:" }]'), "nobody is called so"),
        (row(then='[{ do = "log_call", owner = "top" }]'), "does not take 'owner'"),
        (row(then='[{ do = "log_call", if = { client = "nwe" } }]'), "did you mean 'new'?"),
        (row(then='[{ do = "write_note", text = "lost" }]'), "there is no such word"),
        (row(then='[{ do = "count", as = "a b" }]'), "write a short name"),
        (row(then='[{ do = "count", as = "x" }, { do = "log_call" }]'), "a row that counts does nothing else"),
        (row(when="tittle = 7"), "unknown key; did you mean 'title'?"),
        (row(name="two words"), "write a name of letters"),
        (row() + "[rule.D99]\ntitle = 'x'\n", "unknown rule"),
        (row() + "[rule.D4]\ntitle = 'x'\nchoice = 'latest'\n", "unknown word"),
        (row() + "[rule.D5]\nchoice = 'x'\ntitle = 'x'\n", "unknown key"),
        (row() + "[text.x]\ntitle = '{clint}'\n", "unknown variable; did you mean 'client'?"),
        (row() + "[text.x]\ntitle = '{clint'\n", "write {{ for a brace"),
        (row() + "[text.x]\ntitle = 7\n", "write a text"),
        ("text = 7\n" + row(), "write [text.NAME] tables"),
        ("scenario = 7\n", "write [[scenario]] tables"),
        ("text.x = 7\n" + row(), "write a table [text.x]"),
        ('scenario = [{ name = "inline", title = "t", when = { client = "nwe" } }]\n', "inline: when.client = 'nwe'"),
        (row(when="when.min_talk = true"), "write a duration"),
        (row(when='when.min_talk = "7 years"'), "write a duration"),
        (row(when="when.min_talk = -1"), "write a duration"),
        (row(when="when.client = 7"), "write a word or a list of words"),
        (row(when='when.forms = "perhaps"'), "known are false, true"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(text, remedy):
    assert any(remedy in told for told in remedies(text)), remedies(text)


@pytest.mark.parametrize(
    ("argument", "remedy"),
    [
        ('kind = "calback", status = "open", due = "4h"', "did you mean 'callback'?"),
        ('kind = "review", status = "opn", due = "4h"', "did you mean 'open'?"),
        ('kind = "review", status = "open", due = "later"', 'write a duration, such as "4h"'),
    ],
)
def test_an_argument_of_the_wrong_kind_is_told_with_its_remedy(argument, remedy):
    then = f'[{{ do = "add_task", assignee = "top", text = "lead", {argument} }}]'
    assert any(remedy in told for told in remedies(row(then=then) + LEAD_TEXT))


def test_a_switch_that_is_no_switch_is_told():
    then = '[{ do = "call_back", assignee = "top", text = "lead", on_duty = "yes" }]'
    assert "on_duty is true or false" in remedies(row(then=then) + LEAD_TEXT)[0]


def test_a_mistake_in_the_second_action_is_told_with_that_actions_line():
    then = """[
  { do = "log_call" },
  { do = "log_call", owner = "top" },
]"""
    assert remedies(row(then=then))[0].startswith("line 7: row: do = 'log_call': does not take 'owner'")


def test_a_row_may_be_written_with_tables_of_its_own():
    text = '[[scenario]]\nname = "row"\ntitle = "t"\nthen = []\n[scenario.when]\nclient = "nwe"\n'
    assert remedies(text)[0].startswith("line 6: row: when.client = 'nwe'")


def test_a_missing_key_is_told_with_the_line_of_its_own_table():
    assert remedies(row() + "[rule.D5]\n\n[rule.D2]\ntitle = 'x'\n")[0].startswith("line 6: D5: title: is missing")


def test_two_rows_of_one_name_are_refused_with_the_line_of_the_first():
    told = remedies(row("same", 'when.line = "+442079460001"') + row("same"))
    assert told == ["line 7: same: name = 'same': is taken by the row at line 1"]


def test_a_row_that_an_earlier_row_covers_entirely_is_refused_with_both_names():
    told = remedies(
        row("wide", 'when.direction = "inbound"') + row("narrow", 'when.direction = "inbound"\nwhen.client = "new"')
    )
    assert told == ["line 9: narrow: when: can never match: wide before it takes every situation"]


def test_the_same_row_above_the_wide_one_is_accepted():
    text = row("narrow", 'when.direction = "inbound"\nwhen.client = "new"') + row("wide", 'when.direction = "inbound"')
    assert [one.name for one in read_matrix(text).rows] == ["narrow", "wide"]


def test_several_rows_that_together_take_everything_leave_nothing_for_a_later_one():
    text = (
        row("known", 'when.occasion = "ended"\nwhen.direction = "inbound"\nwhen.answered_by = "known"')
        + row("unknown", 'when.occasion = "ended"\nwhen.direction = "inbound"\nwhen.answered_by = "unknown"')
        + row("missed", 'when.occasion = "ended"\nwhen.direction = "inbound"\nwhen.outcome = "missed"')
        + row("never", 'when.occasion = "ended"\nwhen.direction = "inbound"')
    )
    assert (
        "never: when: can never match: known and unknown and missed before it take every situation" in remedies(text)[0]
    )


@pytest.mark.parametrize(
    "when",
    [
        'when.occasion = "ended"\nwhen.outcome = "answered"\nwhen.answered_by = "nobody"',
        'when.outcome = "missed"\nwhen.answered_by = "known"',
        'when.occasion = "form"\nwhen.direction = "inbound"',
        'when.client = "new"\nwhen.answered_by = "responsible"',
        'when.direction = "outbound"\nwhen.missed_reason = "busy"',
    ],
)
def test_conditions_that_contradict_each_other_are_refused(when):
    assert "its conditions contradict each other" in remedies(row(when=when))[0]


def test_a_longer_least_talk_below_a_shorter_one_is_covered_and_a_shorter_one_is_not():
    long, short = 'when.min_talk = "60s"', 'when.min_talk = "10s"'
    assert "short before it takes" in remedies(row("short", short) + row("long", long))[0]
    assert read_matrix(row("long", long) + row("short", short)).rows
    assert read_matrix(row("short", short) + row("policy", 'when.min_talk = "policy.outbound_min_talk"')).rows


def test_the_same_line_below_itself_is_covered_and_another_line_is_not():
    here, there = 'when.line = "+442079460001"', 'when.line = "+442079460002"'
    assert "can never match" in remedies(row("a", here) + row("b", here))[0]
    assert read_matrix(row("a", here) + row("b", there) + row("c")).rows


def test_durations_are_written_with_a_unit_or_as_seconds():
    for written, seconds in (("10", 10), ("1.5", 1.5), ('"90m"', 5400), ('"2 h"', 7200), ('"1d"', 86400)):
        [condition] = read_matrix(row(when=f"when.min_talk = {written}")).rows[0].when
        assert condition.seconds == seconds


def test_the_version_is_a_hash_of_the_text():
    assert read_matrix(TEXT).version == MATRIX.version
    assert read_matrix(TEXT + "\n# changed\n").version != MATRIX.version


def test_s3_24_an_edited_row_decides_the_next_event_and_the_old_version_still_decides_by_the_old_one():
    edited = read_matrix(
        TEXT.replace('{ do = "call_back", assignee = "senior"', '{ do = "call_back", assignee = "top"')
    )
    assert only_task(verdict(missed(), matrix=edited)).assignee_id == "anna"
    assert only_task(verdict(missed(), matrix=MATRIX)).assignee_id == "olga"


def test_a_row_for_one_line_above_the_general_one_takes_that_lines_calls():
    special = row("service", f'when.line = "{LINE}"\nwhen.outcome = "missed"', '[{ do = "log_call" }]')
    matrix = read_matrix(special + TEXT)
    assert verdict(missed(), matrix=matrix).scenario == "service"
    assert verdict(missed(), matrix=matrix, line_number="+442079460002").scenario == "S4"


@pytest.mark.parametrize(
    ("key", "value", "fields"),
    [
        ("line_name", "Sales", {}),
        ("queue", "support", {"call": missed(queue="support")}),
        ("branch", "london", {"branch": "london"}),
        ("source", "pbx", {}),
        ("number", "usable", {}),
        ("missed_reason", "no_answer", {}),
    ],
)
def test_a_row_may_ask_for_each_of_these_alone(key, value, fields):
    matrix = read_matrix(row("asked", f'when.occasion = "ended"\nwhen.{key} = "{value}"'))
    call = fields.pop("call", missed())
    assert verdict(call, matrix=matrix, **fields).scenario == "asked"


@pytest.mark.parametrize("part", ["source", "medium", "campaign", "term", "content"])
def test_a_row_may_ask_for_each_advertising_tag_in_any_case(part):
    matrix = read_matrix(row("asked", f'when.utm_{part} = "Autumn"'))
    assert verdict(missed(utm=Utm(**{part: "AUTUMN"})), matrix=matrix).scenario == "asked"
    assert verdict(missed(), matrix=matrix).scenario is None


def test_a_task_may_have_a_deadline_of_its_own_and_a_named_employee():
    then = '[{ do = "add_task", kind = "call", status = "open", assignee = "employee:jan", text = "x", due = "90m" }]'
    matrix = read_matrix(row("own", 'when.occasion = "ended"', then) + '[text.x]\ntitle = "Ring {who}"\n')
    call = missed()
    task = only_task(verdict(call, matrix=matrix))
    assert (task.assignee_id, task.due_at, task.text) == ("jan", call.ended_at + 5400, "")


def test_a_row_may_open_a_deal_with_its_organisation():
    then = '[{ do = "open_organisation", owner = "top" }, { do = "open_deal", owner = "top", text = "x" }]'
    matrix = read_matrix(row("deal", "", then) + '[text.x]\ntitle = "Deal of {client}"\n')
    found = verdict(missed(), NEW, matrix=matrix)
    assert [type(effect).__name__ for effect in found.effects] == ["OpenOrganisation", "OpenDeal"]
    assert not effects(found, OpenLead)
    assert not effects(found, AddTask)


def test_d4_the_oldest_of_several_open_leads_may_be_chosen_instead():
    oldest = read_matrix(TEXT.replace('choice = "most_recently_active"', 'choice = "oldest"'))
    two = client(contact(), lead(id="lead-2", active_at=MORNING, created_at=MORNING), lead())
    assert only_task(verdict(called("102"), two, matrix=oldest)).lead_id == "lead-1"
    assert only_task(verdict(called("102"), two)).lead_id == "lead-2"


def test_d15_the_first_who_talked_may_be_the_answerer_instead():
    first = read_matrix(TEXT.replace('choice = "last_talker"', 'choice = "first_talker"'))
    assert verdict(answered("102", "101"), OPEN_LEAD, matrix=first).scenario == "S6"
    assert verdict(answered("102", "101"), OPEN_LEAD).scenario == "S7"


def test_a_text_that_is_nested_without_end_is_refused_and_not_a_crash():
    assert any("nested too deep" in remedy for remedy in remedies("x = " + "[" * 100_000))
