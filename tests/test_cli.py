"""The program as its user runs it: words in, results on stdout, all else on stderr."""

import csv
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pytest

from vidrecover import cli
from vidrecover.model import (
    CauseKind,
    Certainty,
    Grade,
    PictureState,
    SourceIdentity,
    State,
)

DONE, INCOMPLETE, WRONG_USAGE, FAILED = 0, 1, 2, 3

TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$"}
CHANNEL = {"type": ["integer", "null"], "minimum": 1}
NUMBER = {"type": "number", "minimum": 0}
NAMED_TIME = {"anyOf": [TIME, {"type": "null"}]}


def table(properties: dict[str, Any]) -> dict[str, Any]:
    """A schema of an object with exactly these keys."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def listed(items: dict[str, Any]) -> dict[str, Any]:
    """A schema of an array."""
    return {"type": "array", "items": items}


DIAGNOSIS = table(
    {
        "source": {"type": "string"},
        "scanned_share": {"type": "number", "minimum": 0, "maximum": 1},
        "window": {"anyOf": [{**listed(TIME), "minItems": 2, "maxItems": 2}, {"type": "null"}]},
        "channels": listed(
            table(
                {
                    "channel": CHANNEL,
                    "state": {"enum": [one.value for one in State]},
                    "spans": listed(
                        table(
                            {
                                "from": TIME,
                                "to": TIME,
                                "state": {"enum": [one.value for one in State]},
                                "indexed": {"type": "boolean"},
                                "picture": {"enum": [one.value for one in PictureState]},
                                "reason": {"type": "string", "minLength": 1},
                                "basis": listed({"type": "string"}),
                            }
                        )
                    ),
                }
            )
        ),
        "notes": listed({"type": "string"}),
        "causes": listed(
            table(
                {
                    "kind": {"enum": [one.value for one in CauseKind]},
                    "title": {"type": "string", "minLength": 1},
                    "channels": listed(CHANNEL),
                    "from": NAMED_TIME,
                    "to": NAMED_TIME,
                    "certainty": {"enum": [one.value for one in Certainty]},
                    "stretches": {"type": "integer", "minimum": 1},
                    "brief": {"type": "boolean"},
                    "reason": {"type": "string", "minLength": 1},
                    "basis": listed({"type": "string"}),
                }
            )
        ),
        "overwrite": {
            "anyOf": [
                {"type": "null"},
                table(
                    {
                        "known": {"type": "boolean"},
                        "reason": {"type": "string", "minLength": 1},
                        "bytes_per_second": {"type": ["integer", "null"]},
                        "kept_seconds": {"type": ["number", "null"]},
                        "newest_footage": NAMED_TIME,
                        "seconds_left": {
                            "anyOf": [
                                {"type": "null"},
                                table(dict.fromkeys(("expected", "least", "most"), NUMBER)),
                            ]
                        },
                        "pull_before": NAMED_TIME,
                    }
                ),
            ]
        },
        "media": listed(
            table(
                {
                    "name": {"type": "string"},
                    "source": {"type": ["string", "null"]},
                    "scanned_share": {"type": "number", "minimum": 0, "maximum": 1},
                }
            )
        ),
        "joins": listed(
            table(
                {
                    "joined": {"type": "boolean"},
                    "frames": {"type": "integer", "minimum": 1},
                    "words": {"type": "string", "minLength": 1},
                }
            )
        ),
        "clocks": listed(
            table(
                {
                    "from": TIME,
                    "to": TIME,
                    "reference": {"const": "gps"},
                    "offset_s": {"type": "number"},
                    "spread_s": {"type": "number", "minimum": 0},
                    "records": {"type": "integer", "minimum": 1},
                }
            )
        ),
    }
)
CLIPS = listed(
    table(
        {
            "file": {"type": "string"},
            "channel": CHANNEL,
            "stream": {"enum": ["main", "sub", None]},
            "from": NAMED_TIME,
            "to": NAMED_TIME,
            "frames": {"type": "integer", "minimum": 1},
            "codec": {"enum": ["h264", "h265", "mpeg4", "mjpeg"]},
            "grade": {"enum": [one.value for one in Grade]},
            "format": {"type": "string"},
            "notes": listed({"type": "string"}),
        }
    )
)


class Outcome(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON; raises ValueError when anything else is with it."""
        return json.loads(self.out)


def run(*words: object) -> Outcome:
    """One command in this process, through the entry point."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["vidrecover", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert isinstance(ended.value.code, int)
    found = Outcome(ended.value.code, out.getvalue(), err.getvalue())
    assert "Traceback" not in found.err
    assert "unexpected" not in found.err
    return found


def refused(*words: object, code: int = FAILED) -> str:
    """What a command says that cannot do its work; it must not have printed a result."""
    found = run(*words)
    assert (found.code, found.out) == (code, "")
    return found.err


@pytest.fixture(scope="module")
def scanned(simulated: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scanned case of two cameras that are recorded and listed; not to be changed."""
    case = tmp_path_factory.mktemp("scanned") / "case"
    assert run("scan", simulated("dhfs-intact") / "disk.img", "--case", case).code == DONE
    return case


@pytest.fixture
def intact(scanned: Path, tmp_path: Path) -> Path:
    """The same case, a test's own."""
    return Path(shutil.copytree(scanned, tmp_path / "case"))


# --- results -----------------------------------------------------------------------------------


def test_a_scan_says_what_it_read_and_what_is_next(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = simulated("dhfs-intact") / "disk.img"
    found = run("scan", disk, "--case", tmp_path / "case")
    lines = found.out.splitlines()
    assert found.code == DONE
    assert lines[0].startswith(f"{disk}: all 0.00")
    assert [line.split()[:3] for line in lines if line.startswith("camera ")] == [
        ["camera", "frames", "GB"],
        ["camera", "1", "150"],
        ["camera", "2", "120"],
    ]
    assert "to read: less than a minute" in found.err
    assert f"next: vidrecover diagnose --case {tmp_path / 'case'}" in found.err


def test_a_second_scan_reads_nothing_and_doubles_nothing(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    words = ["scan", simulated("dhfs-intact") / "disk.img", "--case", tmp_path / "case", "--json"]
    first, second = run(*words), run(*words)
    assert (first.code, second.code) == (DONE, DONE)
    assert first.json["resumed"] == 0
    assert second.json == {**first.json, "resumed": first.json["size"]}
    assert [(one["channel"], one["frames"]) for one in first.json["channels"]] == [
        (1, 150),
        (2, 120),
    ]


def test_a_scan_by_two_processes_finds_the_same(intact: Path, tmp_path: Path) -> None:
    disk = json.loads((intact / "source.json").read_text())["path"]
    alone = run("scan", disk, "--case", intact, "--json").json
    shared = run("scan", disk, "--case", tmp_path / "two", "--jobs", 2, "--json")
    assert (shared.code, shared.json) == (DONE, {**alone, "resumed": 0})


def test_the_diagnosis_keeps_its_contract(intact: Path) -> None:
    found = run("diagnose", "--case", intact, "--json")
    jsonschema.validate(found.json, DIAGNOSIS)
    assert found.code == DONE
    assert [(one["channel"], one["state"]) for one in found.json["channels"]] == [
        (1, "recorded"),
        (2, "recorded"),
    ]


def test_the_diagnosis_in_words_names_every_camera_and_every_sign(intact: Path) -> None:
    found = run("diagnose", "--case", intact)
    assert found.code == DONE
    assert "2 cameras: 2 recorded" in found.out
    assert "\ncamera 1  recorded  ████" in found.out
    assert "█ recorded: footage is on the disk, and the recorder lists it" in found.out
    assert found.err == f"next: vidrecover recover --case {intact} --folder clips\n"


def test_an_expected_camera_without_footage_is_named_and_tells_of_a_lack(intact: Path) -> None:
    found = run("diagnose", "--case", intact, "--channels", "1-2,5", "--json")
    jsonschema.validate(found.json, DIAGNOSIS)
    assert found.code == INCOMPLETE
    assert [(one["channel"], one["state"]) for one in found.json["channels"]] == [
        (1, "recorded"),
        (2, "recorded"),
        (5, "not_recorded"),
    ]


@pytest.mark.parametrize("start", ["07:30", "7:30", "07:30:00", "2026-03-14T07:30"])
def test_a_time_without_a_date_is_of_the_last_day(intact: Path, start: str) -> None:
    found = run("diagnose", "--case", intact, "--from", start, "--to", "07:31", "--json")
    assert found.json["window"] == ["2026-03-14T07:30:00.000", "2026-03-14T07:31:00.000"]


@pytest.mark.parametrize("scenario", ["dhfs-intact", "dhfs-destroyed", "xm-plain", "jt1078-six"])
def test_recovered_clips_keep_their_contract_and_every_byte_is_on_the_disk(
    simulated: Callable[[str], Path], tmp_path: Path, scenario: str
) -> None:
    disk, case, folder = simulated(scenario) / "disk.img", tmp_path / "case", tmp_path / "clips"
    run("scan", disk, "--case", case)
    found = run("recover", "--case", case, "--folder", folder, "--json")
    jsonschema.validate(found.json, CLIPS)
    assert found.json == json.loads((folder / "clips.json").read_text())
    whole = all(one["grade"] == "complete" for one in found.json)
    assert (found.code, bool(found.json)) == (DONE if whole else INCOMPLETE, True)
    files = {one["file"] for one in found.json}
    assert {path.name for path in folder.iterdir()} == {*files, "clips.json", "fragments.csv"}
    content = disk.read_bytes()
    with (folder / "fragments.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["clip", "seq", "source", "offset", "length", "sha256", "kind"]
    assert {row[0] for row in rows[1:]} == files
    assert {row[6] for row in rows[1:]} <= {"video", "audio", "header"}
    for _, _, source, offset, length, digest, _ in rows[1:]:
        run_of_bytes = content[int(offset) : int(offset) + int(length)]
        assert (source, hashlib.sha256(run_of_bytes).hexdigest()) == (str(disk), digest)


def test_recovery_in_words_names_clips_grades_and_progress(intact: Path, tmp_path: Path) -> None:
    found = run("recover", "--case", intact, "--channel", 2, "--folder", tmp_path / "out")
    name = "camera-02_2026-03-14_07-30-00.mp4"
    assert found.out.splitlines()[0] == f"in {tmp_path / 'out'}"
    assert found.out.splitlines()[2].split()[0] == name
    assert found.err.splitlines()[0].startswith(f"{name}: 120 frames, ")


def test_only_the_wanted_span_of_one_camera_is_recovered(intact: Path, tmp_path: Path) -> None:
    span = ["--from", "07:30:02", "--to", "07:30:05"]
    words = ["recover", "--case", intact, "--channel", 1, *span, "--folder", tmp_path / "out"]
    (clip,) = run(*words, "--json").json
    assert (clip["channel"], clip["to"][:20]) == (1, "2026-03-14T07:30:05.")
    assert "2026-03-14T07:30:00.000" < clip["from"] <= "2026-03-14T07:30:02.000"


def test_nothing_to_recover_is_no_success(intact: Path, tmp_path: Path) -> None:
    words = ["recover", "--case", intact, "--channel", 9, "--folder", tmp_path / "out"]
    found = run(*words, "--json")
    assert (found.code, found.json) == (INCOMPLETE, [])


def test_footage_without_a_clip_is_told_with_its_reason(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    run("scan", simulated("dhfs-wrapped") / "disk.img", "--case", tmp_path)
    found = run("recover", "--case", tmp_path, "--json")
    told = [line for line in found.err.splitlines() if line.startswith("no clip of ")]
    assert found.code == INCOMPLETE
    assert told
    assert all("frames of camera" in line for line in told)
    entry = json.loads((tmp_path / "actions.jsonl").read_text().splitlines()[-1])
    assert len(entry["left_out"]) == len(told)


def test_clips_are_never_overwritten(intact: Path) -> None:
    assert run("recover", "--case", intact).code in (DONE, INCOMPLETE)
    before = {path: path.read_bytes() for path in (intact / "clips").iterdir()}
    assert "exists already: choose an empty folder" in refused("recover", "--case", intact)
    assert before == {path: path.read_bytes() for path in (intact / "clips").iterdir()}


def test_a_moved_source_is_found_by_its_new_name(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk, case = tmp_path / "disk.img", tmp_path / "case"
    shutil.copy(simulated("dhfs-intact") / "disk.img", disk)
    run("scan", disk, "--case", case)
    disk.rename(tmp_path / "moved.img")
    assert "disk.img" in refused("recover", "--case", case)
    words = ["recover", "--case", case, "--folder", tmp_path / "out"]
    assert len(run(*words, "--source", tmp_path / "moved.img", "--json").json) == 2


def test_formats_are_listed_and_shown() -> None:
    names = [one["name"] for one in run("formats", "--json").json]
    assert names == sorted(names)
    assert [line.split()[0] for line in run("formats").out.splitlines()[1:]] == names
    assert [one["name"] for one in run("formats", "dhav", "--json").json] == ["dhav"]
    assert "limit: encrypted exports are not opened: where" in run("formats", "dhav").out


def test_a_scenario_becomes_a_disk_with_its_truth(tmp_path: Path) -> None:
    found = run("simulate", "hx-plain", "--output", tmp_path / "new" / "disk.img", "--json")
    assert found.code == DONE
    assert found.json["size"] == (tmp_path / "new" / "disk.img").stat().st_size
    again = refused("simulate", "hx-plain", "--output", tmp_path / "new" / "disk.img")
    assert "exists already; nothing is overwritten" in again


def test_a_terminal_without_the_signs_gets_plain_ones(
    intact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="cp1252") as out:
        monkeypatch.setattr(sys, "argv", ["vidrecover", "diagnose", "--case", str(intact)])
        with redirect_stdout(out), redirect_stderr(io.StringIO()), pytest.raises(SystemExit):
            cli.main()
        out.flush()
        assert "camera 1  recorded  ####" in raw.getvalue().decode("cp1252")


def test_the_program_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vidrecover"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (DONE, "")
    assert done.stdout.startswith("vidrecover, version ")
    failed = subprocess.run(
        [*command, "scan", str(tmp_path / "no.img"), "--case", str(tmp_path / "case")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (failed.returncode, failed.stdout) == (FAILED, "")


# --- wrong usage -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--channels", "0-3"], "expected cameras such as 1-12"),
        (["--channels", "5-1"], "expected cameras such as 1-12"),
        (["--channels", "1-99999999999"], "expected cameras such as 1-12"),
        (["--channels", "front"], "expected cameras such as 1-12"),
        (["--from", "half past seven"], "is no recorder time"),
        (["--from", "25:00"], "is no recorder time"),
        (["--from", "2026-03-14T07:30Z"], "is no recorder time"),
        (["--from", "07:40", "--to", "07:30"], "for a span over midnight give both dates"),
        (["--frm", "07:40"], "No such option"),
    ],
)
def test_a_wrong_word_is_told_with_what_is_expected(
    intact: Path, words: list[str], message: str
) -> None:
    assert message in refused("diagnose", "--case", intact, *words, code=WRONG_USAGE)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    assert "known are annexb, avi, dahua-old, dhav," in refused("formats", "dhaf", code=WRONG_USAGE)
    told = refused("simulate", "vann", "--output", tmp_path / "disk.img", code=WRONG_USAGE)
    assert "dhfs-intact" in told
    assert "No such command" in refused("scann", code=WRONG_USAGE)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are always Unicode here")
def test_a_name_that_cannot_be_written_down_is_refused(tmp_path: Path) -> None:
    name = os.fsdecode(bytes(tmp_path / "disk") + b"\xff.img")
    Path(name).write_bytes(b"x" * 512)
    told = refused("scan", name, "--case", tmp_path / "case", code=WRONG_USAGE)
    assert "is not UTF-8; rename it" in told


# --- bad input ---------------------------------------------------------------------------------


def test_a_source_that_is_none_is_refused_with_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "empty.img").touch()
    words = ["scan", "--case", tmp_path / "case"]
    assert "is empty; copy the image again" in refused(*words, tmp_path / "empty.img")
    assert "is a folder; give the disk" in refused(*words, tmp_path)
    assert "no.img" in refused(*words, tmp_path / "no.img")


def test_a_source_without_permission_says_who_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret.img"
    path.write_bytes(b"x" * 512)
    really = os.open

    def refuse(name: Any, *rest: Any, **named: Any) -> int:  # root may read everything
        if str(name) == str(path):
            raise PermissionError(13, "Permission denied")
        return really(name, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    assert "as administrator (sudo)" in refused("scan", path, "--case", tmp_path / "case")


def test_a_text_file_is_scanned_and_holds_no_footage(tmp_path: Path) -> None:
    text, case = tmp_path / "notes.txt", tmp_path / "case"
    text.write_text("seen at 07:30, white van\n" * 400)
    found = run("scan", text, "--case", case)
    assert found.code == DONE
    assert "no footage of any known format was found" in found.out
    diagnosis = run("diagnose", "--case", case)
    assert (diagnosis.code, diagnosis.err) == (INCOMPLETE, "")
    assert "no dated footage was found" in diagnosis.out
    assert run("diagnose", "--case", case, "--channels", "1-2", "--json").code == INCOMPLETE
    clips = run("recover", "--case", case)
    assert clips.code == INCOMPLETE
    assert "no clip was made; vidrecover diagnose says" in clips.out


@pytest.mark.parametrize("size", [1, 511, 4096, 100_000, 700_001])
def test_an_image_cut_in_the_middle_gives_what_it_still_holds(
    simulated: Callable[[str], Path], tmp_path: Path, size: int
) -> None:
    cut = tmp_path / "cut.img"
    cut.write_bytes((simulated("dhfs-intact") / "disk.img").read_bytes()[:size])
    found = run("scan", cut, "--case", tmp_path / "case", "--json")
    assert found.code in (DONE, INCOMPLETE)
    assert found.json["size"] == size
    diagnosis = run("diagnose", "--case", tmp_path / "case", "--json")
    jsonschema.validate(diagnosis.json, DIAGNOSIS)
    assert diagnosis.code == INCOMPLETE
    clips = run("recover", "--case", tmp_path / "case", "--json")
    jsonschema.validate(clips.json, CLIPS)
    assert [one["grade"] for one in clips.json] == (["complete"] * 2 if size > 700_000 else [])
    assert clips.code == (DONE if clips.json else INCOMPLETE)


def test_a_cut_image_in_the_expert_witness_format_gives_what_is_left_and_says_so(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    if shutil.which("ewfacquire") is None:
        pytest.skip("ewfacquire (Debian's ewf-tools) is not installed")
    disk = simulated("dhfs-intact") / "disk.img"
    command = ["ewfacquire", "-u", "-q", "-t", str(tmp_path / "disk"), "-f", "encase6", str(disk)]
    subprocess.run(command, check=True, capture_output=True)
    image = tmp_path / "disk.E01"
    whole = run("scan", image, "--case", tmp_path / "whole", "--json")
    assert (whole.code, whole.json["damage"], whole.json["notes"]) == (DONE, [], [])
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    found = run("scan", image, "--case", tmp_path / "case", "--json")
    assert found.code == INCOMPLETE
    assert any("is cut off" in one for one in found.json["damage"])
    assert 0 < found.json["unreadable"] < found.json["size"]
    frames = [sum(one["frames"] for one in each.json["channels"]) for each in (found, whole)]
    assert 0 < frames[0] < frames[1]
    assert run("recover", "--case", tmp_path / "case").code == INCOMPLETE


def test_bad_sectors_are_told_everywhere(simulated: Callable[[str], Path], tmp_path: Path) -> None:
    folder = simulated("dhfs-bad-sectors")
    words = ["--case", tmp_path / "case", "--json"]
    scan = run("scan", folder / "disk.img", "--map", folder / "bad.map", *words)
    assert (scan.code, scan.json["unreadable"]) == (INCOMPLETE, 49152)
    assert scan.json["damage"] == ["49152 bytes cannot be read; the rest was scanned"]
    diagnosis = run("diagnose", *words)
    assert (diagnosis.code, "49152 bytes cannot be read" in diagnosis.out) == (INCOMPLETE, True)
    assert run("recover", *words).code == INCOMPLETE


def test_a_catalogue_that_is_none_is_left_alone(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk, catalogue = simulated("dhfs-intact") / "disk.img", tmp_path / "catalogue.db"
    catalogue.write_text("Camera 3, the man with the cap. " * 100)
    before = catalogue.read_bytes()
    words: list[list[object]] = [["scan", disk], ["diagnose"], ["recover"]]
    for one in words:
        assert "use another case folder" in refused(*one, "--case", tmp_path)
    assert catalogue.read_bytes() == before
    catalogue.unlink()
    with closing(sqlite3.connect(catalogue)) as other:
        other.execute("CREATE TABLE songs (title TEXT)")
    for one in words:
        assert "a database of another program" in refused(*one, "--case", tmp_path)


def test_a_case_takes_no_second_source(
    simulated: Callable[[str], Path], intact: Path, tmp_path: Path
) -> None:
    other = simulated("hx-plain") / "disk.img"
    told = refused("scan", other, "--case", intact)
    assert "is another source" in told
    assert "Use another case, or --medium NAME" in told
    assert "name the right one with --source" in refused(
        "recover", "--case", intact, "--source", other, "--folder", tmp_path / "out"
    )
    assert run("diagnose", "--case", intact).code == DONE


def test_a_command_without_a_case_says_what_to_do_first(tmp_path: Path) -> None:
    for command in ("diagnose", "recover"):
        assert "there is no case; scan a source first" in refused(command, "--case", tmp_path)


def test_a_case_that_cannot_be_made_is_told(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    disk = simulated("dhfs-intact") / "disk.img"
    told = refused("scan", disk, "--case", tmp_path / "file" / "case")
    assert "cannot be made" in told
    assert "choose another folder" in told
    assert "cannot be made" in refused("demo", "--folder", tmp_path / "file" / "demo")
    told = refused("simulate", "hx-plain", "--output", tmp_path / "file" / "disk.img")
    assert "cannot be made" in told


def test_clips_that_cannot_be_put_anywhere_are_told(intact: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = refused("recover", "--case", intact, "--folder", tmp_path / "file" / "clips")
    assert "cannot be made" in told


def test_an_own_description_works_without_python(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "formats").mkdir()
    text = (Path(__file__).parents[1] / "formats" / "hx.toml").read_text(encoding="utf-8")
    own = text.replace('"hx"', '"own"').replace("48 58", "4F 57")
    (tmp_path / "formats" / "own.toml").write_text(own, encoding="utf-8")
    disk = tmp_path / "disk.img"
    content = (simulated("hx-plain") / "disk.img").read_bytes()
    disk.write_bytes(content.replace(b"HXV", b"OWV").replace(b"HXA", b"OWA"))
    assert "own" in [one["name"] for one in run("formats", "--case", tmp_path, "--json").json]
    run("scan", disk, "--case", tmp_path)
    made = run("recover", "--case", tmp_path, "--json").json
    assert {one["format"] for one in made} == {"own"}


def test_a_wrong_own_description_is_named_with_its_key(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "formats").mkdir()
    own = tmp_path / "formats" / "own.toml"
    disk = simulated("hx-plain") / "disk.img"
    own.write_text('name = "own"\ntitle = "Own"\n[framing]\nsignatur = "00"\n', encoding="utf-8")
    for words in (["scan", disk], ["formats"]):
        told = refused(*words, "--case", tmp_path)
        assert str(own) in told
        assert "framing.signatur" in told
    own.write_text("name = ", encoding="utf-8")
    assert "is not valid TOML" in refused("scan", disk, "--case", tmp_path)
    own.unlink()
    assert run("scan", disk, "--case", tmp_path).code == DONE


def test_clips_that_no_decoder_played_are_never_called_complete(
    intact: Path, tmp_path: Path
) -> None:
    words = ("recover", "--case", intact, "--channel", 1, "--json", "--folder")
    played = run(*words, tmp_path / "played")
    unplayed = run(*words, tmp_path / "unplayed", "--no-decode")
    assert (played.code, unplayed.code) == (DONE, INCOMPLETE)
    for one, other in zip(played.json, unplayed.json, strict=True):
        assert (one["grade"], other["grade"]) == ("complete", "partial")
        assert other["notes"][:-1] == one["notes"]
        assert "whether every frame decodes" in other["notes"][-1]
        files = [tmp_path / kind / one["file"] for kind in ("played", "unplayed")]
        assert files[0].read_bytes() == files[1].read_bytes()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, where that is allowed."""
    folder, tool = tmp_path / "small", shutil.which("mount")
    folder.mkdir()
    if tool is None or sys.platform != "linux":
        pytest.skip("no mount on this system")
    command = [tool, "-t", "tmpfs", "-o", "size=1024k", "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_clips_with_a_clear_word(intact: Path, small_disk: Path) -> None:
    (small_disk / "filled").write_bytes(bytes(924 << 10))
    told = refused("recover", "--case", intact, "--folder", small_disk / "clips")
    assert "make room or choose another folder" in told


def test_a_full_disk_stops_a_scan_that_goes_on_when_there_is_room(
    simulated: Callable[[str], Path], small_disk: Path
) -> None:
    words = ["scan", simulated("dhfs-intact") / "disk.img", "--case", small_disk / "case"]
    (small_disk / "filled").write_bytes(np.zeros(964 << 10, dtype=np.uint8).tobytes())
    assert "full" in refused(*words)
    (small_disk / "filled").unlink()
    assert run(*words, "--json").code == DONE


def test_disks_are_listed_with_what_to_call_them(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SourceIdentity(path="/dev/sdb", kind="device", size=2_000_398_934_016, model="ST2000VX")
    monkeypatch.setattr("vidrecover.cli._reading.devices", lambda: iter([disk]))
    assert run("devices", "--json").json == [
        {
            "path": "/dev/sdb",
            "size": 2_000_398_934_016,
            "sector_size": 512,
            "model": "ST2000VX",
            "serial": None,
        }
    ]
    words = run("devices").out
    assert re.search(r"^/dev/sdb +2,?000\.40 GB .* ST2000VX +not known$", words, re.MULTILINE)
    monkeypatch.setattr("vidrecover.cli._reading.devices", lambda: iter([]))
    assert "no disk shows; connect one" in run("devices").out


def test_many_sources_get_a_case_each_and_one_table(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    disk = simulated("dhfs-intact") / "disk.img"
    fleet = tmp_path / "fleet.txt"
    fleet.write_text(f"{disk}\tvan17\n{tmp_path}/absent.img\n")
    found = run("scan-many", fleet, "--cases", tmp_path / "cases", "--jobs", 2, "--json")
    assert found.code == INCOMPLETE
    first, second = found.json
    assert (first["case"], first["error"]) == (str(tmp_path / "cases" / "van17"), None)
    assert first["states"] == {"recorded": first["cameras"]}
    assert first["from"] < first["to"]
    assert "there is no such file" in second["error"]
    again = run("scan-many", fleet, "--cases", tmp_path / "cases")
    assert re.search(r"van17 +2 .* 2 recorded$", again.out, re.MULTILINE)
    assert "absent: " in again.out
    fleet.write_text(f"{tmp_path}/absent.img\n")
    assert run("scan-many", fleet, "--cases", tmp_path / "cases").code == FAILED
    assert run("scan-many", tmp_path / "no.txt").code == WRONG_USAGE


def test_only_one_way_to_share_the_work_can_be_asked_for(tmp_path: Path) -> None:
    words = refused("scan", "disk.img", "--jobs", 2, "--image", tmp_path / "x", code=WRONG_USAGE)
    assert "only one of --image, --jobs and --cluster" in words
