import tomllib

from hypothesis import given
from hypothesis import strategies as st

from bridge.config.lines import Key, find_lines, spell

EVERYTHING = '''\
top = 1 # a comment = with an equals sign
dotted.key = "a = [b]"   # line 2
"quoted # key" = 'literal ] }'

[policy]
many = [                 # line 6
  "one",
  "two # no comment",    # a comment

  ["nested", 3],
]
text = """
[fake]
fake = 1
"""
literal = \'\'\'
[[fake]]
\'\'\'
after = 2026-01-01 10:00:00

[policy.outbound]
min_talk = "10s"

[[employee]]
id = "jan"
secret = { env = "NAME", other = { deep = [1, 2] } }

[[employee]]
id = "eva"
  [employee.home]
  town = "London"
  [[employee.phone]]
  number = "1"
  [[employee.phone]]
  number = "2"
[ "spaced" . table ]
key=true
'''


def lines(text: str) -> dict[str, int]:
    return {spell(key): line for key, line in find_lines(text).known.items()}


def test_every_key_is_found_on_its_line():
    tomllib.loads(EVERYTHING)
    found = lines(EVERYTHING)
    expected = {
        "top": 1,
        "dotted": 2,
        "dotted.key": 2,
        "quoted # key": 3,
        "policy": 5,
        "policy.many": 6,
        "policy.many[0]": 7,
        "policy.many[1]": 8,
        "policy.many[2]": 10,
        "policy.many[2][1]": 10,
        "policy.text": 12,
        "policy.literal": 16,
        "policy.after": 19,
        "policy.outbound": 21,
        "policy.outbound.min_talk": 22,
        "employee[0]": 24,
        "employee[0].id": 25,
        "employee[0].secret.env": 26,
        "employee[0].secret.other.deep[1]": 26,
        "employee[1]": 28,
        "employee[1].home.town": 31,
        "employee[1].phone[0].number": 33,
        "employee[1].phone[1]": 34,
        "employee[1].phone[1].number": 35,
        "spaced.table.key": 37,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert not any("fake" in key for key in found)


def test_windows_line_ends_count_as_one_line():
    assert lines("a = 1\r\n\r\nb = 2\r\n")["b"] == 3


def test_a_key_that_is_not_written_stands_where_its_table_begins():
    where = find_lines(EVERYTHING)
    assert where.of(("employee", 1, "role")) == 28
    assert where.of(("employee", 7, "role")) == 24
    assert where.of(("nowhere",)) == 1


names = st.text("abcXYZ019_- .#=[]\"'é", min_size=1, max_size=6)
scalars = st.one_of(
    st.integers(-5, 99),
    st.booleans(),
    st.text("ab \"'#=[]{},\\\n", max_size=8),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))


def quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def write(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            return quote(value)
        case list():
            return "[" + ", ".join(map(write, value)) + " ]"
        case dict():
            return "{ " + ", ".join(f"{quote(key)} = {write(inner)}" for key, inner in value.items()) + " }"
    raise AssertionError(value)


def keys_of(value: object, key: Key) -> list[Key]:
    match value:
        case dict():
            return [key, *(found for name, inner in value.items() for found in keys_of(inner, (*key, name)))]
        case list():
            return [key, *(found for index, inner in enumerate(value) for found in keys_of(inner, (*key, index)))]
    return [key]


@given(st.lists(st.dictionaries(names, values, max_size=4), max_size=4), st.booleans())
def test_every_key_of_any_text_stands_on_the_line_that_it_was_written_on(tables, comments):
    written, expected = [], {}
    for index, table in enumerate(tables):
        written.append("[[table]]" + " # [[table]]" * comments)
        for name, value in table.items():
            written.append(f"  {quote(name)} = {write(value)}" + " # x = [1" * comments)
            expected.update(dict.fromkeys(keys_of(value, ("table", index, name)), len(written)))
    text = "\n".join(written)
    assert tomllib.loads(text).get("table", []) == tables
    found = find_lines(text)
    assert {key: found.known.get(key) for key in expected} == expected


@given(st.text("ab=[]{}\"'#.,\n 1\\", max_size=40))
def test_nothing_that_is_no_toml_makes_the_scan_fail(text):
    assert all(line >= 1 for line in find_lines(text).known.values())
