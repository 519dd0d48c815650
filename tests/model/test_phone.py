import subprocess
import sys

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.model import phone
from bridge.model.phone import (
    Hidden,
    PhoneNumber,
    Unusable,
    countries,
    lane_of,
    lookup_keys,
    mask,
    read_number,
    readable,
)


def e164(raw: str, country: str = "GB") -> str:
    number = read_number(raw, country)
    assert isinstance(number, PhoneNumber), number
    return number.e164


TWENTY_FIVE_SPELLINGS = (
    "+447700900101",
    "447700900101",
    "00447700900101",
    "07700900101",
    "7700900101",
    "07700 900101",
    "07700 900 101",
    "07700-900-101",
    "07700.900.101",
    "07700/900101",
    "(07700) 900101",
    "+44 (0)7700 900101",
    "+44 (0) 7700-900101",
    "(+44) 7700 900101",
    "+44\u00a07700\u00a0900\u00a0101",
    "  07700900101  ",
    "07700900101\r\n",
    "\u202a+44 7700 900101\u202c",
    "\uff0b\uff14\uff147700900101",
    "٠٧٧٠٠٩٠٠١٠١",
    "07700\u2011900\u2013101",
    "tel:+44-7700-900101",
    "tel:7700900101;phone-context=+44",
    "sip:+447700900101@pbx.example;user=phone",
    '"Anna Nowak" <sip:07700900101@pbx.example>',
    "whatsapp:+447700900101",
    "447700900101@s.whatsapp.net",
    "%2B447700900101",
    "++447700900101",
    "+00447700900101",
    "+07700900101",
    "+44 07700 900101",
    "07700 900101 ext. 12",
    "07700900101x123",
    "+447700900101;ext=12",
    "07700 900101 (доб. 7)",
    "07700 900101,,12#",
    "07700900101;",
)


@pytest.mark.parametrize("spelling", TWENTY_FIVE_SPELLINGS)
def test_twenty_five_spellings_of_one_number_are_one_client(spelling):
    assert read_number(spelling, "GB") == PhoneNumber("+447700900101")


def test_there_really_are_twenty_five_spellings():
    assert len(set(TWENTY_FIVE_SPELLINGS)) >= 25


@pytest.mark.parametrize(
    "nothing",
    [None, "", " ", "-", "s", "S", "?", "<unknown>", "unknown", "Unknown", "anonymous", "Anonymous", "ANONYMOUS",
     "restricted", "private", "Private Number", "withheld", "Number withheld", "unavailable", "not available", "N/A",
     "none", "null", "<null>", "asterisk", "No Caller ID", "sip:anonymous@anonymous.invalid",
     '"Anonymous" <sip:anonymous@anonymous.invalid>', '"Jan" <>', "anonymous@198.51.100.7", "0000", "0", "00000000000",
     "+0000", "000-000", "+266696687", "266696687", "+17378742833", "неизвестный", "Zastrzeżony", "+"],
)  # fmt: skip
def test_a_withheld_number_is_nobody(nothing):
    assert read_number(nothing, "GB") == Hidden()


@pytest.mark.parametrize(
    ("raw", "country"),
    [
        ("60777", "GB"),  # a short code that texts, seen from a real carrier
        ("101", "GB"),
        ("101", "PL"),
        ("1010", "DE"),
        ("112", "GB"),
        ("999", "GB"),
        ("118500", "GB"),
        ("116117", "DE"),  # Germany's open plan calls six digits possible
        ("5550123", "US"),  # can be dialled within one town only
        ("Jan Kowalski", "PL"),
        ("ACME", "GB"),
        ("0800 FLOWERS", "GB"),
        ("*31#07700900101", "GB"),
        ("1234567890", "US"),
        ("1111111111", "US"),
        ("+12345", "GB"),
        ("9" * 30, "GB"),
        ("x123", "GB"),
        ("07700900101 07700900102", "GB"),
        ("0207+9460123", "GB"),
    ],
)
def test_what_nobody_could_call_back_on_is_kept_as_it_was_told(raw, country):
    assert read_number(raw, country) == Unusable(raw)


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("020 7946 0123", "GB", "+442079460123"),
        ("+44 (0)20 7946 0123", "PL", "+442079460123"),
        ("22 123 45 67", "PL", "+48221234567"),
        ("48221234567", "PL", "+48221234567"),
        ("0 600 700 800", "PL", "+48600700800"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("1-202-555-0123", "US", "+12025550123"),
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("030/123456", "DE", "+4930123456"),
        ("030 123456-78", "DE", "+493012345678"),
        ("06 12345678", "IT", "+390612345678"),
        ("+39 (0)6 12345678", "GB", "+390612345678"),
        ("+34 (0)912 345 678", "GB", "+34912345678"),
        ("011 15 2345-6789", "AR", "+5491123456789"),
    ],
)
def test_a_national_number_is_read_by_the_country_of_the_line(raw, country, expected):
    assert e164(raw, country) == expected


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("00447700900101", "PL", "+447700900101"),
        ("01144 7700 900101", "US", "+447700900101"),
        ("00447700900101", "US", "+447700900101"),  # a European gateway in front of an American line
        ("810447700900101", "RU", "+447700900101"),
        ("0011 44 7700 900101", "AU", "+447700900101"),
        ("48600700800", "GB", "+48600700800"),
        ("48600700800", "US", "+48600700800"),
        ("447700900101", "PL", "+447700900101"),
        ("12025550123", "GB", "+12025550123"),
        ("5215512345678", "GB", "+5215512345678"),
    ],
)
def test_a_foreign_number_is_read_with_any_prefix_or_none(raw, country, expected):
    assert e164(raw, country) == expected


def test_the_same_digits_are_different_people_in_different_countries():
    assert e164("495 123 45 67", "RU") != e164("495 123 4567", "US")
    assert e164("7700900101", "GB") != e164("+77009001011", "GB")


def test_the_fiction_numbers_of_a_regulator_are_possible_though_never_assigned():
    assert e164("07700 900999") == "+447700900999"


def test_a_mexican_mobile_as_a_messenger_writes_it_is_not_thrown_away():
    assert e164("+5215512345678", "MX") == "+5215512345678"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5215512345678", "+525512345678"),
        ("+556181234567", "+5561981234567"),
        ("+541123456789", "+5491123456789"),
        ("+39612345678", "+390612345678"),
    ],
)
def test_two_spellings_of_one_subscriber_share_their_keys_and_their_lane(one, other):
    keys = lookup_keys(PhoneNumber(one))
    assert keys == lookup_keys(PhoneNumber(other)) == {one, other}
    assert lane_of(PhoneNumber(one)) == lane_of(PhoneNumber(other)) == min(one, other)


@pytest.mark.parametrize(
    "alone",
    [
        "+447700900101",
        "+12025550101",
        "+551133334444",  # a land line of São Paulo must not become somebody's mobile
        "+5511933334444",
        "+393331234567",  # an Italian mobile
        "+390331234567",  # Varese; without its zero it would be a mobile
        "+39800123456",  # free of charge, and no land line
        "+5498005551234",
        "+528001234567890",
    ],
)
def test_nobody_else_is_found_under_a_number_that_has_one_spelling(alone):
    assert lookup_keys(PhoneNumber(alone)) == {alone}


def test_no_number_is_known_by_its_last_digits():
    assert not lookup_keys(PhoneNumber("+74951234567")) & lookup_keys(PhoneNumber("+14951234567"))


@given(
    st.one_of(
        st.from_regex(r"\+(52|521|55|54|549|39|390|44|48|1|7)[0-9]{4,11}", fullmatch=True),
        st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True),
    )
)
def test_every_key_of_a_number_leads_to_the_same_keys(text):
    keys = lookup_keys(PhoneNumber(text))
    assert text in keys
    assert all(lookup_keys(PhoneNumber(key)) == keys for key in keys)
    assert {lane_of(PhoneNumber(key)) for key in keys} == {lane_of(PhoneNumber(text))}


@given(
    st.one_of(
        st.text(), st.from_regex(r"[+0-9 ()./x;,<>@:a-z-]{0,30}"), st.from_regex(r"\+?[0-9]{1,16}", fullmatch=True)
    ),
    st.sampled_from(sorted(countries())),
)
@example("200000000001", "AC")
@example("004900597279", "DE")
def test_no_text_whatever_makes_reading_fail(text, country):
    match read_number(text, country):
        case PhoneNumber(e164=found):
            assert found[0] == "+"
            assert found[1:].isdigit()
            assert found[1:].isascii()
            assert read_number(found, "AQ") == PhoneNumber(found)
        case Unusable(raw=raw):
            assert raw == text
        case Hidden():
            pass


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+447700900101", "+44 77…101"),
        ("+12025550101", "+1 20…101"),
        ("07700900101", "07…101"),
        ("sip:+447700900101@pbx.example", "+44 77…101"),
        ("60777", "6…7"),
        ("101", "…"),
        ("+4822", "+48 …"),
        ("Anna Nowak", "A…"),
        ("", "…"),
    ],
)
def test_a_masked_number_can_be_told_apart_but_not_called(text, shown):
    assert mask(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+442079460100", "+44 20 7946 0100"),
        ("+12025550101", "+1 202-555-0101"),
        ("101", "101"),
        ("+1", "+1"),
        ("", ""),
    ],
)
def test_a_number_is_shown_as_people_read_it_aloud_and_anything_else_as_it_is(text, shown):
    assert readable(text) == shown


@given(st.from_regex(r"\+?[0-9]{1,20}|[A-Za-z]{2,20}( [A-Z][a-z]+)?", fullmatch=True))
def test_a_masked_text_never_holds_the_whole_of_it(text):
    assert text not in mask(text)
    assert sum(character.isalnum() for character in mask(text)) <= max(1, len(text) * 2 // 3)


def test_reading_numbers_does_not_load_the_tables_of_towns_carriers_and_time_zones():
    program = "import sys, bridge.model.phone; print([m for m in sys.modules if m.startswith('phonenumbers.')])"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert "phonenumbers.phonenumberutil" in loaded
    assert not any(table in loaded for table in ("geodata", "carrierdata", "tzdata", "geocoder", "timezone"))


ANY_E164 = st.builds(
    lambda code, national: f"+{code}{national}",
    st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)),
    st.from_regex(r"[0-9]{3,12}", fullmatch=True),
)


def in_the_library_s_words(text):
    try:
        return phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None


@given(ANY_E164)
@example("+4407700900101")
@example("+390236618300")
@example("+393123456789")
@example("+5215512345678")
@example("+80012345678")
def test_the_short_way_to_a_number_leads_where_the_long_one_does(text):
    number = in_the_library_s_words(text)
    assert phone._structure(text) == number
    assert phone._valid(text) == (number is not None and phonenumbers.is_valid_number(number))


def test_every_country_s_own_examples_are_valid_the_short_way_as_the_long():
    for country in sorted(countries()):
        for kind in phonenumbers.supported_types_for_region(country):
            shown = phonenumbers.example_number_for_type(country, kind)
            text = phonenumbers.format_number(shown, phonenumbers.PhoneNumberFormat.E164)
            assert phone._structure(text) == phonenumbers.parse(text)
            assert phone._valid(text) == phonenumbers.is_valid_number(shown), text
