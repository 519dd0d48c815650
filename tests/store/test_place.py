"""Where the store is, and what cannot be a store."""

import pytest

from bridge.store.errors import StoreError
from bridge.store.place import place_of


def test_a_relative_file_counts_from_the_data_folder(tmp_path):
    place = place_of("sqlite:///bridge.db", tmp_path)
    assert (place.embedded, place.file) == (True, tmp_path / "bridge.db")


def test_an_absolute_file_stays_where_it_is(tmp_path):
    assert place_of(f"sqlite:///{tmp_path}/else.db", tmp_path / "data").file == tmp_path / "else.db"


@pytest.mark.parametrize("url", ["bridge.db", "sqlite://", "sqlite:///:memory:", "mysql://u:hush@db.example/bridge"])
def test_what_cannot_be_a_store_is_refused_with_what_to_write_instead(url, tmp_path):
    with pytest.raises(StoreError, match=r"write sqlite:///bridge\.db") as refused:
        place_of(url, tmp_path)
    assert "hush" not in str(refused.value)
