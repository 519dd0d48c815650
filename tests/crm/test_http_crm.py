import pytest
from pydantic import ValidationError

from bridge.crm.http import HttpCrmAdapter, try_http_crm
from bridge.crm.settings import HttpCrm
from bridge.flow.answers import Answer, NotDelivered
from bridge.flow.limits import Limits
from bridge.model.outgoing import Delivered, Parcel
from bridge.wire.standard_webhooks import read_secret, refusal
from tests.crm.fake_crm import open_crm
from tests.flow.hand_clock import NOON, HandClock
from tests.flow.parcels import parcels_of

SECRET = "whsec_c3RhbmRzIGluIGZvciB0aGUgcmVhbCBzZWNyZXQ="
LEAD = Parcel(outgoing=parcels_of(1)[0], remote={("contact", "c1"): "7"})


def settings(url, **more):
    return HttpCrm(url=url, timeout_seconds=5, **({"token": "secret-token"} | more))


@pytest.fixture
async def crm():
    async with open_crm() as opened:
        yield opened


@pytest.fixture
async def adapter(crm):
    made = HttpCrmAdapter(settings(crm.url, signing_secret=SECRET), HandClock())
    yield made
    await made.close()


async def test_an_effect_is_told_with_its_key_a_token_and_a_signature(adapter, crm):
    assert await adapter.deliver(LEAD) == Delivered(id="r1")
    (headers,), (body,) = crm.headers, crm.bodies
    assert headers["authorization"] == "Bearer secret-token"
    assert headers["idempotency-key"] == headers["webhook-id"] == LEAD.outgoing.key
    assert headers["content-type"] == "application/json"
    assert refusal(read_secret(SECRET), headers, body, now=NOON) is None
    (record,) = crm.records
    assert record["lead"]["title"] == "Lead 1"
    assert record["remote"] == {"contact": {"c1": "7"}}


async def test_what_it_has_is_found_and_what_it_has_not_is_not(adapter, crm):
    assert await adapter.find(LEAD) is None
    await adapter.deliver(LEAD)
    assert await adapter.find(LEAD) == Delivered(id="r1")
    assert await adapter.reauthorise() is False


async def test_a_number_is_an_id_too(adapter, crm):
    crm.ids[LEAD.outgoing.key] = 17
    assert await adapter.find(LEAD) == Delivered(id="17")


@pytest.mark.parametrize("nonsense", ["[]", "7", '{"id": true}', '{"id": ""}', '{"id": "a\\nb"}', "[" * 50_000])
async def test_an_answer_without_a_sensible_id_may_mean_that_it_was_done(adapter, crm, nonsense, monkeypatch):
    monkeypatch.setitem(__import__("tests.crm.fake_crm", fromlist=["NONSENSE"]).NONSENSE, "done, no id", nonsense)
    crm.moods = ["done, no id"]
    with pytest.raises(NotDelivered) as refused:
        await adapter.deliver(LEAD)
    assert refused.value.answer is Answer.UNKNOWN


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "crm.example"}, {"url": "ftp://crm.example"}, {"url": "https://"}, {"url": "https://a:b@crm.example"},
        {"url": "https://crm.example?key=1"}, {"token": "two words"}, {"token": ""}, {"signing_secret": "short"},
        {"token": None}, {"retry_first_seconds": 10, "retry_most_seconds": 5}, {"concurrency": 0}, {"per_second": 0},
        {"hold_seconds": -1}, {"colour": "red"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_at_once(wrong):
    with pytest.raises(ValidationError):
        HttpCrm(**({"url": "https://crm.example/bridge", "token": "secret-token"} | wrong))


def test_settings_become_the_limits_of_delivery():
    assert settings("https://crm.example/").url == "https://crm.example"
    assert HttpCrm(url="https://crm.example", token="x").limits == Limits()
    assert settings("https://crm.example", hold_seconds=5, concurrency=9).limits == Limits(
        hold=5, concurrency=9, timeout=5
    )


async def test_bridge_check_finds_out_whether_the_crm_knows_us(crm):
    good = await try_http_crm(settings(crm.url), HandClock())
    assert (good.good, good.detail) == (True, f"{crm.url} answers, and knows us")
    crm.look_moods = ["401"]
    refused = await try_http_crm(settings(crm.url), HandClock())
    assert (refused.good, "401" in refused.detail) == (False, True)
    crm.ids["connection-test"] = "r9"
    assert not (await try_http_crm(settings(crm.url), HandClock())).good
    await crm.leave()
    gone = await try_http_crm(settings(crm.url), HandClock())
    assert (gone.good, "cannot be reached" in gone.detail) == (False, True)
