"""What the daemon says about itself names no client and no secret, and a machine can read it."""

import json
import os
import pty
import subprocess
import sys

import pytest

from bridge.log import mask_numbers

CLIENT = "+447700900101"


def logged(**entry):
    return dict(mask_numbers(None, "info", {"event": "call.decided", **entry}))


def spoken(program, **streams):
    """The standard error of a process that has set its log up and then does this."""
    setting_up = "import logging, structlog\nfrom bridge.log import set_up\nset_up()\nlog = structlog.get_logger()\n"
    return subprocess.run([sys.executable, "-c", setting_up + program], check=True, **streams).stderr


def lines(program):
    return [json.loads(line) for line in spoken(program, capture_output=True, text=True).splitlines()]


# ---- numbers


@pytest.mark.parametrize(
    "written", [CLIENT, "07700 900101", "+44 (0)7700 900-101", "0044.7700.900.101", "sip:+447700900101@pbx.example"]
)
def test_no_spelling_of_a_number_is_told_as_a_whole(written):
    told = logged(problem=f"{written} is not known")["problem"]
    assert "900101" not in "".join(character for character in told if character.isdigit())
    assert told.endswith("is not known")


def test_a_masked_number_can_still_be_told_apart():
    assert logged(number=CLIENT)["number"] == "+44 77…101"


def test_numbers_are_masked_however_deep_they_are_in_a_value():
    assert logged(numbers=[CLIENT], pairs=(("Anna", CLIENT),), found={"client": {"number": CLIENT}}) == {
        "event": "call.decided",
        "numbers": ["+44 77…101"],
        "pairs": [["Anna", "+44 77…101"]],
        "found": {"client": {"number": "+44 77…101"}},
    }


def test_the_numbers_of_a_traceback_are_masked_too():
    (entry,) = lines(
        f"try:\n    raise ValueError('{CLIENT} is odd')\nexcept ValueError:\n    log.exception('x.failed')"
    )
    assert "ValueError: +44 77…101 is odd" in entry["exception"]
    assert "7700900101" not in json.dumps(entry)


@pytest.mark.parametrize("address", ["127.0.0.1:8080", "192.168.100.200", "10.20.30.40:5038"])
def test_an_address_is_nobodys_number(address):
    assert logged(listen=address)["listen"] == address


def test_our_own_ids_are_told_as_they_are():
    assert logged(call_id="1234567890123456", task_id="77009001017700")["call_id"] == "1234567890123456"


def test_what_is_no_text_stays_what_it_is():
    assert logged(size=200, away=12.5, answered=True, problem=None)["away"] == 12.5


# ---- secrets


@pytest.mark.parametrize("key", ["secret", "ami_secret", "token", "Password", "signature", "Authorization"])
def test_a_secret_is_told_to_nobody(key):
    assert logged(**{key: "hunter2"})[key] == "***"
    assert "hunter2" not in str(logged(settings={key: ["hunter2"]}))


# ---- who reads it


def test_away_from_a_terminal_every_entry_is_one_line_of_json():
    first, second = lines("log.info('bridge.started', listen='127.0.0.1:1')\nlog.warning('call.given_up', why='a\\nb')")
    assert (first["event"], first["level"]) == ("bridge.started", "info")
    assert first["timestamp"].endswith("Z")
    assert (second["level"], second["why"]) == ("warning", "a\nb")


def test_on_a_terminal_it_is_coloured_for_people():
    terminal, theirs = pty.openpty()
    try:
        spoken("log.info('bridge.started', client='+447700900101')", stderr=theirs)
        told = os.read(terminal, 10_000).decode()
    finally:
        os.close(theirs)
        os.close(terminal)
    assert "\x1b[" in told
    assert "bridge.started" in told
    assert "900101" not in told


def test_small_words_are_said_only_when_somebody_asked_for_them():
    assert lines("log.debug('x.seen')") == []
    assert [entry["event"] for entry in lines("set_up(verbose=True)\nlog.debug('x.seen')")] == ["x.seen"]


def test_what_a_library_complains_about_is_masked_like_our_own_words():
    (entry,) = lines(f"logging.getLogger('aiohttp.server').warning('from %s', '{CLIENT}')")
    assert (entry["event"], entry["library"], entry["told"]) == (
        "library.complained",
        "aiohttp.server",
        "from +44 77…101",
    )


def test_a_reader_who_has_gone_does_not_stop_the_daemon():
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        spoken("log.info('bridge.started')\nlog.info('bridge.stopped')", stderr=theirs)
    finally:
        os.close(theirs)
