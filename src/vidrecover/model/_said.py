"""What is meant, before it is said in a language."""

from typing import TypeAlias

import msgspec

SaidValue: TypeAlias = "int | str | Said | tuple[Said, ...]"


class Said(msgspec.Struct, frozen=True):
    """A sentence: its key in `wording`, and its values by name."""

    key: str
    values: tuple[tuple[str, SaidValue], ...] = ()
