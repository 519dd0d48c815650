"""Whom the platform means; S3-01, what the company still lacks; who is passed over."""

from dataclasses import replace

import pytest

from bridge.model.call import Direction
from bridge.model.people import Employee, Role
from bridge.rules.matrix import read_matrix
from bridge.rules.preconditions import missing_preconditions
from bridge.rules.staff import employee_of, settings_subject, unknown_party
from tests.builders import LINES, MATRIX, OFFICE, PEOPLE, SCENARIOS, answered, called, changed, company, missed

COMPANY = company()


@pytest.mark.parametrize(
    "party",
    [
        "101",
        "jan@acme.example",
        "JAN@acme.example",
        "+447700900801",
        "07700 900801",
        "+44 (0)7700 900-801",
        "00447700900801",
        "sip:101@pbx.example",
        "SIP:101@pbx.example:5060;transport=tcp",
        "sips:07700900801@pbx.example",
        "101@pbx.example",
        "tel:+44-7700-900801",
        "SIP/101",
        "PJSIP/101-0000002a",
    ],
)
def test_an_employee_is_known_by_extension_mail_and_phone_in_any_spelling(party):
    assert employee_of(COMPANY, party).id == "jan"


@pytest.mark.parametrize(
    "party",
    [
        None,
        "",
        "1",
        "10",
        "1011",
        "unknown",
        "900801",
        "+447700900123",
        "PJSIP/1011",
        "SIP/",
        "101@",
        "x" * 20,
        "99999999999999999999",
    ],
)
def test_nobody_is_taken_for_somebody_else(party):
    assert employee_of(COMPANY, party) is None


def test_an_employee_who_is_no_longer_configured_is_nobody():
    assert employee_of(replace(COMPANY, employees={}), "101") is None


def test_the_unknown_party_is_whoever_talked_and_nobody_knows():
    assert unknown_party(COMPANY, answered("101")) is None
    assert unknown_party(COMPANY, answered("101", "555")) == "555"
    assert unknown_party(COMPANY, called("555")) == "555"
    assert unknown_party(COMPANY, missed("555")) is None
    assert unknown_party(COMPANY, replace(answered("555"), direction=Direction.INTERNAL)) is None


def test_d18_the_settings_task_of_one_party_is_known_by_its_subject_however_it_is_written():
    assert (
        settings_subject(COMPANY, answered("Ext-555"))
        == settings_subject(COMPANY, answered("EXT-555"))
        == "party:ext-555"
    )
    assert settings_subject(COMPANY, answered("sip:555@pbx.example")) == settings_subject(COMPANY, answered("555"))
    assert settings_subject(COMPANY, answered("101")) is None
    assert settings_subject(COMPANY, replace(answered(), talked=())) == "source:pbx"


def lacking(**fields):
    return [str(problem) for problem in missing_preconditions(company(**fields), MATRIX)]


def test_s3_01_a_complete_company_lacks_nothing():
    assert lacking() == []


def test_s3_01_everything_that_is_missing_is_listed_at_once():
    people = (
        Employee(id="olga", name="Olga", role=Role.SENIOR, active=False),
        Employee(id="jan", name="Jan", schedule="ofice"),
    )
    told = lacking(
        people=people, lines=[replace(LINES[0], schedule="nights")], schedules=[OFFICE], missed_chain=("senoir", "jan")
    )
    assert len(told) == 5
    for word in (
        "policy.top = 'anna': 'anna' is no employee",
        "employee jan: has no extension",
        "employee jan.schedule = 'ofice': there is no such schedule; did you mean 'office'?",
        "line +442079460001.schedule = 'nights'",
        "policy.missed_chain = 'senoir': nobody is called so; did you mean 'senior'?",
    ):
        assert any(word in one for one in told), word


def test_s3_01_a_top_manager_who_is_away_has_nobody_to_stand_in_for_him_but_the_senior_has_d17():
    assert lacking(people=changed("olga", active=False)) == []
    assert len(lacking(people=changed("anna", assignable=False))) == 1


def test_s3_01_a_senior_who_only_gets_tasks_needs_no_telephone():
    assert lacking(people=changed("olga", extensions=(), email=None)) == []


def test_s3_01_a_disabled_employee_needs_no_telephone():
    assert lacking(people=(*PEOPLE, Employee(id="old", name="Old", active=False))) == []


def test_s3_01_a_row_that_names_what_the_company_does_not_have_is_listed_by_name():
    row = """
[[scenario]]
name = "own"
title = "a line of its own"
when.line = "+442079460009"
when.line_name = "Sails"
when.branch = "london"
when.min_talk = "10s"
then = [{ do = "open_contact", owner = "employee:yan" }, { do = "log_call", if = { line = "+442079460008" } }]
"""
    matrix = read_matrix(row + SCENARIOS.read_text(encoding="utf-8"))
    told = [problem for problem in missing_preconditions(COMPANY, matrix) if problem.scenario == "own"]
    assert {(problem.key, problem.value) for problem in told} == {
        ("when.line", "'+442079460009'"),
        ("when.line", "'+442079460008'"),
        ("when.line_name", "'Sails'"),
        ("when.branch", "'london'"),
        ("then", "'employee:yan'"),
    }
    assert any("did you mean 'jan'?" in problem.remedy for problem in told)
    assert {problem.line for problem in told} == {2}
