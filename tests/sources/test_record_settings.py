from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from bridge.model.call_records import RecordKind
from bridge.sources.ami_settings import AmiSettings
from bridge.sources.record_settings import CallRecordSettings

LONDON = ZoneInfo("Europe/London")
AMI = {"id": "pbx", "username": "bridge", "secret": "s3cret", "trunks": ["trunk"]}


def settings(**told):
    return CallRecordSettings.model_validate(told)


def test_a_table_is_named_like_what_it_holds_and_its_times_are_the_companys():
    place = settings(url="mysql://bridge@pbx/asteriskcdrdb", password="s3cret", kind="cel").place(LONDON)
    assert (place.table, place.kind, place.zone, place.password) == ("cel", RecordKind.CEL, LONDON, "s3cret")
    assert settings(url="sqlite:////x.db", timezone="UTC").place(LONDON).zone == ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("told", "remedy"),
    [
        ({}, "name one place"),
        ({"url": "sqlite:////x.db", "file": "/x.csv"}, "name one place"),
        ({"url": "mysql://bridge:s3cret@pbx/x"}, "keep the password out"),
        ({"url": "nonsense"}, "write"),
        ({"file": "Master.csv"}, "write the whole path"),
        ({"file": "/x.csv", "table": "cdr"}, "mean nothing to a file"),
        ({"file": "/x.csv", "columns": ["src", "dst"]}, "columns must also name start, duration"),
        ({"url": "sqlite:////x.db", "columns": ["src"]}, "a table names its own"),
        ({"file": "/x.csv", "timezone": "Mars/Base"}, "no such time zone"),
        ({"file": "/x.csv", "timezone": "/etc/passwd"}, "no such time zone"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_remedy(told, remedy):
    with pytest.raises(ValidationError, match=remedy):
        settings(**told)


def test_the_password_is_not_shown():
    source = AmiSettings.model_validate(AMI | {"cdr": {"url": "mysql://b@pbx/x", "password": "hush"}})
    assert "hush" not in repr(source)
    assert "hush" not in str(source.model_dump(mode="json"))
