"""What the company knows by itself."""

from dataclasses import replace

from bridge.model.phone import PhoneNumber, lookup_keys
from tests.builders import company

ABROAD, AT_HOME = PhoneNumber("+5491123456789"), PhoneNumber("+541123456789")


def test_a_number_that_the_configuration_blocks_is_blocked_under_every_spelling_and_listed_once():
    careful = replace(company(), blocked=lookup_keys(ABROAD))
    assert careful.blocks(ABROAD)
    assert careful.blocks(AT_HOME)
    assert not careful.blocks(PhoneNumber("+447700900101"))
    assert len(careful.blocked_numbers()) == 1
