"""The one table, once for all adapters."""

import ssl
from datetime import UTC, datetime
from email.utils import format_datetime
from types import SimpleNamespace

import aiohttp
import pytest
from multidict import CIMultiDict

from bridge.crm.answers import BUSY_SECONDS, LONGEST_RETRY_AFTER, STATUSES, of_exception, of_status, senseless
from bridge.flow.answers import Answer
from tests.flow.hand_clock import NOON

KEY = SimpleNamespace(host="crm.example", port=443, ssl=True, is_ssl=True)


def answer_of(status, body="", **headers):
    found = of_status(status, CIMultiDict({k.replace("_", "-"): v for k, v in headers.items()}), body, now=NOON)
    return Answer.DONE if found is None else found.answer


@pytest.mark.parametrize(
    ("statuses", "answer"),
    [
        ((200, 201, 202, 204), Answer.DONE),
        ((301, 302, 303, 307, 308), Answer.UNKNOWN),
        ((401, 407), Answer.REAUTHORISE),
        ((402, 408, 421, 423, 424, 425, 429, 511), Answer.RETRY),
        ((400, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 417, 418, 422), Answer.PARK),
        ((426, 428, 431, 451, 499), Answer.PARK),
        ((500, 502, 503, 504, 506, 507, 508, 510, 520, 599), Answer.UNKNOWN),
        ((501, 505), Answer.PARK),
        ((100, 304, 600, 999), Answer.UNKNOWN),
    ],
)
def test_what_each_status_means(statuses, answer):
    assert {status: answer_of(status) for status in statuses} == dict.fromkeys(statuses, answer)


def test_every_status_of_the_table_is_tried_above():
    assert all(answer_of(status) is answer for status, answer in STATUSES.items())


@pytest.mark.parametrize(
    ("body", "headers", "answer"),
    [
        ("the token has expired", {}, Answer.REAUTHORISE),
        ('{"error": "invalid_token"}', {}, Answer.REAUTHORISE),
        ("", {"WWW_Authenticate": 'Bearer error="invalid_token"'}, Answer.REAUTHORISE),
        ("you may not write leads", {}, Answer.PARK),
        ("", {}, Answer.PARK),
    ],
)
def test_a_403_says_whether_we_are_unknown_or_this_is_forbidden(body, headers, answer):
    assert answer_of(403, body, **headers) is answer


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "120", 120.0),
        (503, "7", 7.0),
        (429, format_datetime(datetime.fromtimestamp(NOON + 90, UTC), usegmt=True), 90.0),
        (503, format_datetime(datetime.fromtimestamp(NOON - 90, UTC), usegmt=True), 0.0),
        (429, None, BUSY_SECONDS),
        (429, "soon", BUSY_SECONDS),
        (429, "-5", BUSY_SECONDS),
        (429, "Mon, 99 Foo 2026", BUSY_SECONDS),
        (503, None, None),
        (503, "soon", None),
        (429, "999999999999", LONGEST_RETRY_AFTER),
        (500, "120", None),
    ],
)
def test_a_system_that_asks_for_patience_gets_it(status, header, seconds):
    found = of_status(status, {} if header is None else {"Retry-After": header}, "", now=NOON)
    assert found is not None
    assert found.retry_after == seconds


def test_the_person_who_looks_sees_what_the_system_said_and_the_log_does_not():
    found = of_status(422, {}, "no such\n country: +447700900123 " + "x" * 1000, now=NOON)
    assert found is not None
    assert found.problem == "it answered 422 Unprocessable Entity"
    assert found.detail.startswith("no such country: +447700900123")
    assert len(found.detail) == 300
    moved = of_status(302, {"Location": "https://new.example/"}, "", now=NOON)
    assert moved is not None
    assert "https://new.example/" in moved.detail


def refused(kind, error):
    return kind(KEY, error)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (refused(aiohttp.ClientConnectorError, ConnectionRefusedError(111, "refused")), Answer.RETRY),
        (refused(aiohttp.ClientConnectorDNSError, OSError(-2, "unknown name")), Answer.RETRY),
        (refused(aiohttp.ClientConnectorSSLError, ssl.SSLError(1, "wrong version")), Answer.RETRY),
        (refused(aiohttp.ClientConnectorCertificateError, ssl.CertificateError("self-signed")), Answer.RETRY),
        (aiohttp.ServerFingerprintMismatch(b"a", b"b", "crm.example", 443), Answer.RETRY),
        (aiohttp.ConnectionTimeoutError("connecting"), Answer.RETRY),
        (aiohttp.InvalidURL("x"), Answer.RETRY),
        (aiohttp.NonHttpUrlClientError("x"), Answer.RETRY),
        (aiohttp.SocketTimeoutError("reading"), Answer.UNKNOWN),
        (aiohttp.ServerTimeoutError(), Answer.UNKNOWN),
        (TimeoutError(), Answer.UNKNOWN),
        (aiohttp.ServerDisconnectedError(), Answer.UNKNOWN),
        (aiohttp.ClientOSError(104, "reset"), Answer.UNKNOWN),
        (aiohttp.ClientConnectionResetError("closing"), Answer.UNKNOWN),
        (aiohttp.ClientPayloadError("half a body"), Answer.UNKNOWN),
        (aiohttp.ClientResponseError(SimpleNamespace(real_url="https://crm.example/"), ()), Answer.UNKNOWN),
        (ConnectionResetError(104, "reset"), Answer.UNKNOWN),
        (OSError(5, "I/O"), Answer.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_each_failure_of_the_connection_means(error, answer):
    assert of_exception(error).answer is answer


def test_an_answer_that_makes_no_sense_may_mean_that_it_was_done():
    assert senseless("it is no JSON").answer is Answer.UNKNOWN
