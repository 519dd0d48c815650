"""The words that rows ask for."""

from bridge.rules.facts import Facts
from bridge.rules.findings import find
from bridge.rules.vocabulary import NONE
from tests.builders import MATRIX, answered, situation


def facts_of_a_call() -> Facts:
    return Facts(find(situation(answered("101")), MATRIX))


def test_of_a_call_a_row_that_asks_for_a_chat_learns_that_there_is_none():
    assert facts_of_a_call()["chat"] == NONE


def test_a_word_is_worked_out_only_when_a_row_asks_for_it():
    facts = facts_of_a_call()
    assert dict(facts) == {}
    assert (facts["outcome"], dict(facts)) == ("answered", {"outcome": "answered"})
