"""The map of docs/architecture.md holds: who imports whom, and who may use which library."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "vidrecover"

FLOORS = (
    {"closing", "errors", "model", "clock", "extents", "servant", "workers"},
    {"source", "formats", "signatures", "runbooks", "wording", "nal"},
    {"framings", "volumes", "segments"},
    {"containers", "precedence", "scan", "seams"},
    {"actions", "catalogue", "timeline", "picture", "repair", "stills", "survey"},
    {"coverage", "diagnosis", "clips", "inspection", "outcome", "whereabouts"},
    {"show"},
    {"evidence", "report"},
    {"case"},
    {"demo", "terminal"},
    {"cli"},
    {"__main__"},
)
INSIDE_FLOOR_ZERO = {
    ("clock", "model"),
    ("extents", "model"),
    ("workers", "errors"),
    ("servant", "closing"),
}
APART = "simulate"

LIBRARIES = {
    "click": {"cli", "terminal"},
    "tqdm": {"terminal"},
    "av": {"picture", "repair", "clips", "simulate"},
    "cv2": {"picture", "repair"},
    "hyperscan": {"signatures"},
    "pytsk3": {"volumes"},
    "pyewf": {"source"},
    "distributed": {"workers"},
    "obstore": {"source"},
    "sqlite_utils": {"catalogue"},
    "sqlite3": {"catalogue"},
}


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _unit(path: Path) -> str:
    """The module of the map that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    """Full names of all modules that a file imports, lazy imports included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _own(name: str) -> str | None:
    parts = name.split(".")
    if parts[0] != "vidrecover" or len(parts) < 2:
        return None
    known = {_unit(path) for path in _modules()}
    return parts[1] if parts[1] in known else None


def _floor(unit: str) -> int:
    return next(number for number, units in enumerate(FLOORS) if unit in units)


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_floors_below(path: Path) -> None:
    unit = _unit(path)
    for name in _imports(path):
        other = _own(name)
        if other is None or other == unit or unit in {"__init__", "py"}:
            continue
        if unit == APART:
            assert other == "errors", f"the simulator imports {name}"
        elif other == APART:
            assert unit in {"cli", "demo"}, f"{unit} imports the simulator"
        elif (unit, other) not in INSIDE_FLOOR_ZERO:
            assert _floor(other) < _floor(unit), f"{unit} imports {name}"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_is_used_only_where_it_belongs(path: Path) -> None:
    for name in _imports(path):
        allowed = LIBRARIES.get(name.split(".")[0])
        assert allowed is None or _unit(path) in allowed, f"{path.name} imports {name}"


def test_every_module_stands_on_a_floor() -> None:
    units = {_unit(path) for path in _modules()} - {"__init__", APART}
    assert units == set().union(*FLOORS)


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_opens_with_its_subject_and_stays_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") <= 400


def test_no_broad_except_but_in_the_door() -> None:
    broad = [
        str(path.relative_to(PACKAGE))
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    ]
    assert broad == ["cli/__init__.py"]
