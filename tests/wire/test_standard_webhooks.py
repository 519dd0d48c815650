import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.wire.standard_webhooks import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    TOLERANCE,
    read_secret,
    refusal,
    signed_headers,
)

KEY = b"k" * 32
NOW = 1_795_338_930.0
BODY = b'{"type": "call.ended"}'


def headers(**changes: str) -> dict[str, str]:
    signed = dict(signed_headers(KEY, message_id="msg_1", now=NOW, body=BODY))
    return signed | {name.replace("_", "-"): value for name, value in changes.items()}


def test_the_example_of_the_specification_verifies():
    # standardwebhooks.com, "signature scheme": secret, id, timestamp, body and signature as printed there.
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    given_headers = {
        ID_HEADER: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        TIMESTAMP_HEADER: "1614265330",
        SIGNATURE_HEADER: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert refusal(key, given_headers, body, now=1614265330.0) is None


def test_what_we_sign_we_accept():
    assert refusal(KEY, headers(), BODY, now=NOW) is None


def test_any_of_several_signatures_is_enough_while_a_secret_changes():
    good = headers()[SIGNATURE_HEADER]
    assert refusal(KEY, headers(webhook_signature=f"v1,bm8= v1a,x {good}"), BODY, now=NOW) is None


def test_a_signature_of_another_version_proves_nothing():
    good = headers()[SIGNATURE_HEADER].replace("v1,", "v2,")
    assert refusal(KEY, headers(webhook_signature=good), BODY, now=NOW) is not None


@pytest.mark.parametrize("drift", [-TOLERANCE, TOLERANCE])
def test_a_clock_may_be_five_minutes_wrong(drift):
    assert refusal(KEY, headers(), BODY, now=NOW + drift) is None
    assert "away from our clock" in refusal(KEY, headers(), BODY, now=NOW + drift * 1.01)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_id": "msg_2"},
        {"webhook_id": ""},
        {"webhook_timestamp": str(int(NOW) + 1)},
        {"webhook_timestamp": "soon"},
        {"webhook_timestamp": "-1"},
        {"webhook_timestamp": "9" * 400},
        {"webhook_timestamp": "²"},
        {"webhook_signature": ""},
        {"webhook_signature": "v1,"},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1,\udcff"},
    ],
)
def test_a_changed_header_is_refused(changes):
    assert refusal(KEY, headers(**changes), BODY, now=NOW) is not None


def test_a_changed_body_and_another_key_are_refused():
    assert refusal(KEY, headers(), BODY + b" ", now=NOW) is not None
    assert refusal(b"l" * 32, headers(), BODY, now=NOW) is not None
    assert refusal(KEY, {}, BODY, now=NOW) is not None


@pytest.mark.parametrize(
    "secret", ["whsec_!!!", "whsec_" + base64.b64encode(b"short").decode(), "", "whsec_" + "A" * 400]
)
def test_a_secret_that_is_none_is_refused_when_it_is_read(secret):
    with pytest.raises(ValueError, match="signing secret"):
        read_secret(secret)


@given(st.dictionaries(st.sampled_from([ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER]), st.text()), st.binary())
def test_random_headers_are_refused_and_never_raise(random_headers, body):
    assert refusal(KEY, random_headers, body, now=NOW)
