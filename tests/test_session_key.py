"""The key that signs the page's cookies."""

import pytest

from bridge.app.refused import StartRefused
from bridge.app.session_key import KEY_BYTES, KEY_FILE, session_key


def test_the_key_is_made_once_and_readable_by_nobody_else(tmp_path):
    key = session_key(tmp_path)
    assert len(key) == KEY_BYTES
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert session_key(tmp_path) == key


def test_a_key_that_others_could_read_is_theirs_no_longer(tmp_path):
    key = session_key(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    assert session_key(tmp_path) == key
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_key_that_was_cut_off_by_a_crash_is_made_anew(tmp_path):
    (tmp_path / KEY_FILE).write_bytes(b"half")
    assert len(session_key(tmp_path)) == KEY_BYTES


def test_a_key_that_cannot_be_kept_is_told_with_its_place(tmp_path):
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(StartRefused, match=KEY_FILE):
        session_key(tmp_path)
