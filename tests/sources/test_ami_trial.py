from datetime import UTC

import pytest

from bridge.sources.ami import AmiSettings
from bridge.sources.ami_trial import try_asterisk
from tests.transcripts.trace import HERE


@pytest.fixture
def trial(pbx, clock):
    async def trying(**more):
        settings = {"id": "pbx", "port": pbx.port, "username": "bridge", "secret": "s3cret", "trunks": ["trunk"]}
        return await try_asterisk(AmiSettings.model_validate(settings | more), clock, UTC)

    return trying


async def test_a_good_account_is_told_with_the_version_of_its_pbx(trial):
    tried = await trial()
    assert tried.good
    assert tried.detail == "Asterisk 22.10.1, 0 channels live"


async def test_a_wrong_secret_is_told(trial):
    tried = await trial(secret="wrong")
    assert not tried.good
    assert "wrong secret" in tried.detail


async def test_a_right_that_is_missing_is_told_with_its_name(pbx, trial):
    pbx.rights = {"call"}
    tried = await trial()
    assert not tried.good
    assert "write = reporting" in tried.detail


async def test_an_account_without_filters_is_good_but_the_traffic_is_mentioned(pbx, trial):
    pbx.rights = {"reporting"}
    tried = await trial()
    assert tried.good
    assert "every event" in tried.detail
    assert "every event" not in (await trial(filter=False)).detail


async def test_nobody_there_is_told_with_the_place(pbx, trial):
    await pbx.down()
    tried = await trial()
    assert not tried.good
    assert f"127.0.0.1:{pbx.port}" in tried.detail


async def test_a_pbx_that_hangs_does_not_hang_the_check(pbx, trial):
    pbx.mute = {"login"}
    tried = await trial(reply_seconds=0.05)
    assert not tried.good
    assert "no answer to Login" in tried.detail


async def test_call_records_are_tried_too(pbx, trial, tmp_path):
    nowhere = await trial(cdr={"file": str(tmp_path / "Master.csv")})
    assert (nowhere.good, "call records: " in nowhere.detail) == (False, True)
    assert "No such file" in nowhere.detail
    records = HERE / "22" / "in_direct_answered" / "cel.csv"
    found = await trial(cdr={"file": str(records), "kind": "cel"})
    assert found.good
    assert "has what it takes" in found.detail
