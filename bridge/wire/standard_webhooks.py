"""Standard Webhooks: who signed this body, and when (specification 1.0.0, standardwebhooks.com).

The signature is base64(HMAC-SHA256(key, "{webhook-id}.{webhook-timestamp}.{body}")), sent as `v1,SIGNATURE`; several,
divided by blanks, while a secret is being changed. A secret is written `whsec_` and base64 of 24 to 64 bytes.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from bridge.model.moment import Instant

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
TOLERANCE: Final = 300.0
"""Seconds that the sender's clock may differ from ours, and that a recorded request can be played again."""

PREFIX: Final = "whsec_"
SHORTEST_KEY: Final = 24
LONGEST_KEY: Final = 64
MOST_SIGNATURES: Final = 16


def read_secret(text: str) -> bytes:
    """The key that a secret stands for.

    Raises:
        ValueError: it is not `whsec_` and base64 of 24 to 64 bytes.

    """
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"a signing secret is {PREFIX} and base64; this one is not base64") from error
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(f"a signing secret has {SHORTEST_KEY} to {LONGEST_KEY} bytes; this one has {len(key)}")
    return key


def signed_headers(key: bytes, *, message_id: str, now: Instant, body: bytes) -> Mapping[str, str]:
    """The three headers that prove this body to whoever knows the key."""
    timestamp = str(int(now))
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: f"v1,{_signature(key, message_id, timestamp, body)}",
    }


def refusal(key: bytes, headers: Mapping[str, str], body: bytes, *, now: Instant) -> str | None:
    """Why these headers do not prove this body, or None when they do. `headers` answers to lower-case names."""
    message_id = headers.get(ID_HEADER, "")
    timestamp = headers.get(TIMESTAMP_HEADER, "")
    signatures = headers.get(SIGNATURE_HEADER, "")
    if not (message_id and timestamp and signatures):
        return f"{ID_HEADER}, {TIMESTAMP_HEADER} and {SIGNATURE_HEADER} must all be there"
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= len(str(2**63))):
        return f"{TIMESTAMP_HEADER} must be the seconds since 1970"
    if abs(now - int(timestamp)) > TOLERANCE:
        return f"{TIMESTAMP_HEADER} is more than {TOLERANCE:.0f} seconds away from our clock"
    expected = _signature(key, message_id, timestamp, body).encode()
    for signature in signatures.split()[:MOST_SIGNATURES]:
        version, _, text = signature.partition(",")
        if version == "v1" and hmac.compare_digest(text.encode(errors="surrogateescape"), expected):
            return None
    return f"no v1 signature in {SIGNATURE_HEADER} fits the body"


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((message_id.encode(errors="surrogateescape"), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
