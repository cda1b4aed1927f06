"""What a verification found: differences by area, and in words what was proved and what not."""

from enum import StrEnum

import msgspec


class Area(StrEnum):
    """What a difference concerns."""

    STRUCTURE = "structure"
    LOG = "action log"
    TABLES = "tables"
    MASTERS = "masters"
    COPIES = "access copies"
    PLAYING = "playing"
    SOURCE = "source"
    SIGNATURE = "signature"
    CONTENT = "content"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it must be. where: file of the package, or place on the source."""

    area: Area
    where: str
    what: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The result of `verify`; unproved: what it does not show, and why."""

    package: str
    differences: tuple[Difference, ...]
    proved: tuple[str, ...]
    unproved: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


class Findings:
    """Collects differences and statements while a package is looked through."""

    def __init__(self) -> None:
        self.differences: list[Difference] = []
        self.proved: list[str] = []
        self.unproved: list[str] = []

    def differs(self, area: Area, where: str, what: str) -> None:
        """Notes a difference, once."""
        one = Difference(area=area, where=where, what=what)
        if one not in self.differences:
            self.differences.append(one)

    def unequal(self, area: Area, where: str, what: str, is_: object, expected: object) -> None:
        """Notes a difference where two values are not equal."""
        if is_ != expected:
            self.differs(area, where, f"{what} is {is_}, expected {expected}")

    def clean(self, *areas: Area) -> bool:
        """Whether nothing differs in these areas."""
        return not any(one.area in areas for one in self.differences)

    def prove(self, statement: str, *areas: Area) -> None:
        """States something, unless a difference in these areas speaks against it."""
        if self.clean(*areas):
            self.proved.append(statement)

    def result(self, package: str) -> Verification:
        """All of it."""
        return Verification(
            package=package,
            differences=tuple(self.differences),
            proved=tuple(self.proved),
            unproved=tuple(self.unproved),
        )
