"""The report says the same on the page, as text and as JSON, whatever the evidence holds."""

import base64
import hashlib
import html
import json
import re
import runpy
import string
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import cli, report, runbooks, show
from vidrecover.case import Case
from vidrecover.errors import ClipError, EvidenceError
from vidrecover.model import CauseKind, ChannelDiagnosis, SourceRef, State, StateSpan, TimeSpan
from vidrecover.report import _lanes, _shown, _spans, _words
from vidrecover.report._answer import answer

MADE = runpy.run_path(str(Path(__file__).with_name("report_made.py")))
START, MINUTE, DAY = MADE["START_MS"], MADE["MINUTE_MS"], MADE["DAY_MS"]
EVERY: report.Facts = MADE["every_state"]()
LIMIT = 5_000_000
VOID = {"meta", "br"}
HOSTILE = (
    "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}\x00\x1b[31m"
    "\u202egnp.exe\ud800"
)


def span(start_ms: int, end_ms: int, state: State) -> StateSpan:
    made: StateSpan = MADE["span"](start_ms, end_ms, state)
    return made


def facts(cameras: Mapping[Any, list[StateSpan]], minutes: int = 10) -> report.Facts:
    """A case in which everything was read."""
    made: list[ChannelDiagnosis] = [MADE["camera"](*one) for one in cameras.items()]
    window = TimeSpan(START, START + minutes * MINUTE)
    found: report.Facts = MADE["facts_of"](made, window)
    read = report.ReadShare(size=100, scanned=100, unidentified=0, blank=0, unreadable=())
    return msgspec.structs.replace(found, read=read)


def parts(*lengths_and_states: tuple[float, State]) -> list[StateSpan]:
    """Spans one after the other, lengths in minutes."""
    at, found = START, []
    for minutes, state in lengths_and_states:
        found.append(span(at, at + round(minutes * MINUTE), state))
        at = found[-1].span.end_ms
    return found


def told(case: report.Facts, language: str = "en") -> list[str]:
    return [one.text for one in answer(case, _words.Words(language))]


# The answer in plain words


def van() -> report.Facts:
    ten = MINUTE * 10
    states = {
        State.NOT_INDEXED: range(1, 7),
        State.NO_SIGNAL: (7, 8),
        State.RECORDED: range(9, 13),
    }
    return facts(
        {one: [span(START, START + ten, state)] for state, of in states.items() for one in of}
    )


def test_the_answer_comes_in_plain_words_the_worst_first() -> None:
    assert told(van()) == [
        "Cameras that need attention: 8 of 12.",
        "Recorder time 2026-03-14 07:09:00 to 07:19:00 (10 min 0 s).",
        "Two cameras (7, 8) had no video signal from 07:09:00 to 07:19:00.",
        "Six cameras (1-6) have footage from 07:09:00 to 07:19:00 that the recorder does not list.",
        "Four cameras (9-12) have footage from 07:09:00 to 07:19:00 that the recorder lists.",
        "Every byte of the source was read.",
    ]


def test_the_answer_comes_in_chinese_too() -> None:
    assert told(van(), "zh") == [
        "需要处理的摄像机：12 台中有 8 台。",  # noqa: RUF001  # Chinese
        "录像机时间 2026-03-14 07:09:00 至 07:19:00（10 分 0 秒）。",  # noqa: RUF001  # Chinese
        "2 台摄像机（7, 8）在 07:09:00 至 07:19:00 没有视频信号。",  # noqa: RUF001  # Chinese
        "6 台摄像机（1-6）在 07:09:00 至 07:19:00 有录像，但录像机没有列出。",  # noqa: RUF001  # Chinese
        "4 台摄像机（9-12）在 07:09:00 至 07:19:00 有录像，录像机已列出。",  # noqa: RUF001  # Chinese
        "数据源的所有字节都已读取。",
    ]


def test_moments_of_trouble_are_counted_but_not_headlined() -> None:
    blip = parts((5, State.RECORDED), (0.02, State.UNREADABLE), (4.98, State.RECORDED))
    assert told(facts({1: blip})) == [
        "Every camera is recorded and listed throughout.",
        "Recorder time 2026-03-14 07:09:00 to 07:19:00 (10 min 0 s).",
        "Camera 1 has footage in 2 stretches between 07:09:00 and 07:19:00 (9 min 59 s in all)"
        " that the recorder lists.",
        "Spans shorter than 2 seconds, told in the tables only: 1.",
        "Every byte of the source was read.",
    ]


def test_a_recorder_that_is_off_is_told_once_of_all_cameras() -> None:
    off = parts((4, State.RECORDED), (6, State.RECORDER_OFF))
    assert told(facts({1: off, 2: off}))[2:4] == [
        "No camera has footage from 07:13:00 to 07:19:00: the recorder was off or did not record.",
        "Two cameras (1, 2) have footage from 07:09:00 to 07:13:00 that the recorder lists.",
    ]


def test_cameras_that_fail_at_many_different_times_share_one_sentence() -> None:
    cameras = {
        one: parts((one, State.RECORDED), (1, State.NOT_KNOWN), (9 - one, State.RECORDED))
        for one in (1, 2, 3, 4)
    }
    assert told(facts(cameras))[2] == (
        "Whether footage of four cameras (1-4) exists at various times between 07:10:00 and"
        " 07:14:00 is not known; the tables say what is missing for an answer."
    )


def test_footage_of_an_unknown_camera_is_told_without_a_number() -> None:
    case = facts({None: parts((2, State.NOT_INDEXED)), 1: parts((10, State.RECORDED))})
    assert told(case)[:3] == [
        "There is footage whose camera is not known.",
        "Recorder time 2026-03-14 07:09:00 to 07:19:00 (10 min 0 s).",
        "An unknown camera has footage from 07:09:00 to 07:11:00 that the recorder does not list.",
    ]


def test_times_have_their_date_when_a_period_crosses_midnight() -> None:
    long = facts({1: [span(START, START + 2 * DAY, State.RECORDED)]}, minutes=2880)
    assert told(long)[1:3] == [
        "Recorder time 2026-03-14 07:09:00 to 2026-03-16 07:09:00 (2 d 0 h).",
        "Camera 1 has footage from 2026-03-14 07:09:00 to 2026-03-16 07:09:00 that the recorder"
        " lists.",
    ]


def test_what_was_not_read_or_cannot_be_read_is_said_at_once() -> None:
    assert told(EVERY)[-2:] == [
        "Only 75.0 % of the source was read; the rest may hold more footage.",
        "69,632 bytes cannot be read; footage may lie there.",
    ]


def test_a_case_without_dated_footage_still_gives_a_report() -> None:
    empty = msgspec.structs.replace(
        EVERY,
        diagnosis=msgspec.structs.replace(EVERY.diagnosis, window=None, channels=()),
        totals=(), events=(), volumes=(), clips=None, formats=(), runs=(), notes=(),
    )  # fmt: skip
    assert told(empty)[0] == "No footage with a date was found."
    for language in report.languages():
        balanced(report.html(empty, language=language))
        assert report.text(empty, language=language)
    assert report.as_json(empty)["diagnosis"]["window"] is None


# The words


def test_all_languages_have_the_same_words_with_the_same_places() -> None:
    def shape(table: dict[str, Any]) -> dict[str, Any]:
        return {
            f"{section}.{key}": sorted(one[1] or "" for one in string.Formatter().parse(text))
            for section, texts in table.items()
            if isinstance(texts, dict)
            for key, text in texts.items()
            if isinstance(text, str) and f"{section}.{key}" != "answer.recorder_off"
        }

    def places(table: dict[str, Any]) -> dict[str, list[str]]:
        return {key: [one for one in found if one] for key, found in shape(table).items()}

    tables = _words._tables()
    assert list(tables) == ["en", "zh"]
    assert {key: set(found) for key, found in places(tables["en"]).items()} == {
        key: set(found) for key, found in places(tables["zh"]).items()
    }
    assert all(text for table in tables.values() for texts in table.values() for text in texts)


def test_the_english_words_for_states_are_those_of_the_terminal() -> None:
    words = _words.Words("en")
    assert {state: words.state(state) for state in State} == show.STATE_WORDS


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="no language `fr`; known are en, zh"):
        report.html(EVERY, language="fr")


@pytest.mark.parametrize(
    ("length_ms", "en", "zh"),
    [
        (0, "0 s", "0 秒"),
        (45, "0.045 s", "0.045 秒"),
        (59_999, "59.999 s", "59.999 秒"),
        (60_000, "1 min 0 s", "1 分 0 秒"),
        (3_599_600, "1 h 0 min", "1 小时 0 分"),
        (90_000_000, "1 d 1 h", "1 天 1 小时"),
    ],
)
def test_lengths_are_said_in_two_fitting_units(length_ms: int, en: str, zh: str) -> None:
    assert [_words.Words(one).length(length_ms) for one in ("en", "zh")] == [en, zh]


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (0, 0, "0 %"), (0, 9, "0 %"), (9, 9, "100 %"), (1, 3, "33.3 %"),
        (1, 10**12, "< 0.1 %"), (10**12 - 1, 10**12, "> 99.9 %"),
    ],
)  # fmt: skip
def test_a_share_says_none_or_all_only_when_it_is_so(part: int, whole: int, expected: str) -> None:
    assert _words.share(part, whole) == expected


def test_numbers_of_cameras_are_drawn_together() -> None:
    assert show.ranges([12, 1, 2, 3, 5, 7, 8, 12]) == ["1-3", "5", "7", "8", "12"]


def test_hostile_strings_are_made_visible_and_short() -> None:
    assert _shown.shown("a\x00b\x1b[31m\u202etxt\ud800\u200b\uffff") == (
        "a\\x00b\\x1b[31m\\u202etxt\\ud800\\u200b\\uffff"
    )
    assert _shown.shown("摄像机 é ﷽") == "摄像机 é ﷽"
    assert len(_shown.shown("x" * 10**6)) == _shown.LONGEST


# What is drawn


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.sampled_from(State)), min_size=1, max_size=60),
    st.integers(1, 4000),
)
@settings(max_examples=60, deadline=None)
def test_cells_cover_the_spans_and_hide_none(
    lengths: list[tuple[int, State]], resolution_ms: int
) -> None:
    spans = parts(*((length / MINUTE, state) for length, state in lengths))
    cells = list(_lanes.cells(spans, resolution_ms))
    assert [cell.first for cell in cells] == [
        sum(one.number for one in cells[:place]) for place in range(len(cells))
    ]
    assert sum(cell.number for cell in cells) == len(spans)
    for cell in cells:
        own = spans[cell.first : cell.first + cell.number]
        assert cell.span == TimeSpan(own[0].span.start_ms, own[-1].span.end_ms)
        assert cell.state == max((one.state for one in own), key=list(State).index)
        assert cell.number == 1 or cell.span.end_ms - cell.span.start_ms < resolution_ms


@pytest.mark.parametrize(
    ("length_ms", "texts"),
    [
        (3000, ["07:09:00", "07:09:01", "07:09:02", "07:09:03"]),
        (3 * MINUTE, ["07:09:00", "07:09:30", "07:10:00", "07:10:30", "07:11:00", "07:11:30",
                      "07:12:00"]),
        (10 * MINUTE, ["07:10", "07:12", "07:14", "07:16", "07:18"]),
        (DAY, ["12:00", "18:00", "03-15", "06:00"]),
        (7 * DAY, ["03-15", "03-16", "03-17", "03-18", "03-19", "03-20", "03-21"]),
        (26 * 365 * DAY, ["2029-12", "2034-12", "2039-12", "2044-12", "2049-12"]),
    ],
)  # fmt: skip
def test_ticks_stand_at_round_times(length_ms: int, texts: list[str]) -> None:
    assert [one.text for one in _lanes.ticks(TimeSpan(START, START + length_ms))] == texts


@pytest.mark.parametrize("end_ms", [START + 1, 10**14, 1 << 50, 1 << 62])
def test_a_hostile_period_is_drawn_without_failing(end_ms: int) -> None:
    case = facts({1: [span(START, end_ms, State.RECORDED)]})
    window = TimeSpan(START, end_ms)
    case = msgspec.structs.replace(
        case, diagnosis=msgspec.structs.replace(case.diagnosis, window=window)
    )
    assert len(_lanes.ticks(window)) <= 8
    balanced(report.html(case))
    assert report.text(case)


# The page


PICTURE = f"data:image/jpeg;base64,{MADE['JPEG']}"
"""The one still of the cases: inside the page, and nowhere else."""


class Balance(HTMLParser):
    """Reads a page strictly: every tag closed in order, no doubled attribute, no entity lost."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.texts: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names), f"doubled attribute in <{tag}>"
        assert not any(name.startswith("on") for name in names)
        values = dict(attributes)
        self.ids += [str(values["id"])] if "id" in values else []
        self.addresses += [
            str(values[name])
            for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href")
            if name in values
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> in {self.open}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)


def balanced(page: str) -> Balance:
    """The page, read strictly."""
    reader = Balance()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    page.encode()
    return reader


@pytest.fixture(scope="module")
def week() -> report.Facts:
    made: report.Facts = MADE["week"]()
    return made


@pytest.mark.parametrize("language", report.languages())
def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(language: str) -> None:
    page = report.html(EVERY, language=language)
    assert set(balanced(page).addresses) == {PICTURE}
    assert page.startswith(f'<!DOCTYPE html>\n<html lang="{language}">')
    assert "//" not in re.sub(r"sha256-[^']*", "", page.replace(PICTURE, "").replace("&#39;", "'"))
    assert re.findall(r"url\((?!#f-)", page) == []
    assert re.findall(r"@import|fetch\(|XMLHttp|eval\(|innerHTML", page) == []


@pytest.mark.parametrize("language", report.languages())
def test_the_pages_own_policy_admits_its_script_and_style_and_nothing_else(language: str) -> None:
    page = report.html(EVERY, language=language)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    text = {
        tag: re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL) for tag in ("style", "script")
    }
    digests = {
        tag: base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        for tag, found in text.items()
    }
    assert [len(found) for found in text.values()] == [1, 1]
    assert policy[1].replace("&#39;", "'") == (
        f"default-src 'none'; style-src 'sha256-{digests['style']}';"
        f" script-src 'sha256-{digests['script']}'; img-src data:; base-uri 'none';"
        " form-action 'none'"
    )


@pytest.mark.parametrize("language", report.languages())
def test_hostile_names_stay_text(language: str) -> None:
    page = report.html(MADE["every_state"](path=HOSTILE, words=HOSTILE), language=language)
    found = balanced(page)
    assert set(found.addresses) == {PICTURE}
    assert page.count("<script") == 2
    assert page.count("<img") == 1 and "\x1b" not in page and "\u202e" not in page
    assert _shown.shown(HOSTILE) in "".join(found.texts["p"])
    assert "{{7*7}}" in page
    text = report.text(MADE["every_state"](path=HOSTILE, words=HOSTILE), language=language)
    assert not set(text) & set("\x00\x1b\u202e\ud800")
    json.dumps(report.as_json(MADE["every_state"](path=HOSTILE, words=HOSTILE)))


@pytest.mark.parametrize("language", report.languages())
def test_a_week_of_twelve_cameras_stays_small_and_whole(week: report.Facts, language: str) -> None:
    page = report.html(week, language=language)
    assert len(page.encode()) < LIMIT
    balanced(page)
    data = embedded(page)
    assert [len(lane["spans"]) for lane in data["lanes"]] == [
        len(one.spans) for one in week.diagnosis.channels
    ]
    assert all(
        record[5] >= 0 and record[6] >= 0 for one in data["lanes"] for record in one["spans"]
    )
    assert page.count('<rect class="cell') <= _spans.Limits().cells
    assert page.count('<table class="long">') == page.count('<p class="printed">') == 12


def embedded(page: str) -> dict[str, Any]:
    """What the page's script reads."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_whatever_the_case_holds_the_page_stays_below_its_limit_and_says_what_it_leaves_out() -> (
    None
):
    many: report.Facts = MADE["week"](24_000)
    bloated = msgspec.structs.replace(
        many,
        diagnosis=msgspec.structs.replace(
            many.diagnosis,
            channels=tuple(
                msgspec.structs.replace(
                    one,
                    spans=tuple(
                        msgspec.structs.replace(span, reason=f'{number} "<&>" ' + "ß" * 400)
                        for number, span in enumerate(one.spans)
                    ),
                )
                for one in many.diagnosis.channels
            ),
        ),
        notes=("<" * 5000,) * 5000,
        events=many.events * 9,
    )
    page = report.html(bloated)
    assert len(page.encode()) < LIMIT
    rows = page.count('<td class="reason">')
    hidden = [
        int(one.replace(",", "")) for one in re.findall(r"Not in this table: ([0-9,]+)", page)
    ]
    assert rows + sum(hidden) == 24_000
    assert rows > 0
    assert re.search("Left out here: 4[0-9]+ more", page)


def test_a_case_of_too_many_cameras_shows_the_worst_and_counts_the_rest() -> None:
    states = dict.fromkeys(range(1, 1001), State.RECORDED) | {777: State.UNREADABLE}
    page = report.html(facts({one: parts((10, state)) for one, state in states.items()}))
    assert len(page.encode()) < LIMIT
    lanes = [one["name"] for one in embedded(page)["lanes"]]
    assert lanes == [f"Camera {one}" for one in [*range(1, 128), 777]]
    assert page.count("Left out here: 872 more") == 2


# The three forms agree


def spans_of_page(page: str) -> Iterator[tuple[str, ...]]:
    """Camera, from, to and reason of every span in the page's tables, in its language."""
    table = page.partition('<section id="spans">')[2].partition("</section>")[0]
    for row in re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", table, re.DOTALL):
        cells = [re.sub(r"<[^>]*>", "", one) for one in re.split(r"<t[hd][^>]*>", row)]
        yield cells[0], cells[1], cells[2], cells[4]


@pytest.mark.parametrize("language", report.languages())
def test_page_text_and_json_tell_the_same_spans(language: str) -> None:
    words = _words.Words(language)
    found = report.as_json(EVERY)["diagnosis"]["channels"]
    expected = [
        (
            words.camera(one["channel"]),
            span["from"].replace("T", " "),
            span["to"].replace("T", " "),
            words.state(State(span["state"])),
        )
        for one in found
        for span in one["spans"]
    ]
    assert list(spans_of_page(report.html(EVERY, language=language))) == expected
    text = report.text(EVERY, language=language)
    lines = [line for line in text.splitlines() if line.startswith("  2026-") and ")  " in line]
    lasting = [one.span.end_ms - one.span.start_ms for c in EVERY.diagnosis.channels
               for one in c.spans]  # fmt: skip
    assert lines == [
        f"  {words.range(start, end)} ({words.length(length)})  {state}"
        for (_, start, end, state), length in zip(expected, lasting, strict=True)
    ]


@pytest.mark.parametrize("language", report.languages())
def test_every_fact_is_on_the_page_and_in_the_text(language: str) -> None:
    page, text = report.html(EVERY, language=language), report.text(EVERY, language=language)
    words = _words.Words(language)
    plain = "".join(piece for found in balanced(page).texts.values() for piece in found)
    wanted = [
        *told(EVERY, language),
        *EVERY.diagnosis.notes, *EVERY.notes,
        *(words.general(state) for state in State),
        "ST1000 plain", "d41d8cd98f00b204e9800998ecf8427e", "ab" * 32, "0.1.0",
        "record 0 plain", "record 1 plain", words("event.clock_set"),
        "DISK plain", "entry 3 is broken plain", "DHAV plain", "camera-01 plain.mp4",
        words.bytes(EVERY.read.unreadable[1]), words.size(EVERY.read.understood),
        words("clock.offset"), words("clock.set", times="2026-03-14 07:10:00.000"),
        words("label.recorder_time"),
        {"en": "1500 frames found, no entry in", "zh": "1500"}[language],
        "segment 50-58; claim none",
    ]  # fmt: skip
    assert [one for one in wanted if one not in plain] == []
    assert [one for one in wanted if one not in text] == []


def test_json_holds_the_contracts_of_the_other_commands() -> None:
    found = report.as_json(EVERY)
    assert found["diagnosis"] == show.diagnosis_json(EVERY.diagnosis)
    assert found["clips"] == show.clips_json(EVERY.clips or ())
    assert found["read"] == {
        "size": 4_000_000_000,
        "scanned": 3_000_000_000,
        "understood": 2_489_930_368,
        "blank": 500_000_000,
        "unidentified": 10_000_000,
        "unreadable": 69_632,
        "not_read": 1_000_000_000,
        "unreadable_extents": [
            {"start": 4096, "end": 8192},
            {"start": 1_000_000, "end": 1_065_536},
        ],
    }
    assert found["answer"] == {one: told(EVERY, one) for one in report.languages()}
    assert found["events"][0] == {
        "kind": "video_loss_start", "time": "2026-03-14T07:09:00.000", "channel": 1, "code": 0,
        "text": "record 0 plain", "entry": (0, 32), "id": None,
    }  # fmt: skip
    assert found["totals"][0]["first"] == "2026-03-14T07:09:00.000"
    assert not re.search(r'"20[0-9T:.-]*(Z|\+00:00)"', json.dumps(found["diagnosis"]))


# From a case


@pytest.fixture(scope="module")
def case_folder(simulated: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "case"
    with Case.open(folder, create=True) as case:
        case.scan(SourceRef(path=str(simulated("dhav-plain") / "disk.img")), pictures=False)
        case.recover(folder / "clips", channel=2)
    return folder


def run(*arguments: str, code: int) -> None:
    assert cli.commands.main(list(arguments), standalone_mode=False) == code


def test_the_command_writes_each_form_once_and_notes_it(
    case_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in report.FORMS:
        out = tmp_path / f"van.{form}"
        arguments = ["report", "--case", str(case_folder), "--output", str(out), "--format", form]
        run(*arguments, "--channels", "1-5", "--language", "zh", code=1)
        assert capsys.readouterr().out == ""
        log = (case_folder / "actions.jsonl").read_bytes().splitlines()[-1]
        noted = json.loads(log)
        assert (noted["action"], noted["file"]) == ("report", str(out))
        assert noted["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
        before = out.read_bytes()
        with pytest.raises(EvidenceError, match="exists already"):
            run(*arguments, code=1)
        assert out.read_bytes() == before
    assert "摄像机 5" in (tmp_path / "van.html").read_text(encoding="utf-8")
    found = json.loads((tmp_path / "van.json").read_bytes())
    assert [one["channel"] for one in found["diagnosis"]["channels"]] == [1, 2, 3, 4, 5]
    assert [one["channel"] for one in found["clips"]] == [2]
    assert {one["name"]: one["frames"] for one in found["formats"]}["dhav"] == 532


def test_a_case_tells_what_was_read_and_by_whom(case_folder: Path) -> None:
    with Case.open(case_folder) as case:
        found = case.report_facts(window=TimeSpan(START, START + MINUTE))
        assert found.diagnosis == case.diagnose(window=TimeSpan(START, START + MINUTE))
    assert found.read.size == found.source.size == found.read.scanned
    assert found.read.is_whole
    assert [one.channel for one in found.totals] == [1, 2, 3, 4]
    assert found.clips_folder == str(case_folder / "clips")
    assert len(found.runs) == 1


def test_a_damaged_list_of_clips_is_named(case_folder: Path, tmp_path: Path) -> None:
    listed = case_folder / "clips" / "clips.json"
    content = listed.read_bytes()
    try:
        for damaged in (b"", b"[1]", content.replace(b'"codec": "', b'"codec": "x'), content[:-40]):
            listed.write_bytes(damaged)
            with Case.open(case_folder) as case, pytest.raises(ClipError, match=r"clips\.json"):
                case.report_facts()
    finally:
        listed.write_bytes(content)


def test_a_report_is_never_written_over_the_source(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = simulated("dhav-plain") / "disk.img"
    with pytest.raises(EvidenceError, match="lies on"):
        report.save("x", disk, SourceRef(path=str(disk)))
    gone = SourceRef(path=str(tmp_path / "gone.img"))
    assert report.save("x", tmp_path / "a.txt", gone) == hashlib.sha256(b"x").hexdigest()
    with pytest.raises(EvidenceError, match="cannot be written"):
        report.save("x", tmp_path / "no" / "a.txt", gone)


@pytest.mark.parametrize("language", report.languages())
def test_why_and_what_to_do_and_until_when_stand_on_the_page_and_in_the_text(
    language: str,
) -> None:
    facts = MADE["every_state"]()
    words, chosen = _words.Words(language), runbooks.language_of(language)
    book = runbooks.runbook(CauseKind.VIDEO_LOSS, chosen)
    (page, text) = (report.html(facts, language=language), report.text(facts, language=language))
    told = [book.title, book.escalate, *(step.do for step in book.steps)]
    told.append(
        words("overwrite.before", before="2026-03-14 07:28:00", newest="2026-03-14 07:21:00")
    )
    for one in told:
        assert one in html.unescape(page)
        assert one in text
    assert runbooks.labels(chosen).brief in text
    assert f'src="data:image/jpeg;base64,{MADE["JPEG"]}"' in page


def test_a_page_without_stills_holds_no_picture() -> None:
    facts = msgspec.structs.replace(MADE["every_state"](), stills=())
    assert "data:image" not in report.html(facts)
