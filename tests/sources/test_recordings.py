import pytest

from bridge.sources.recordings import recording_link

FOLDER = "/var/spool/asterisk/monitor"


@pytest.mark.parametrize(
    ("file", "link"),
    [
        ("2026/11/22/in-101-x.wav", "https://pbx.example/m/2026/11/22/in-101-x.wav"),
        ("./in-101.wav", "https://pbx.example/m/in-101.wav"),
        (f"{FOLDER}/2026/11/22/in-101.wav", "https://pbx.example/m/2026/11/22/in-101.wav"),
        (f"{FOLDER}//in-101.wav", "https://pbx.example/m/in-101.wav"),
        ("/mnt/pbx/monitor/2026/in-101.wav", "https://pbx.example/m/2026/in-101.wav"),
        ("/somewhere/else/in-101.wav", "https://pbx.example/m/in-101.wav"),
    ],
)
def test_a_link_names_the_file_relative_to_the_recording_folder(file, link):
    assert recording_link("https://pbx.example/m/{file}", file, FOLDER) == link


def test_the_plus_of_a_callers_number_stays_a_plus_and_a_blank_is_no_plus():
    assert (
        recording_link("https://pbx.example/{file}", "in-101-+447700900101-a b#1?.wav", FOLDER)
        == "https://pbx.example/in-101-%2B447700900101-a%20b%231%3F.wav"
    )


def test_a_template_may_ask_for_the_file_in_its_query():
    assert (
        recording_link("https://pbx.example/get?f={file}.wav", "a&b", FOLDER) == "https://pbx.example/get?f=a%26b.wav"
    )


@pytest.mark.parametrize("file", ["", "  ", "../../etc/passwd", "2026/../../x.wav", f"{FOLDER}/../../x.wav", "/"])
def test_a_name_that_climbs_out_of_the_folder_or_names_nothing_gives_no_link(file):
    assert recording_link("https://pbx.example/{file}", file, FOLDER) is None
