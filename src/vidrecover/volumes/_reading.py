"""Reading small structures: what lies behind the end of the source is simply not there."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vidrecover.model import Extent, Source

Read: TypeAlias = Callable[[int, int], bytes]
"""(offset, size) to at most so many bytes."""


def read(source: Source, extent: Extent) -> tuple[npt.NDArray[np.uint8], list[Extent]]:
    """The bytes of an extent, cut at the end of the source, and what the device refused."""
    end = min(extent.end, source.size)
    buffer = np.zeros(max(0, end - extent.start), dtype=np.uint8)
    return buffer, source.read_into(extent.start, buffer) if len(buffer) else []
