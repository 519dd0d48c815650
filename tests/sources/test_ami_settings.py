import pytest
from pydantic import ValidationError

from bridge.sources.ami_settings import AmiSettings


def settings(**more):
    return AmiSettings.model_validate(
        {"id": "pbx", "username": "bridge", "secret": "s3cret", "trunks": ["trunk"]} | more
    )


def test_an_ordinary_asterisk_needs_a_name_a_secret_and_its_trunks():
    assert settings().port == 5038


@pytest.mark.parametrize(
    ("more", "remedy"),
    [
        ({"trunks": []}, "at least 1"),
        ({"recordings": "https://pbx.example/monitor/"}, "{file}"),
        ({"voicemails": "https://pbx.example/vm/"}, "{file}"),
        ({"recordings_folder": "monitor"}, "absolute"),
        ({"ca_file": "/etc/ssl/pbx.pem"}, "without tls = true"),
        ({"retry_first_seconds": 60}, "must not exceed"),
        ({"username": "bridge\r\nAction: Originate"}, "one line"),
        ({"secret": "a\r\nb"}, "one line"),
        ({"ping_seconds": 0}, "greater than 0"),
        ({"tlS": True}, "Extra inputs"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_with_its_remedy(more, remedy):
    with pytest.raises(ValidationError, match=remedy.replace("{", r"\{")):
        settings(**more)


def test_the_secret_is_never_shown():
    assert "s3cret" not in repr(settings())
