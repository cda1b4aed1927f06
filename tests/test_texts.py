"""What stands in the texts is so: README and architecture page against the program."""

import doctest
import importlib
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from vidrecover import cli, formats, show
from vidrecover.model import Grade, State

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TOP = click.Context(cli.commands)


def command_of(name: str) -> click.Command:
    """The command of a name."""
    command = cli.commands.get_command(TOP, name)
    assert command is not None
    return command


COMMANDS = [(name, command_of(name)) for name in cli.commands.list_commands(TOP)]


def blocks(kind: str) -> list[str]:
    """The fenced blocks of the README with this word behind the fence."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """The text under a heading of the README, up to the next of its rank."""
    rank = title.partition(" ")[0]
    begin = README.index(f"\n{title}\n") + len(title) + 2
    end = README.find(f"\n{rank} ", begin)
    return README[begin : end if end >= 0 else None]


def rows(text: str) -> list[list[str]]:
    """The cells of the only table in a text, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def parsed(words: list[str]) -> click.Context:
    """What the program makes of a command line; raises click's errors, runs nothing."""
    return command_of(words[0]).make_context(words[0], words[1:])


def example(command: click.Command) -> str:
    """The one example in a command's help."""
    text = " ".join((command.help or "").split())
    (found,) = re.findall(r"Example: (vidrecover .*)$", text)
    return str(found)


def lines_of_commands() -> Iterator[str]:
    """All command lines in the README: those of the sessions, and those between backticks."""
    yield from re.findall(r"^\$ (vidrecover .*)$", README, re.MULTILINE)
    yield from re.findall(r"`(vidrecover [^`]*)`", README)


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_every_command_has_help_with_an_example_that_stands_in_the_readme(
    name: str, command: click.Command
) -> None:
    assert (command.help or "").splitlines()[0].endswith(".")
    words = shlex.split(example(command))
    assert words[:2] == ["vidrecover", name]
    parsed(words[1:])
    assert f"`{example(command)}`" in section("## Commands")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name}: {parameter.name} has no help"


def test_the_list_of_commands_says_what_each_says_of_itself_and_imports_none() -> None:
    code = (
        "import sys; from vidrecover import cli; cli.commands.main(['--help'], 'vidrecover',"
        " standalone_mode=False); sys.exit('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed = " ".join(done.stdout.partition("Commands:")[2].split())
    said = [(name, " ".join((one.help or "").split("\n\n")[0].split())) for name, one in COMMANDS]
    assert listed == " ".join(f"{name} {words}" for name, words in said)


@pytest.mark.parametrize("line", sorted(set(lines_of_commands())))
def test_every_command_line_of_the_readme_is_one_that_the_program_takes(line: str) -> None:
    parsed(shlex.split(line)[1:])


def test_the_readme_begins_with_what_it_does_and_the_two_commands() -> None:
    first, second = README.split("\n## ")[:2]
    assert len([line for line in first.splitlines()[1:] if line]) == 5
    demo = "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/vidrecover demo"
    tests = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"
    assert second.index(f"```\n{demo}\n```") < second.index(f"```\n{tests}\n```")


def test_the_table_of_formats_is_the_folder() -> None:
    table = section("## Formats").partition("### ")[0]
    assert rows(table) == [
        [f"`{one.name}`", one.title, "; ".join(one.limits)]
        for one in formats.load(formats.shipped()).formats
    ]


def test_the_table_of_states_is_complete() -> None:
    table = rows(section("## What the states mean"))
    assert {row[1] for row in table} == {f"`{one.value}`" for one in State}
    assert [row[:3] for row in table] == [
        [show.STATE_WORDS[one], f"`{one.value}`", show.STATE_MEANINGS[one]]
        for one in (State(row[1].strip("`")) for row in table)
    ]


def test_grades_files_and_exit_codes_stand_in_the_readme() -> None:
    assert all(f"`{one.value}`" in README for one in Grade)
    codes = [cli.DONE, cli.INCOMPLETE, cli.WRONG_USAGE, cli.FAILED]
    text = section("## Commands").partition("Exit codes:")[2]
    assert [row[0] for row in rows(text)] == [str(code) for code in codes]


def test_the_description_of_the_readme_loads(tmp_path: Path) -> None:
    (toml,) = blocks("toml")
    (tmp_path / "orbit.toml").write_text(toml, encoding="utf-8")
    assert formats.load(formats.shipped(), tmp_path)["orbit"].title == "Orbit frame stream"


def test_the_python_of_the_readme_runs(
    simulated: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(simulated("dhfs-intact") / "disk.img", tmp_path)
    monkeypatch.chdir(tmp_path)
    (python,) = blocks("python")
    exec(compile(python, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("1 recorded ")
    assert [path.name for path in (tmp_path / "clips").glob("*.mp4")] == [printed[-1].split()[0]]


@pytest.mark.slow
def test_the_session_of_the_readme_is_what_the_program_prints(
    simulated: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "disk.img").symlink_to(simulated("van") / "disk.img")
    session = [block for block in blocks("") if block.startswith("$ ")]
    assert len(session) == 4
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    for block in session:
        line, _, expected = block.partition("\n")
        command = [sys.executable, "-m", "vidrecover", *shlex.split(line)[2:]]
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
            env=environment,
            check=False,
        )
        told = doctest.OutputChecker().check_output(expected, done.stdout, doctest.ELLIPSIS)
        assert told, f"{line}\n{done.stdout}\n{done.stderr}"


def test_the_page_names_every_module_on_its_floor() -> None:
    floors = runpy.run_path(str(ROOT / "tests" / "test_floors.py"))["FLOORS"]
    table = PAGE.partition("## The floors")[2].partition("\n## ")[0]
    named = [set(re.findall(r"`(\w+)`", row[0])) for row in rows(table)]
    assert named == [set(floor) for floor in reversed(floors)]


def test_every_interface_on_the_page_exists() -> None:
    table = PAGE.partition("## The interfaces")[2].partition("\n## ")[0]
    names = re.findall(r"`(\w+)\.(\w+)", "\n".join(row[0] for row in rows(table)))
    assert len(names) > 10
    for module, name in names:
        assert hasattr(importlib.import_module(f"vidrecover.{module}"), name), (module, name)


def test_links_and_named_files_exist() -> None:
    for text, folder in ((README, ROOT), (PAGE, ROOT / "docs")):
        for target in re.findall(r"\]\(([^)#]+)\)", re.sub(r"`[^`]*`", "", text)):
            assert "://" in target or (folder / target).exists(), target
        for name in re.findall(r"\b(?:tests|docs|fixtures|src)/[\w/]+\.\w+", text):
            assert (ROOT / name).exists(), name


@pytest.mark.slow
def test_the_wheel_holds_formats_and_scenarios_and_works_unpacked(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; it is not installed")
    copy = tmp_path / "copy"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "tests", "vidrecover-*")
    shutil.copytree(ROOT, copy, ignore=left_out)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=copy, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "unpacked")
    for name, folder in (("formats", "formats"), ("scenarios", "fixtures/scenarios")):
        shipped = tmp_path / "unpacked" / "vidrecover" / "shipped" / name
        assert sorted(str(path.relative_to(shipped)) for path in shipped.rglob("*.toml")) == sorted(
            str(path.relative_to(ROOT / folder)) for path in (ROOT / folder).rglob("*.toml")
        )

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "vidrecover", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path / "unpacked")},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        return done.stdout

    names = [one["name"] for one in json.loads(run("formats", "--json"))]
    assert names == [one.name for one in formats.load(formats.shipped()).formats]
    run("simulate", "hx-plain", "--output", "disk.img")
    run("scan", "disk.img")
    assert json.loads(run("recover", "--json"))
