"""Problem details: what a client of ours is told when something is wrong."""

from bridge.wire.problems import LONGEST_WORD, Problem, did_you_mean, problem_document, shown, unreadable


def test_a_problem_document_says_the_status_in_words_and_what_to_do():
    assert problem_document(409, "The task is done already.") == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The task is done already.",
    }


def test_a_problem_document_names_the_place_of_every_problem():
    wrong = Problem(path="$.outcome", message="'gone' is no outcome")
    assert problem_document(422, "Nothing was taken.", [wrong])["errors"] == [
        {"path": "$.outcome", "message": "'gone' is no outcome"}
    ]


def test_a_problem_document_may_have_members_of_its_own():
    assert problem_document(503, "The store is full.", retry_after=30)["retry_after"] == 30


def test_a_body_that_cannot_be_read_tells_all_its_problems_in_one_line():
    assert str(unreadable("$", "not JSON")) == "$: not JSON"


def test_a_misspelled_word_is_put_right_but_a_page_of_letters_is_not_compared():
    assert did_you_mean("outcom", ["outcome", "employee"]) == "; did you mean outcome?"
    assert did_you_mean("x" * LONGEST_WORD * 1000, ["outcome"]) == ""


def test_a_strangers_value_is_shown_short_and_in_plain_letters():
    assert shown("é\n") == r"'\xe9\n'"
    assert len(shown("x" * 10_000)) <= 61
    assert shown({"a": ["b"] * 10_000}) == "an object"
