"""One good file, and every way in which people spoil it: the line, the key, the value and the remedy are all told."""

import dataclasses
import json
from pathlib import Path

import pytest

from bridge.config import Configuration, ConfigurationError, load_configuration, load_everything, load_matrix
from bridge.config.loading import shipped_scenarios
from bridge.model.people import Policy, Role
from bridge.model.phone import PhoneNumber, lookup_keys
from bridge.sources.ami_settings import AmiSettings
from bridge.sources.http import WebhookSettings

ROOT = Path(__file__).parents[2]
SECRETS = {"BRIDGE_AMI_SECRET": "ami-hush-1", "BRIDGE_SHOP_TOKEN": "shop-hush-2"}

GOOD = """\
[bridge]
name = "Acme"
country = "GB"
timezone = "Europe/London"
data_dir = "data"

[web]
listen = "127.0.0.1:8080"

[policy]
senior = "olga"
top = "anna"
blocked_numbers = ["07700 900666"]

[[branch]]
id = "london"

[[employee]]
id = "jan"
name = "Jan Kowalski"
branch = "london"
email = "Jan@Acme.example"
extensions = ["101", 102]
accounts = ["Jan-Soft"]
phones = ["07700 900901"]
schedule = "office"

[[employee]]
id = "olga"
name = "Olga Nowak"
role = "senior"

[[employee]]
id = "anna"
name = "Anna Brown"
role = "top"

[[schedule]]
id = "office"
hours = ["mon-fri 09:00-17:00"]
closed = ["2026-12-25"]

[[line]]
number = "020 7946 0100"
name = "Sales"
schedule = "office"

[[source]]
id = "pbx"
kind = "ami"
username = "bridge"
secret = { env = "BRIDGE_AMI_SECRET" }
trunks = ["trunk"]

[[source]]
id = "shop"
kind = "webhook"
token = { env = "BRIDGE_SHOP_TOKEN" }
"""


@pytest.fixture
def written(tmp_path):
    """Writes a configuration, beside it an empty matrix, and gives its path."""

    def write(text: str) -> Path:
        path = tmp_path / "bridge.toml"
        path.write_text(text, encoding="utf-8")
        (tmp_path / "scenarios.toml").touch()
        return path

    return write


@pytest.fixture
def load(written):
    def load(text: str, environ: dict[str, str] | None = None) -> Configuration:
        return load_configuration(written(text), SECRETS if environ is None else environ)

    return load


@pytest.fixture
def problems(load):
    """Every problem as (line, key, value), and the whole text of them."""

    def problems(text: str, environ: dict[str, str] | None = None):
        with pytest.raises(ConfigurationError) as caught:
            load(text, environ)
        return [(problem.line, problem.key, problem.value) for problem in caught.value.problems], str(caught.value)

    return problems


def spoilt(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


# ---- what a good file gives ----


def test_a_good_file_is_the_company(load, tmp_path):
    configuration = load(GOOD)
    company = configuration.company
    assert configuration.name == company.name == "Acme"
    assert configuration.data_dir == tmp_path / "data"
    assert configuration.scenarios_path == tmp_path / "scenarios.toml"
    assert configuration.store_url == "sqlite:///bridge.db"
    assert (configuration.web.host, configuration.web.port) == ("127.0.0.1", 8080)
    assert configuration.crm.kind == "embedded"
    assert configuration.warnings == ()
    assert company.employees["olga"].role is Role.SENIOR
    assert company.lines["+442079460100"].name == "Sales"
    assert company.schedules["office"].timezone == "Europe/London"
    assert company.branches["london"].name == "london"
    assert isinstance(configuration.sources[0], AmiSettings)
    assert isinstance(configuration.sources[1], WebhookSettings)
    assert configuration.sources[0].secret.get_secret_value() == "ami-hush-1"


def test_an_employee_is_found_under_every_name_that_a_platform_may_have_for_him(load):
    company = load(GOOD).company
    names = ("101", "102", "Jan-Soft", "jan-soft", "jan@acme.example", "+447700900901")
    assert {company.parties[name] for name in names} == {"jan"}


def test_own_and_blocked_numbers_are_known_under_every_spelling(load):
    text = spoilt('"07700 900666"', '"+5215512345678"').replace('"07700 900901"', '"+541123456789"')
    company = load(text).company
    assert company.blocked == {"+5215512345678", "+525512345678"}
    assert company.own_numbers == {"+541123456789", "+5491123456789", "+442079460100"}
    assert company.parties["+5491123456789"] == "jan"
    assert lookup_keys(PhoneNumber("+525512345678")) == company.blocked


def test_the_policy_has_the_defaults_of_the_model_where_nothing_is_said(load):
    assert load(GOOD).company.policy == Policy(senior="olga", top="anna")


def test_every_word_of_the_policy_can_be_configured(load):
    every = """\
senior = "olga"
task_deadline = "1h"
deadline_counts = "working"
settle = "2s"
short_abandon = "5s"
short_abandon_repeat = "30m"
outbound = { min_talk = "20s" }
new_answered.done_task = true
review_open = true
owner_follows_transfer = true
repeat = "new_task"
missed_chain = ["responsible", "top"]
forms = true
chat_intake = "auto"
same_touch = "1m"
"""
    policy = load(spoilt('senior = "olga"\n', every)).company.policy
    default = Policy(senior="olga", top="anna")
    same = {f.name for f in dataclasses.fields(Policy) if getattr(policy, f.name) == getattr(default, f.name)}
    assert same == {"senior", "top"}
    assert policy.outbound_min_talk == 20
    assert policy.new_answered_done_task


def test_the_only_senior_and_the_only_top_manager_need_not_be_named(load):
    text = spoilt('senior = "olga"\n', "").replace('top = "anna"\n', "")
    policy = load(text).company.policy
    assert (policy.senior, policy.top) == ("olga", "anna")


def test_paths_count_from_the_folder_of_the_file_and_not_from_where_one_stands(load, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.toml").touch()
    configuration = load(GOOD + '[scenarios]\nfile = "rules/mine.toml"\n')
    assert configuration.scenarios_path == tmp_path / "rules" / "mine.toml"
    assert load(spoilt('"data"', '"/var/lib/bridge"')).data_dir == Path("/var/lib/bridge")


def test_without_a_matrix_of_ones_own_the_shipped_one_counts(tmp_path):
    path = tmp_path / "bridge.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_configuration(path, SECRETS).scenarios_path == shipped_scenarios()


# ---- secrets ----


def test_a_secret_is_read_from_a_file_or_from_systemd_and_its_last_line_end_is_not_part_of_it(load, tmp_path):
    (tmp_path / "ami").write_text("from-a-file\n", encoding="utf-8")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "shop").write_text("from-systemd\n", encoding="utf-8")
    text = spoilt('{ env = "BRIDGE_AMI_SECRET" }', '{ file = "ami" }').replace(
        '{ env = "BRIDGE_SHOP_TOKEN" }', '{ credential = "shop" }'
    )
    ami, shop = load(text, {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}).sources
    assert ami.secret.get_secret_value() == "from-a-file"
    assert shop.token.get_secret_value() == "from-systemd"


def test_secrets_are_looked_up_in_the_environment_of_the_process_if_nothing_else_is_said(written, monkeypatch):
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    configuration = load_configuration(written(GOOD))
    assert configuration.sources[1].token.get_secret_value() == "shop-hush-2"


def test_a_secret_file_that_is_huge_or_no_text_was_named_by_mistake(problems, tmp_path):
    (tmp_path / "huge").write_bytes(b"x" * 70_000)
    (tmp_path / "noise").write_bytes(b"\xff\xfe")
    text = spoilt('{ env = "BRIDGE_AMI_SECRET" }', '{ file = "huge" }')
    _, told = problems(text.replace('{ env = "BRIDGE_SHOP_TOKEN" }', '{ file = "noise" }'))
    assert "larger than" in told
    assert "no text in UTF-8" in told


def test_a_secret_in_the_file_works_but_is_warned_about(load):
    configuration = load(spoilt('{ env = "BRIDGE_SHOP_TOKEN" }', '"hush"'))
    (warning,) = configuration.warnings
    assert ":58: source[1].token" in warning
    assert "hush" not in warning
    assert configuration.sources[1].token.get_secret_value() == "hush"


def test_no_secret_is_ever_shown(load):
    text = GOOD + '[store]\nurl = "postgresql://bridge:db-hush-3@db.example/bridge"\n'
    configuration = load(spoilt('{ env = "BRIDGE_SHOP_TOKEN" }', '"plain-hush-4"') + text.removeprefix(GOOD))
    shown = json.dumps(configuration.masked()) + repr(configuration) + "".join(configuration.warnings)
    assert "hush" not in shown
    assert configuration.masked()["source"][0]["secret"] == "********"
    assert configuration.masked()["store"]["url"] == "postgresql://bridge:********@db.example/bridge"


def test_no_problem_shows_a_secret(problems):
    text = (
        spoilt('{ env = "BRIDGE_AMI_SECRET" }', '["list-hush"]').replace(
            '{ env = "BRIDGE_SHOP_TOKEN" }', '{ env = "BRIDGE_SHOP_TOKEN", file = "hush-path" }'
        )
        + 'signing_secret = "whsec_hush"\n\n[store]\npassword = "store-hush"\ntoken = "misplaced-hush"\n'
    )
    found, told = problems(text)
    assert "hush" not in told
    keys = {key for _, key, _ in found}
    assert keys == {"source[0].secret", "source[1].token", "source[1].signing_secret", "store.password", "store.token"}


def test_the_password_of_a_server_is_put_into_its_address(load):
    text = GOOD + '[store]\nurl = "postgresql://u@db.example:5433/bridge"\npassword = { env = "BRIDGE_SHOP_TOKEN" }\n'
    configuration = load(text, {**SECRETS, "BRIDGE_SHOP_TOKEN": "p@ss/1"})
    assert configuration.store_url == "postgresql://u:p%40ss%2F1@db.example:5433/bridge"
    assert configuration.masked()["store"] == {
        "url": "postgresql://u@db.example:5433/bridge",
        "password": "********",
    }


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ('{ env = "MISSING" }', "the environment variable MISSING is not set"),
        ('{ env = "EMPTY" }', "EMPTY is empty"),
        ('{ file = "missing" }', "missing cannot be read (No such file or directory)"),
        ('{ file = "." }', "cannot be read"),
        ('{ credential = "ami" }', "LoadCredential=ami"),
        ('{ credential = "../ami" }', "one secret has one place"),
        ('{ env = "A", file = "b" }', "one secret has one place"),
        ('{ enw = "A" }', "this is no secret"),
        ("5", "this is no secret"),
        ('""', "the secret is empty"),
    ],
)
def test_a_secret_that_cannot_be_had_says_where_it_was_looked_for(problems, secret, told):
    found, text = problems(spoilt('{ env = "BRIDGE_AMI_SECRET" }', secret), {**SECRETS, "EMPTY": " "})
    assert found == [(52, "source[0].secret", "********")]
    assert told in text


def test_who_asks_only_what_happened_needs_no_secrets(written):
    path = written(GOOD + 'signing_secret = { file = "/nowhere" }\n')
    configuration = load_configuration(path, {}, needs_secrets=False)
    assert len(configuration.sources) == 2
    assert len(configuration.warnings) == 3
    assert ":52: source[0].secret: the environment variable BRIDGE_AMI_SECRET is not set" in configuration.warnings[0]
    assert configuration.masked()["source"][1]["signing_secret"] == "********"


def test_even_without_need_a_secret_must_be_written_as_one(written):
    path = written(spoilt('{ env = "BRIDGE_AMI_SECRET" }', '{ env = "A", file = "b" }'))
    with pytest.raises(ConfigurationError, match="one secret has one place"):
        load_configuration(path, {}, needs_secrets=False)


# ---- what is wrong, with its line ----


@pytest.mark.parametrize(
    ("old", "new", "problem", "told"),
    [
        # shape
        ('name = "Acme"', 'nmae = "Acme"', (2, "bridge.nmae", '"Acme"'), 'did you mean "name"'),
        ('name = "Acme"', 'settle = "3s"', (2, "bridge.settle", '"3s"'), "it belongs into [policy]"),
        ("[policy]", "[polcy]", (10, "polcy", None), 'did you mean "policy"'),
        ("[bridge]", 'listen = "x"\n[bridge]', (1, "listen", '"x"'), "it belongs into [web]"),
        ('country = "GB"\n', "", (1, "bridge.country", None), 'add country = "PL"'),
        ('country = "GB"', 'country = "UK"', (3, "bridge.country", '"UK"'), "two-letter code"),
        ('"Europe/London"', '"Europe/Lodnon"', (4, "bridge.timezone", '"Europe/Lodnon"'), 'mean "Europe/London"'),
        ('name = "Acme"', "name = 5", (2, "bridge.name", "5"), "text in quotes"),
        ('name = "Acme"', 'name = ""', (2, "bridge.name", '""'), "must not be empty"),
        ('"127.0.0.1:8080"', '"8080"', (8, "web.listen", '"8080"'), "127.0.0.1:8080"),
        ('top = "anna"', 'top = "anna"\nrepeat = "new task"', (13, "policy.repeat", '"new task"'), '"new_task"'),
        ('top = "anna"', 'top = "anna"\nsettle = "3 sec"', (13, "policy.settle", '"3 sec"'), '"3s"'),
        ('top = "anna"', 'top = "anna"\nforms = "yes"', (13, "policy.forms", '"yes"'), "true or false"),
        ('top = "anna"', 'top = "anna"\nmissed_chain = []', (13, "policy.missed_chain", "[]"), "must not be empty"),
        ('top = "anna"', 'top = "anna"\noutbound = 3', (13, "policy.outbound", "3"), "write a table"),
        (
            'top = "anna"',
            'top = "anna"\nmissed_chain = ["jan", "responsable"]',
            (13, "policy.missed_chain[1]", '"responsable"'),
            'did you mean "responsible"',
        ),
        (
            'top = "anna"',
            'top = "anna"\noutbound.mintalk = 3',
            (13, "policy.outbound.mintalk", "3"),
            'did you mean "min_talk"',
        ),
        ('role = "senior"', 'role = "seniour"', (31, "employee[1].role", '"seniour"'), 'did you mean "senior"'),
        ('name = "Jan Kowalski"\n', "", (18, "employee[0].name", None), 'add name = "Jan Kowalski"'),
        ('extensions = ["101", 102]', 'extensions = "101"', (23, "employee[0].extensions", '"101"'), "write a list"),
        ('id = "olga"\nname', 'id = "olga n"\nname', (29, "employee[1].id", '"olga n"'), "letters, digits"),
        ('"mon-fri 09:00-17:00"', '"mon-fri 9-17"', (40, "schedule[0].hours[0]", '"mon-fri 9-17"'), "such as"),
        ('["2026-12-25"]', '["25.12.2026"]', (41, "schedule[0].closed[0]", '"25.12.2026"'), "valid date"),
        ('kind = "ami"', 'kind = "amy"', (50, "source[0].kind", '"amy"'), 'did you mean "ami"'),
        ('kind = "ami"\n', "", (48, "source[0].kind", None), "known: ami, webhook"),
        ('username = "bridge"', 'usrname = "bridge"', (51, "source[0].usrname", '"bridge"'), 'did you mean "username"'),
        ('token = { env = "BRIDGE_SHOP_TOKEN" }\n', "", (55, "source[1]", None), "token"),
        ('"Jan@Acme.example"', '"jan"', (22, "employee[0].email", '"jan"'), "jan@acme.example"),
        ('id = "london"', "id = 5", (16, "branch[0].id", "5"), "text in quotes"),
        ("[bridge]", "crm = [3]\n[bridge]", (1, "crm", None), "write it once, as a table: [crm]"),
        ("[[branch]]", "[branch]", (15, "branch", None), "write [[branch]]"),
        ("[web]", "[[web]]", (7, "web", None), "[web]"),
        # numbers
        ('"07700 900901"', '"60777"', (25, "employee[0].phones[0]", '"60777"'), "no telephone number in GB"),
        ('"07700 900666"', '"anonymous"', (13, "policy.blocked_numbers[0]", '"anonymous"'), "no telephone number"),
        ('"020 7946 0100"', '"100"', (44, "line[0].number", '"100"'), "with + and the country code"),
        # names of others
        ('branch = "london"', 'branch = "londn"', (21, "employee[0].branch", '"londn"'), 'did you mean "london"'),
        (
            'name = "Sales"\nschedule = "office"',
            'name = "Sales"\nschedule = "offices"',
            (46, "line[0].schedule", '"offices"'),
            'did you mean "office"',
        ),
        ('senior = "olga"', 'senior = "ogla"', (11, "policy.senior", '"ogla"'), 'did you mean "olga"'),
        ('top = "anna"', 'top = "boss"', (12, "policy.top", '"boss"'), '[[employee]] with id = "boss"'),
        # contradictions name both
        ('role = "top"', 'role = "top"\nactive = false', (12, "policy.top", '"anna"'), "employee[2].active (line 37)"),
        (
            'role = "senior"',
            'role = "senior"\nextensions = ["102"]',
            (32, "employee[1].extensions[0]", '"102"'),
            "also jan's employee[0].extensions[1] (line 23)",
        ),
        (
            'role = "senior"',
            'role = "senior"\naccounts = ["jan-soft"]',
            (32, "employee[1].accounts[0]", '"jan-soft"'),
            "also jan's employee[0].accounts[0] (line 24)",
        ),
        (
            'role = "senior"',
            'role = "senior"\nemail = "jan@ACME.example"',
            (32, "employee[1].email", '"jan@ACME.example"'),
            "also jan's employee[0].email (line 22)",
        ),
        (
            'role = "senior"',
            'role = "senior"\nphones = ["+44 7700 900901"]',
            (32, "employee[1].phones[0]", '"+44 7700 900901"'),
            "also jan's employee[0].phones[0] (line 25)",
        ),
        (
            '"020 7946 0100"',
            '"+447700900901"',
            (44, "line[0].number", '"+447700900901"'),
            "also employee[0].phones[0] (line 25)",
        ),
        (
            '"07700 900666"',
            '"+44 20 7946 0100"',
            (13, "policy.blocked_numbers[0]", '"+44 20 7946 0100"'),
            "our own line[0].number (line 44)",
        ),
        ('id = "anna"', 'id = "olga"', (34, "employee[2].id", '"olga"'), "employee[1].id (line 29) is the same"),
        ('id = "shop"', 'id = "pbx"', (56, "source[1].id", '"pbx"'), "source[0].id (line 49) is the same"),
        ('id = "shop"', 'id = "the shop/1"', (56, "source[1].id", '"the shop/1"'), "letters, digits"),
        (
            'listen = "127.0.0.1:8080"',
            'listen = "0.0.0.0:8080"\nanonymous = "read"',
            (9, "web.anonymous", '"read"'),
            "web.listen (line 8)",
        ),
        ('trunks = ["trunk"]\n', "", (48, "source[0].trunks", None), 'trunks = ["provider-*"]'),
        ('trunks = ["trunk"]', "trunks = []", (53, "source[0].trunks", "[]"), 'trunks = ["provider-*"]'),
        (
            "[web]",
            '[store]\nurl = "sqlite:///x.db"\npassword = { env = "BRIDGE_SHOP_TOKEN" }\n[web]',
            (9, "store.password", "********"),
            "store.url (line 8)",
        ),
        (
            "[web]",
            '[store]\nurl = "postgresql://u:p@h/x"\npassword = { env = "BRIDGE_SHOP_TOKEN" }\n[web]',
            (8, "store.url", '"postgresql://u:********@h/x"'),
            "store.password (line 9)",
        ),
        ("[web]", '[scenarios]\nfile = "no.toml"\n[web]', (8, "scenarios.file", '"no.toml"'), "there is no file"),
    ],
)
def test_a_problem_is_told_with_its_line_its_value_and_its_remedy(problems, old, new, problem, told):
    found, text = problems(spoilt(old, new))
    assert problem in found
    assert told in text


def test_one_mistake_is_one_problem(problems):
    for old, new in (
        ('role = "senior"', 'role = "seniour"'),
        ('name = "Jan Kowalski"\n', ""),
        ('trunks = ["trunk"]\n', ""),
        ('country = "GB"', 'country = "UK"'),
        ('"07700 900901"', '"60777"'),
        ('{ env = "BRIDGE_SHOP_TOKEN" }', '{ env = "NOT_THERE" }'),
        ('id = "shop"', 'id = "pbx"'),
    ):
        found, _ = problems(spoilt(old, new))
        assert len(found) == 1, found


def test_working_time_needs_somebodys_hours(problems):
    text = GOOD.replace('schedule = "office"\n', "").replace(
        'top = "anna"', 'top = "anna"\ndeadline_counts = "working"'
    )
    before, after = text.split("[[schedule]]")
    found, told = problems(before + after[after.index("[[line]]") :])
    assert found == [(13, "policy.deadline_counts", '"working"')]
    assert "add a [[schedule]]" in told


def test_all_problems_are_told_at_once_in_the_order_of_the_lines(problems):
    text = (
        GOOD.replace('country = "GB"', 'country = "GBR"')
        .replace('top = "anna"', 'top = "ana"')
        .replace('role = "senior"', 'role = "boss"')
        .replace("mon-fri 09:00-17:00", "always")
        .replace('kind = "webhook"', 'kind = "webhook"\ncolour = "red"')
    )
    found, told = problems(text, {})
    assert [(line, key) for line, key, _ in found] == [
        (3, "bridge.country"),
        (12, "policy.top"),
        (31, "employee[1].role"),
        (40, "schedule[0].hours[0]"),
        (52, "source[0].secret"),
        (58, "source[1].colour"),
        (59, "source[1].token"),
    ]
    assert len(told.splitlines()) == len(found)
    assert all("bridge.toml:" in line for line in told.splitlines())


def test_without_any_employee_the_problem_says_exactly_what_to_add(problems):
    found, told = problems('[bridge]\ncountry = "GB"\n')
    assert [key for _, key, _ in found] == ["policy.senior", "policy.top"]
    assert '[[employee]] id = "olga", name = "Olga Nowak", role = "senior"' in told
    assert 'role = "top"' in told


def test_a_list_that_holds_no_tables_is_told_how_to_be_written(problems):
    found, told = problems('source = 5\nline = [5]\n[bridge]\ncountry = "GB"\n')
    assert {(1, "source", "5"), (2, "line[0]", "5")} <= set(found)
    assert "[[source]]" in told
    assert "[[line]]" in told


def test_of_several_seniors_one_must_be_chosen(problems):
    text = spoilt('senior = "olga"\n', "").replace('name = "Jan Kowalski"', 'name = "Jan Kowalski"\nrole = "senior"')
    found, told = problems(text)
    assert [key for _, key, _ in found] == ["policy.senior"]
    assert "jan, olga" in told


def test_a_senior_who_is_away_is_warned_about_since_the_top_manager_stands_in(load):
    (warning,) = load(spoilt('role = "senior"', 'role = "senior"\nassignable = false')).warnings
    assert "employee[1].assignable (line 32) is false" in warning
    assert "olga's go to policy.top (D17)" in warning


def test_somebody_chosen_in_spite_of_his_role_is_warned_about(load):
    (warning,) = load(spoilt('senior = "olga"', 'senior = "jan"')).warnings
    assert "jan's role is manager, not senior" in warning


def test_a_proxy_in_front_of_an_open_page_is_warned_about(load):
    text = spoilt('name = "Acme"', 'name = "Acme"\npublic_url = "https://bridge.example"')
    (warning,) = load(text.replace('listen = "127.0.0.1:8080"', 'anonymous = "read"')).warnings
    assert "bridge.public_url (line 3)" in warning


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('[bridge]\nname = Acme\ncountry = "GB"\n', 2, "Invalid value"),
        ('[bridge]\nname = "Acme\n', 2, "Illegal character"),
        ("a = 1\na = 2\n", 2, "overwrite"),
        ("[bridge\n", 1, "Expected"),
        ('[bridge]\nname = """Acme', 2, "Unterminated"),
    ],
)
def test_what_is_no_toml_is_one_problem_with_its_line(problems, text, line, told):
    found, said = problems(text)
    assert [place for place, *_ in found] == [line]
    assert told in said


def test_a_file_that_cannot_be_read_is_a_problem_not_an_accident(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_configuration(tmp_path / "missing.toml", {})
    (tmp_path / "latin.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_configuration(tmp_path / "latin.toml", {})


# ---- what we ship ----


@pytest.mark.parametrize("name", ["bridge.toml", "demo.toml"])
def test_the_shipped_configurations_are_good(name):
    configuration = load_configuration(ROOT / "config" / name, SECRETS)
    assert configuration.scenarios_path == ROOT / "config" / "scenarios.toml" == shipped_scenarios()
    assert configuration.company.employees.keys() == {"jan", "eva", "olga", "anna"}


def test_nobody_but_this_machine_reaches_the_demo_and_it_writes_below_the_checkout():
    demo = load_configuration(ROOT / "config" / "demo.toml", {})
    assert demo.web.host == "127.0.0.1"
    assert demo.data_dir == ROOT / "var" / "demo"
    assert demo.masked()["bridge"]["data_dir"] == str(demo.data_dir)
    assert [source.kind for source in demo.sources] == ["webhook"]


# ---- the matrix ----


def test_the_shipped_matrix_is_read():
    configuration = load_configuration(ROOT / "config" / "demo.toml", {})
    assert {"S3", "S4", "D10"} <= {row.name for row in load_matrix(configuration).rows}


def test_problems_of_the_configuration_and_of_the_matrix_are_told_together(written, tmp_path):
    path = written(spoilt('top = "anna"', 'top = "ana"'))
    shipped = shipped_scenarios().read_text(encoding="utf-8")
    (tmp_path / "scenarios.toml").write_text(shipped.replace('when.number = "blocked"', 'when.numbr = "blocked"', 1))
    with pytest.raises(ConfigurationError) as caught:
        load_everything(path, SECRETS)
    own, *of_matrix = caught.value.problems
    assert (own.line, own.key) == (12, "policy.top")
    assert of_matrix[0].file.endswith("scenarios.toml")
    line = shipped.splitlines().index('when.number = "blocked"') + 1
    assert line == of_matrix[0].line
    assert "scenario S1" in of_matrix[0].key


def test_a_named_matrix_that_is_not_there_is_one_problem(written):
    path = written(GOOD + '[scenarios]\nfile = "no.toml"\n')
    with pytest.raises(ConfigurationError) as caught:
        load_everything(path, SECRETS)
    assert [problem.key for problem in caught.value.problems] == ["scenarios.file"]


def test_a_company_that_lacks_what_the_matrix_needs_is_refused_with_the_list(written, tmp_path):
    path = written(GOOD + '\n[[employee]]\nid = "max"\nname = "Max"\n\n[[employee]]\nid = "eva"\nname = "Eva"\n')
    shipped = shipped_scenarios().read_text(encoding="utf-8")
    (tmp_path / "scenarios.toml").write_text(shipped)
    for load in (lambda: load_everything(path, SECRETS), lambda: load_matrix(load_configuration(path, SECRETS))):
        with pytest.raises(ConfigurationError) as caught:
            load()
        found = [(problem.file, problem.line, problem.key) for problem in caught.value.problems]
        assert found == [(str(path), 60, "employee max"), (str(path), 64, "employee eva")]
        assert "no extension" in str(caught.value)


def test_a_matrix_that_names_somebody_unknown_is_refused_with_its_row(written, tmp_path):
    path = written(GOOD)
    shipped = shipped_scenarios().read_text(encoding="utf-8")
    spoilt_matrix = shipped.replace('owner = "senior"', 'owner = "employee:ogla"', 1)
    (tmp_path / "scenarios.toml").write_text(spoilt_matrix)
    with pytest.raises(ConfigurationError) as caught:
        load_everything(path, SECRETS)
    (problem,) = caught.value.problems
    assert problem.file.endswith("scenarios.toml")
    assert problem.line > 1
    assert "olga" in problem.remedy


def test_a_matrix_that_is_no_text_is_a_problem(written, tmp_path):
    configuration = load_configuration(written(GOOD), SECRETS)
    (tmp_path / "scenarios.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_matrix(configuration)
    (tmp_path / "scenarios.toml").unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_matrix(configuration)


def test_a_good_file_and_a_good_matrix_go_together():
    configuration, matrix = load_everything(ROOT / "config" / "demo.toml", {})
    assert configuration.company.policy.settle == 1.0
    assert matrix.rows


# ---- a table inside a source ----

TRUNKS = 'trunks = ["trunk"]'
URL = 'url = "mysql://bridge@pbx/asteriskcdrdb"'


def with_records(records: str) -> str:
    return spoilt(TRUNKS, f"{TRUNKS}\ncdr = {{ {records} }}")


def test_the_password_of_the_call_records_is_a_secret_like_any_other(load):
    text = with_records(f'{URL}, password = {{ env = "CDR" }}')
    configuration = load(text, SECRETS | {"CDR": "hush-cdr"})
    assert configuration.sources[0].cdr.password.get_secret_value() == "hush-cdr"
    assert "hush-cdr" not in str(configuration.masked())
    assert "hush-cdr" not in repr(configuration)
    assert load(with_records(f'{URL}, password = "hush-cdr"'), SECRETS).warnings


def test_a_password_that_is_not_there_or_stands_in_the_address_is_told_without_showing_it(problems):
    found, text = problems(with_records(f'{URL}, password = {{ env = "CDR" }}'))
    assert [key for _, key, _ in found] == ["source[0].cdr.password"]
    assert "CDR is not set" in text
    found, text = problems(with_records('url = "mysql://bridge:hush-cdr@pbx/x"'))
    assert [key for _, key, _ in found] == ["source[0].cdr.url"]
    assert "hush-cdr" not in text
    _, text = problems(with_records('url = "mysql://bridge:hush-cdr@pbx/x", file = "/x.csv", password = "hush-too"'))
    assert "hush" not in text


def test_an_unknown_key_of_the_call_records_has_a_hint(problems):
    _, text = problems(with_records(f'{URL}, tabel = "cdr"'))
    assert 'did you mean "table"' in text
