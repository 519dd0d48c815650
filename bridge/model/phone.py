"""Telephone numbers: the only place that knows phonenumbers.

One reading and one set of lookup keys serve calls, forms, chats, the blocked list and the CRM alike; were there two,
a blocked person would get through under the other spelling. Numbers are compared by whole keys, never by their last
digits. Only the metadata for reading is loaded: the geocoding, carrier and time zone tables of phonenumbers are
separate packages that nothing here imports.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult

phonenumbers.enable_pattern_cache()  # else the patterns of a few countries push each other out of `re`'s own cache
_REMEMBERED = 20_000
"""Texts and numbers whose reading is kept: some 10 MB when full, and a company's busiest callers many times over."""
_AT_HAND = 64
"""Texts whose parsed form is kept: reading one number asks for it several times in a row."""


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A usable number of the outside world, in E.164 (`+` and digits)."""

    e164: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """The caller withheld his number, or the platform did not know it."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something was told that nobody could be called back on: a short code, a name, an impossible number."""

    raw: str


def countries() -> frozenset[str]:
    """Every country (ISO 3166 alpha-2) that numbers can be read for."""
    return frozenset(phonenumbers.SUPPORTED_REGIONS)


@lru_cache(maxsize=_REMEMBERED)
def read_number(raw: str | None, country: str) -> PhoneNumber | Hidden | Unusable:
    """What this text says, read as somebody in `country` (ISO 3166 alpha-2) would dial it.

    Display forms, `sip:` and `tel:` URIs, name-and-address forms and extension suffixes are understood. Digits
    without a plus are a national number where that is valid, else an international one. A number that the country's
    plan allows but does not assign is accepted: plans change faster than tables.
    """
    plain = _read_plain(raw)
    if plain is not None:
        return plain
    written = _plain(raw or "")
    if _names_nobody(written):
        return Hidden()
    dialled = _dialled(_without_extension(_user_part(written)))
    if dialled is None:
        return Unusable(raw or "")
    digits = dialled.text.lstrip("+")
    if not digits.strip("0") or digits.removeprefix("1") in _SPELLED_ON_A_KEYPAD:
        return Hidden()
    e164 = _best(dialled, country)
    return Unusable(raw or "") if e164 is None else PhoneNumber(e164)


@lru_cache(maxsize=_REMEMBERED)
def lookup_keys(number: PhoneNumber) -> frozenset[str]:
    """Every E.164 spelling under which this number may be known; the same set for each spelling.

    Mexico: a 1 after the country code, as WhatsApp writes mobiles. Brazil: the ninth digit of mobiles. Argentina: the
    9 before the area code of mobiles. Italy: the leading zero of land lines.
    """
    e164 = number.e164
    for pattern, longer, shorter in _SPELLINGS:
        if match := pattern.fullmatch(e164):
            return frozenset({match.expand(longer), match.expand(shorter)})
    if match := _ITALIAN.fullmatch(e164):
        with_zero, without = match.expand(r"+390\1"), match.expand(r"+39\1")
        # 800, 848, 199 and the like are numbers of their own without a zero; adding one would name somebody else.
        if not _valid(without):
            return frozenset({with_zero, without})
    return frozenset({e164})


def lane_of(number: PhoneNumber) -> str:
    """The one key of the client behind this number: the smallest lookup key."""
    return min(lookup_keys(number))


@lru_cache(maxsize=_REMEMBERED)
def readable(text: str) -> str:
    """An E.164 number in groups, as people read it aloud; anything else (an extension, a name) as it is."""
    parsed = _structure(text) if text.startswith("+") else None
    return text if parsed is None else phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)


def mask(text: str) -> str:
    """The number with its middle hidden, for logs: never a whole number, and never a whole name."""
    written = _without_extension(_user_part(_plain(text)))
    digits = "".join(str(unicodedata.decimal(character)) for character in written if character.isdecimal())
    if not digits:
        return f"{written[:1]}…"
    code = _country_code(digits) if written.startswith("+") else ""
    rest = digits[len(code) :]
    head = f"+{code} " if code and rest else ""
    if len(rest) >= _LONG_ENOUGH_FOR_FIVE:
        return f"{head}{rest[:2]}…{rest[-3:]}"
    if len(rest) >= _LONG_ENOUGH_FOR_TWO:
        return f"{head}{rest[0]}…{rest[-1]}"
    return f"{head}…"


_LONG_ENOUGH_FOR_FIVE = 8
_LONG_ENOUGH_FOR_TWO = 4

# ---- the common case: a valid number in E.164, as most platforms tell it ----

_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def _read_plain(raw: str | None) -> PhoneNumber | None:
    """The number, if that is all there is in the text and it is valid; at half the price of reading anything else."""
    if raw is None or not _E164.fullmatch(raw) or raw[1:].removeprefix("1") in _SPELLED_ON_A_KEYPAD:
        return None
    number = _structure(raw)
    if number is None or not _valid(raw):
        return None
    return PhoneNumber(phonenumbers.format_number(number, PhoneNumberFormat.E164))


# ---- what stands for "no number" ----

_NOBODY = frozenset({
    "", "s", "na", "none", "null", "nil", "undefined", "unknown", "unknownnumber", "unknowncaller", "anonymous",
    "anonymousinvalid", "anonymouscaller", "restricted", "restrictednumber", "private", "privatenumber",
    "privatecaller", "withheld", "numberwithheld", "withheldnumber", "unavailable", "notavailable",
    "numberunavailable", "blocked", "blockednumber", "hidden", "hiddennumber", "nonumber", "nocallerid", "noid",
    "outofarea", "payphone", "asterisk", "freeswitch", "unidentified", "notprovided", "suppressed", "idunavailable",
    "anonym", "unbekannt", "unterdrückt", "privat", "anonim", "nieznany", "zastrzeżony", "numerzastrzeżony",
    "prywatny", "ukryty", "anonyme", "masqué", "numéromasqué", "inconnu", "anónimo", "anonimo", "desconocido",
    "privado", "oculto", "desconhecido", "sconosciuto", "privato", "nascosto", "неизвестный", "неизвестен",
    "неизвестно", "аноним", "анонимный", "анонимно", "скрыт", "скрытый", "скрытыйномер", "номерскрыт", "невідомий",
    "прихований", "анонім",
})  # fmt: skip
"""What platforms write instead of a number, in lower case and without anything but letters and digits.

`s` is Asterisk's start extension, `asterisk` its default caller id, `<unknown>` how the manager interface prints none.
"""

_SPELLED_ON_A_KEYPAD = frozenset({"266696687", "7378742833", "86282452253", "8656696", "2562533"})
"""ANONYMOUS, RESTRICTED, UNAVAILABLE, UNKNOWN and BLOCKED in keypad digits, as Twilio sent withheld numbers."""


def _plain(text: str) -> str:
    """The text in compatibility form, without what does not print (direction marks, line ends) and outer blanks."""
    if text.isascii() and text.isprintable():
        return text.strip()
    normal = unicodedata.normalize("NFKC", text)
    return "".join(c if unicodedata.category(c)[0] != "C" else " " * (c in "\t\n\r") for c in normal).strip()


def _names_nobody(written: str) -> bool:
    user = _user_part(written)
    return "".join(character for character in user.casefold() if character.isalnum()) in _NOBODY


# ---- from writing to digits ----

_ADDRESS = re.compile(r".*<([^<>]*)>[^<>]*", re.DOTALL)
_SCHEME = re.compile(r"(?:sips?|tel|callto|whatsapp|h323):(?://)?", re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=(\+[\d.()-]+)", re.IGNORECASE)
_EXTENSION = re.compile(
    r"[\s(\[,;]*(?:[,;#~]+|e?xt(?:n|ension)?|x|доб(?:авочный)?|вн|wewn?|int(?:erno)?|anexo|poste|durchwahl|dw)"
    r"[\s.:=]*\d{1,8}[\s)\]#]*",
    re.IGNORECASE,
)
_SEPARATORS = frozenset("().-/\\_[]·•'’`")
_OPTIONAL_ZERO = re.compile(r"[(\[]0[)\]]")
_LONGEST = 20
"""Digits that can still be a number: fifteen of E.164 with an international prefix before them."""


@dataclass(frozen=True, slots=True)
class _Dialled:
    """Digits, with a plus in front or not; `bare` is the same without an optional "(0)", if one was written."""

    text: str
    bare: str | None


def _user_part(written: str) -> str:
    """The number in an address: without display name, scheme, host and parameters."""
    address = _ADDRESS.fullmatch(written)
    inner = address[1].strip() if address else written
    text = _SCHEME.sub("", inner, count=1) if _SCHEME.match(inner) else inner
    context = _CONTEXT.search(text)
    if "@" in text:
        text = text.partition("@")[0].partition(":")[0]
    if "%" in text:
        text = unquote(text)
    user = text.partition(";")[0].strip() if re.search(r";\s*[a-z]", text, re.IGNORECASE) else text
    return f"{context[1]}{user}" if context and not user.startswith("+") else user


def _without_extension(user: str) -> str:
    for match in _EXTENSION.finditer(user):
        base = user[: match.start()]
        if match.end() == len(user) and any(character.isdigit() for character in base):
            return base
    return user


def _dialled(user: str) -> _Dialled | None:
    """The digits to dial, or None when anything but digits, separators and one leading plus is there."""
    text = _compact(user)
    if text is None:
        return None
    without_zero = _OPTIONAL_ZERO.sub("", user, count=1)
    return _Dialled(text, _compact(without_zero) if without_zero != user else None)


def _compact(user: str) -> str | None:
    kept: list[str] = []
    for character in user.rstrip(" ,;"):
        if character.isdecimal():
            kept.append(str(unicodedata.decimal(character)))
        elif character == "+" and not any(map(str.isdigit, kept)):
            kept = ["+"]
        elif character not in _SEPARATORS and unicodedata.category(character) not in ("Zs", "Pd"):
            return None
    return "".join(kept) if any(map(str.isdigit, kept)) and len(kept) <= _LONGEST else None


# ---- from digits to a number ----

_SHORTEST_POSSIBLE = 7
"""National digits below which a number must be valid, not merely possible: open plans such as Germany's "allow" four,
and what has four to six digits is a short code nearly everywhere."""

_SHORTEST_FOREIGN = 10
"""Digits that a merely possible international number needs when nobody wrote a plus."""


def _best(dialled: _Dialled, country: str) -> str | None:
    """The first valid reading, else the first possible one, else None."""
    possible = None
    for e164, sure in _readings(dialled, country):
        if _read_shorter(e164):
            continue
        spellings = lookup_keys(PhoneNumber(e164))
        if any(map(_valid, spellings)):
            return e164
        if possible is None and sure and any(map(_possible, spellings)) and not _made_up(e164):
            possible = e164
    return possible


def _readings(dialled: _Dialled, country: str) -> Iterator[tuple[str, bool]]:
    """The E.164 numbers that these digits may mean, likeliest first, and whether being possible is proof enough."""
    for text in filter(None, (dialled.text, dialled.bare)):
        digits = text.lstrip("+")
        if text.startswith("+") and not digits.startswith("0"):
            yield from _parsed(text, None, sure=True)
            continue
        # A plus before a zero was put there by a gateway that puts one before everything.
        yield from _parsed(digits, country, sure=True)
        if digits.startswith("00"):
            yield from _parsed(f"+{digits[2:]}", None, sure=True)
        elif not digits.startswith("0"):
            yield from _parsed(f"+{digits}", None, sure=len(digits) >= _SHORTEST_FOREIGN)


def _parsed(text: str, country: str | None, *, sure: bool) -> Iterator[tuple[str, bool]]:
    number = _structure(text, country)
    if number is None:
        return
    yield phonenumbers.format_number(number, PhoneNumberFormat.E164), sure
    if number.italian_leading_zero:
        # A trunk zero where the country has none (any more), such as Poland's before 2009.
        yield f"+{number.country_code}{number.national_number}", False


@lru_cache(maxsize=_AT_HAND)
def _structure(text: str, country: str | None = None) -> phonenumbers.PhoneNumber | None:
    if country is None and _E164.fullmatch(text) and (number := _split(text)) is not None:
        return number
    try:
        return phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None


def _split(e164: str) -> phonenumbers.PhoneNumber | None:
    """What `phonenumbers.parse` gives for these digits, at a tenth of its price; None: it would do more than split.

    It does more when the national number begins with what could be a trunk prefix, or with an Italian zero.
    """
    code = _country_code(e164[1:])
    national = e164[1 + len(code) :]
    if not code or len(national) < _SHORTEST_POSSIBLE or national.startswith("0") or _trunk(code).match(national):
        return None
    return phonenumbers.PhoneNumber(country_code=int(code), national_number=int(national))


@cache  # there are some two hundred country codes
def _trunk(code: str) -> re.Pattern[str]:
    """What may stand before a national number of this country code by mistake."""
    plan = _plan(code)
    return re.compile(plan.national_prefix_for_parsing if plan and plan.national_prefix_for_parsing else "(?!)")


def _plan(code: str) -> phonenumbers.PhoneMetadata | None:
    region = phonenumbers.region_code_for_country_code(int(code))
    return phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)


@lru_cache(maxsize=_AT_HAND)
def _valid(e164: str) -> bool:
    number = _structure(e164)
    if number is None:
        return False
    return _valid_at_first_sight(number, _country_code(e164[1:])) or phonenumbers.is_valid_number(number)


def _valid_at_first_sight(number: phonenumbers.PhoneNumber, code: str) -> bool:
    """Valid in the main country of its code; what is not may still be valid in another that shares the code."""
    plan = _plan(code)
    # A main country with leading digits of its own would first have to be told apart from the others.
    return plan is not None and plan.leading_digits is None and phonenumbers.is_valid_number_for_region(number, plan.id)


def _possible(e164: str) -> bool:
    number = _structure(e164)
    # Not is_possible_number: that one also accepts what can be dialled within one town only.
    return (
        number is not None
        and phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
        and len(phonenumbers.national_significant_number(number)) >= _SHORTEST_POSSIBLE
    )


def _read_shorter(e164: str) -> bool:
    """A trunk prefix is left, where one was taken off already: it would be another number each time that it is read."""
    number = _structure(e164)
    return number is not None and phonenumbers.format_number(number, PhoneNumberFormat.E164) != e164


def _made_up(e164: str) -> bool:
    """A dummy such as 1111111111 or 1234567890, which would make one client of many strangers."""
    tail = e164[-_SHORTEST_POSSIBLE:]
    return len(set(tail)) == 1 or e164.endswith(("1234567890", "0123456789", "9876543210"))


def _country_code(digits: str) -> str:
    """The country calling code in front of these digits; empty if there is none."""
    known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return next((digits[:size] for size in (1, 2, 3) if int(digits[:size]) in known), "")


# ---- one number, several spellings ----

_SPELLINGS = (
    # Mexico: +52 1 and ten digits is the same mobile as without the 1.
    (re.compile(r"\+521?([2-9]\d{9})"), r"+521\1", r"+52\1"),
    # Brazil: a mobile's eight old digits began with 6 to 9; land lines begin with 2 to 5 and never get a 9.
    (re.compile(r"\+55([1-9]{2})9?([6-9]\d{7})"), r"+55\g<1>9\2", r"+55\1\2"),
    # Argentina: +54 9 and area code is how a mobile is called from abroad.
    (re.compile(r"\+549?(11\d{8}|[23]\d{9})"), r"+549\1", r"+54\1"),
)
_ITALIAN = re.compile(r"\+390?([124-9]\d{4,10})")
"""Mobiles begin with 3, and so would the land lines of 03 towns without their zero: those are left alone."""
