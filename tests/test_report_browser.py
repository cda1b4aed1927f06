"""The report's page in a real browser: nothing but a file, usable without a mouse, printable.

Chromium is driven through its WebDriver over plain HTTP; skipped where either is not installed.
"""

import base64
import json
import re
import runpy
import shutil
import subprocess
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vidrecover import report
from vidrecover.model import State
from vidrecover.report import _page, _spans, _words
from vidrecover.report._answer import answer
from vidrecover.report._words import Words

MADE = runpy.run_path(str(Path(__file__).with_name("report_made.py")))
HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"
CASES: dict[str, report.Facts] = {
    "states": MADE["every_state"](),
    "week": MADE["week"](),
    "hostile": MADE["every_state"](path=HOSTILE, words=HOSTILE),
}
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
]  # fmt: skip
ENTER, ESCAPE, TAB, HOME = "\ue007", "\ue00c", "\ue004", "\ue011"
RIGHT, DOWN = "\ue014", "\ue015"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="needs Debian's packages chromium and chromium-driver",
)


class Browser:
    """One session of Chromium."""

    def __init__(self, address: str, profile: Path) -> None:
        self._address = address
        options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._address += f"/session/{made['sessionId']}"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, page: Path, *, width: int) -> None:
        """Show the page in a window so many points wide, with an empty log."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.control("Emulation.setDeviceMetricsOverride", size)
        self._ask("POST", "/url", {"url": "about:blank"})
        for kind in ("browser", "performance"):
            self.logs(kind)
        self._ask("POST", "/url", {"url": page.as_uri()})

    def control(self, command: str, values: dict[str, Any]) -> Any:
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": values})

    def run(self, script: str) -> Any:
        """What a script returns, run in the page."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def press(self, keys: str) -> None:
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": actions}]})

    def told(self) -> list[str]:
        """The lines of the panel."""
        text = self.run("return document.getElementById('panel').innerText")
        return [line for line in str(text).splitlines() if line]

    def logs(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("POST", "/se/log", {"type": kind})
        return found

    def asked_for(self) -> list[str]:
        """Every address that was asked for since the page was opened."""
        events = [json.loads(one["message"])["message"] for one in self.logs("performance")]
        return [
            one["params"]["request"]["url"]
            for one in events
            if one["method"] == "Network.requestWillBeSent"
        ]

    def printed(self) -> bytes:
        """The page as a PDF."""
        return base64.b64decode(
            self._ask("POST", "/print", {"page": {"width": 21, "height": 29.7}})
        )

    def picture(self) -> bytes:
        """What the window shows, as a PNG."""
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def quit(self) -> None:
        self._ask("DELETE", "")


def _axis_and_lanes(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition('<svg class="axis"')[2]


def _width(attributes: str) -> str:
    found = re.search(r'width="([0-9.]+)%"', attributes)
    return found[1] if found else "0"


def _port(lines: Iterable[str]) -> str:
    """The port that the driver says it listens on."""
    for line in lines:
        if told := re.search(r"started successfully on port (\d+)", line):
            return told[1]
    raise AssertionError("chromedriver did not start")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    profile = tmp_path_factory.mktemp("profile")
    command = [str(DRIVER), "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        try:
            assert driver.stdout is not None
            opened = Browser(f"http://127.0.0.1:{_port(driver.stdout)}", profile)
            try:
                yield opened
            finally:
                opened.quit()
        finally:
            driver.terminate()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """The pages that are looked at, by case and language."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, facts in CASES.items():
        for language in report.languages():
            path = folder / f"{name}-{language}.html"
            path.write_text(report.html(facts, language=language), encoding="utf-8")
            found[name, language] = path
    return found


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("language", report.languages())
@pytest.mark.parametrize("case", ["states", "week", "hostile"])
def test_the_page_opens_without_error_or_request(
    browser: Browser, pages: dict[tuple[str, str], Path], case: str, language: str, width: int
) -> None:
    page = pages[case, language]
    browser.open(page, width=width)
    assert browser.logs("browser") == []
    asked = [address for address in browser.asked_for() if not address.startswith("data:")]
    assert asked == [page.as_uri()]
    images = "return [...document.images].map(one => one.complete && one.naturalWidth)"
    assert browser.run(images) == [32]  # the still, from inside the page
    assert browser.run("return document.title.length > 0")


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("language", report.languages())
def test_the_deadline_stands_first_and_the_steps_unfold_by_the_keyboard(
    browser: Browser, pages: dict[tuple[str, str], Path], language: str, width: int
) -> None:
    browser.open(pages["states", language], width=width)
    first = "return document.querySelector('#answer p').className"
    assert browser.run(first) == "deadline"
    fits = "return document.documentElement.scrollWidth <= innerWidth"
    assert browser.run(fits)
    unfolded = "return document.querySelector('#why details').open"
    assert not browser.run(unfolded)
    browser.run("document.querySelector('#why summary').focus()")
    browser.press(ENTER)
    assert browser.run(unfolded)
    assert browser.run("return document.querySelector('#why li').checkVisibility()")
    assert browser.run(fits)


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("language", report.languages())
def test_every_lane_is_seen_in_the_window_whole(
    browser: Browser, pages: dict[tuple[str, str], Path], language: str, width: int
) -> None:
    browser.open(pages["states", language], width=width)
    seen = browser.run(
        "return Array.from(document.querySelectorAll('svg.lane')).map(lane => {"
        " const b = lane.getBoundingClientRect();"
        " const cells = Array.from(lane.querySelectorAll('.cell'), c => c.getBoundingClientRect());"
        " return [b.left >= 0 && b.right <= window.innerWidth && b.width > 200, b.height,"
        "  cells.every(c => c.width > 1 && c.height >= 20), cells.length]; })"
    )
    assert seen == [[True, 26, True, 3]] * 9 + [[True, 26, True, 1]]
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("width", [1280, 700, 400])
@pytest.mark.parametrize("media", ["screen", "print"])
def test_the_axis_stands_over_the_lanes(
    browser: Browser, pages: dict[tuple[str, str], Path], media: str, width: int
) -> None:
    browser.open(pages["states", "en"], width=width)
    browser.control("Emulation.setEmulatedMedia", {"media": media})
    try:
        edges = browser.run(
            "return Array.from(document.querySelectorAll('#axis, svg.lane'), one =>"
            " [one.getBoundingClientRect().left, one.getBoundingClientRect().right])"
        )
    finally:
        browser.control("Emulation.setEmulatedMedia", {"media": ""})
    assert all(edge == edges[0] for edge in edges)


def test_every_state_is_painted_differently(
    browser: Browser, pages: dict[tuple[str, str], Path]
) -> None:
    browser.open(pages["states", "en"], width=1280)
    fills = browser.run(
        "return Array.from(document.querySelectorAll('.legend svg'), one =>"
        " getComputedStyle(one).fill)"
    )
    assert fills == [f'url("#f-{state.value}")' for state in State]


RECORD = """
window.told = [];
const panel = document.getElementById("panel");
const note = () => told.push(panel.dataset.lane + ":" + panel.dataset.span);
new MutationObserver(note).observe(panel, {attributes: true});
document.querySelector("[data-do=closer]").focus();
"""
"""Notes each span that the panel tells, and puts the focus just before the lanes."""


def test_the_keyboard_alone_reaches_every_span(
    browser: Browser, pages: dict[tuple[str, str], Path]
) -> None:
    browser.open(pages["states", "en"], width=1280)
    browser.run(RECORD)
    browser.press(TAB)
    spans = [len(one.spans) for one in CASES["states"].diagnosis.channels]
    for count in spans:
        browser.press(HOME + RIGHT * (count - 1) + DOWN)
    told = set(browser.run("return window.told"))
    assert told == {f"{lane}:{at}" for lane, count in enumerate(spans) for at in range(count)}


def test_keys_reach_every_span_of_a_week_also_where_many_are_drawn_together(
    browser: Browser, pages: dict[tuple[str, str], Path]
) -> None:
    browser.open(pages["week", "en"], width=1280)
    spans = [len(one.spans) for one in CASES["week"].diagnosis.channels]
    told = browser.run(
        "const told = [], panel = document.getElementById('panel');"
        "const press = key => { document.activeElement.dispatchEvent("
        " new KeyboardEvent('keydown', {key: key, bubbles: true}));"
        " told.push([+panel.dataset.lane, +panel.dataset.span]); };"
        "document.querySelector('.cell').focus();"
        f"for (const count of {spans}) {{"
        " press('Home'); for (let i = 1; i < count; i += 1) press('ArrowRight');"
        " press('ArrowDown'); }"
        "return told"
    )
    assert {tuple(one) for one in told} == {
        (lane, at) for lane, count in enumerate(spans) for at in range(count)
    }
    assert browser.run("return document.querySelectorAll('.cell').length") < sum(spans)


def test_the_panel_tells_span_state_reason_and_basis_of_what_has_the_focus(
    browser: Browser, pages: dict[tuple[str, str], Path]
) -> None:
    browser.open(pages["states", "en"], width=1280)
    browser.run(RECORD)
    browser.press(TAB + DOWN * 4 + RIGHT)
    assert browser.told() == [
        "Camera 5 · on disk, not indexed · 2026-03-14 07:14:00.000 to 2026-03-14 07:15:00.000"
        " (1 min 0 s)",
        "Reason: 1500 frames found, no entry in the recorder's index",
        "Basis: segment 50-58; claim none",
        "Picture: live picture · Listed by the recorder: no",
    ]


def test_the_chinese_panel_says_the_reason_in_chinese(
    browser: Browser, pages: dict[tuple[str, str], Path]
) -> None:
    browser.open(pages["states", "zh"], width=400)
    browser.run(RECORD)
    browser.press(TAB + DOWN * 6 + RIGHT)
    assert browser.told()[1] == (
        "原因: 找到 1500 帧，但画面是录像机的“视频丢失”提示画面"  # noqa: RUF001
    )


def test_the_pointer_tells_spans_that_are_drawn_together_apart(
    browser: Browser, pages: dict[tuple[str, str], Path]
) -> None:
    browser.open(pages["week", "en"], width=1280)
    told = browser.run(
        "const cell = Array.from(document.querySelectorAll('.cell')).find(c => c.dataset.n > 1);"
        "const box = cell.getBoundingClientRect();"
        "const at = {clientX: box.left, clientY: box.top + 5, bubbles: true};"
        "cell.dispatchEvent(new PointerEvent('pointermove', at));"
        "return document.getElementById('panel').innerText"
    )
    assert "spans that are too short to be drawn apart" in told


def test_a_span_that_the_page_does_not_carry_is_never_told_as_another(
    browser: Browser, tmp_path: Path
) -> None:
    page = tmp_path / "few.html"
    words, limits = _words.Words("en"), _spans.Limits(spans=9)
    page.write_text(_page._rendered(CASES["states"], words, limits), encoding="utf-8")
    browser.open(page, width=1280)
    told = browser.run(
        "return Array.from(document.querySelectorAll('.cell'), cell => {"
        " const box = cell.getBoundingClientRect();"
        " const at = {clientX: box.left + box.width / 2, clientY: box.top + 5, bubbles: true};"
        " cell.dispatchEvent(new PointerEvent('pointermove', at));"
        " return [cell.textContent, panel.innerText.split('\\n')[0],"
        "  panel.innerText.includes('Not carried')]; })"
    )
    assert len(told) == 28
    assert sum(not carried for _, _, carried in told) == 9
    for name, title, not_carried in told:
        camera, state = name.split(", 2026")[0].split(": ")
        assert title.startswith(name if not_carried else f"{camera} · {state}")
    assert browser.logs("browser") == []


def test_enter_shows_the_span_alone_and_escape_the_whole_period(
    browser: Browser, pages: dict[tuple[str, str], Path]
) -> None:
    browser.open(pages["states", "en"], width=1280)
    browser.run(RECORD)
    shown = "return document.getElementById('showing').textContent"
    browser.press(TAB + RIGHT + ENTER)
    assert browser.run(shown) == (
        "Shown: 2026-03-14 07:13:45.000 to 2026-03-14 07:15:15.000 (recorder time)"
    )
    ticks = "return Array.from(document.querySelectorAll('#axis text'), t => t.textContent)"
    assert browser.run(ticks) == [
        f"07:{time}" for time in ("13:45", "14:00", "14:15", "14:30", "14:45", "15:00", "15:15")
    ]
    browser.press(ESCAPE)
    assert browser.run(shown) == (
        "Shown: 2026-03-14 07:09:00.000 to 2026-03-14 07:21:00.000 (recorder time)"
    )


def test_the_script_draws_the_whole_period_as_the_page_was_made(
    browser: Browser, pages: dict[tuple[str, str], Path]
) -> None:
    page = pages["week", "en"]
    browser.open(page, width=1280)
    drawn = browser.run(
        "return Array.from(document.querySelectorAll('.cell, #axis text'), c =>"
        " [parseFloat(c.getAttribute('x')), parseFloat(c.getAttribute('width') || 0)])"
    )
    tags = re.findall(
        r'<(?:rect class="cell[^>]*|text) x="([0-9.]+)%"([^>]*)', _axis_and_lanes(page)
    )
    made = [[float(x), float(_width(rest))] for x, rest in tags]
    assert len(drawn) == len(made)
    assert all(
        abs(a[0] - b[0]) < 0.01 and abs(a[1] - b[1]) < 0.01
        for a, b in zip(drawn, made, strict=True)
    )


@pytest.mark.parametrize("language", report.languages())
def test_the_page_prints_to_a_pdf_with_all_details(
    browser: Browser, pages: dict[tuple[str, str], Path], language: str
) -> None:
    browser.open(pages["states", language], width=1280)
    assert browser.printed().startswith(b"%PDF-")
    browser.control("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        shown = browser.run(
            "const seen = one => getComputedStyle(document.querySelector(one)).display != 'none';"
            "return ['.chart', '.tools', '#panel', '.legend', '#hint'].map(seen)"
        )
    finally:
        browser.control("Emulation.setEmulatedMedia", {"media": ""})
    assert shown == [True, False, False, True, False]


@pytest.mark.parametrize("language", report.languages())
def test_the_pdf_holds_the_answer_and_every_camera(
    browser: Browser,
    pages: dict[tuple[str, str], Path],
    tmp_path: Path,
    language: str,
) -> None:
    browser.open(pages["states", language], width=1280)
    (tmp_path / "page.pdf").write_bytes(browser.printed())
    text = _of_pdf("pdftotext", "-layout", tmp_path / "page.pdf", "-")
    words = Words(language)
    # Without a Chinese font, as on a machine of the CI, only other letters come out of the PDF.
    drop = re.compile(r"\s+" if language == "en" else r"[^\x21-\x7e]+")
    flat = drop.sub("", text)
    for one in answer(CASES["states"], words):
        assert drop.sub("", one.text) in flat
    for camera in CASES["states"].diagnosis.channels if language == "en" else ():
        assert drop.sub("", words.camera(camera.channel)) in flat
    count = re.search(r"Pages:\s+(\d+)", _of_pdf("pdfinfo", tmp_path / "page.pdf"))
    assert count is not None and int(count[1]) < 20


def _of_pdf(*command: str | Path) -> str:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"no {command[0]} (poppler-utils) on this machine")
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return done.stdout.decode()
