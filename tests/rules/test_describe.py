"""The reference page cannot be out of date."""

from pathlib import Path

from bridge.rules.describe import describe
from bridge.rules.row_reading import ACTIONS
from bridge.rules.vocabulary import CONDITIONS, PEOPLE, VARIABLES
from tests.builders import MATRIX

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "scenarios.md"


def test_the_committed_page_is_what_the_matrix_says():
    # To write it anew: python -c "from tests.rules.test_describe import *; PAGE.write_text(describe(MATRIX))"
    assert PAGE.read_text(encoding="utf-8") == describe(MATRIX)


def test_the_page_tells_of_every_row_rule_condition_action_person_and_variable():
    page = describe(MATRIX)
    for row in (*MATRIX.rows, *MATRIX.modifiers):
        assert f"| {row.name} | {row.title} |" in page
    for word in (*CONDITIONS, *ACTIONS, *PEOPLE, *VARIABLES):
        assert f"| `{word}` |" in page
    for rule in MATRIX.rules:
        assert f"| {rule} |" in page
