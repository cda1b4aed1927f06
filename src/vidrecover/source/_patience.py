"""Devices that are slow to answer: a time limit for each read, and a first pass that hurries.

A dying disk may take minutes over one sector, and every retry makes it worse. So a read that takes
too long is given up, and a first pass leaves alone what lies around a bad place: it comes last,
when all that is easily read has been saved.
"""

import errno
import threading
from collections.abc import Iterable
from typing import NamedTuple

from vidrecover.errors import SourceError
from vidrecover.extents import merged
from vidrecover.model import Extent, SourceIdentity
from vidrecover.source._drive import Drive, aligned
from vidrecover.source._reading import UNREADABLE_ERRORS, ReadAt, clipped

MOST_GIVEN_UP = 16
"""Reads that never came back; with more, the device no longer answers at all."""

_FIRST_SKIP, _LARGEST_SKIP = 1 << 20, 64 << 20


class _Request(NamedTuple):
    """A read under way: its own memory, so that an answer that comes too late harms nothing."""

    size: int
    done: threading.Event
    answer: list[int | OSError]


class TimedDrive:
    """Another drive, whose reads are given up after a time; owns it.

    A read that is given up goes on in a thread of its own until the system answers.
    """

    def __init__(self, drive: Drive, limit_s: float) -> None:
        self._drive = drive
        self._limit_s = limit_s
        self._given_up = 0

    @property
    def identity(self) -> SourceIdentity:
        """That of the drive."""
        return self._drive.identity

    def read_at(self, offset: int, view: memoryview) -> int:
        """See `Drive.read_at`; raises OSError ETIMEDOUT for a read that takes too long, and
        SourceError when too many have not come back."""
        own = aligned(len(view))
        request = _Request(len(view), threading.Event(), [])

        def ask() -> None:
            try:
                request.answer.append(self._drive.read_at(offset, own.data))
            except OSError as error:
                request.answer.append(error)
            finally:
                request.done.set()

        threading.Thread(target=ask, daemon=True, name="vidrecover-read").start()
        if not request.done.wait(self._limit_s):
            self._give_up()
            raise OSError(errno.ETIMEDOUT, f"no answer within {self._limit_s:g} s")
        (answer,) = request.answer
        if isinstance(answer, OSError):
            raise answer
        view[:answer] = own.data[:answer]
        self._given_up = 0
        return answer

    def _give_up(self) -> None:
        self._given_up += 1
        if self._given_up > MOST_GIVEN_UP:
            path = self.identity.path
            raise SourceError(
                f"{path!r}: the device no longer answers; switch it off and on, and run the same"
                " command again: it goes on where it was",
                path,
            )

    def is_present(self) -> bool:
        """See `Drive.is_present`."""
        return self._drive.is_present()

    def close(self) -> None:
        """Release the drive."""
        self._drive.close()


class Hurry:
    """A first pass over a device: a request that fails is not divided but left for later, with
    what lies behind it; each further failure leaves more, up to 64 MiB, until a read succeeds."""

    def __init__(self, skipped: Iterable[Extent] = ()) -> None:
        """skipped: what an earlier pass left."""
        self.skipped = merged(skipped)
        self._skip = _FIRST_SKIP

    def read(self, read_at: ReadAt, offset: int, view: memoryview) -> list[Extent]:
        """Fill the view from `offset` but for what is left for later, which is zeroed.

        Returns the extents that were left, in order. Raises OSError for errors of the device.
        """
        wanted = Extent(offset, offset + len(view))
        position = wanted.start
        while position < wanted.end:
            left = clipped(self.skipped, Extent(position, wanted.end))
            end = left[0].start if left else wanted.end
            part = view[position - offset : end - offset]
            if not len(part):
                view[position - offset : left[0].end - offset] = bytes(left[0].size)
                position = left[0].end
            elif _filled(read_at, position, part):
                self._skip = _FIRST_SKIP
                position = end
            else:
                self.skipped = merged([*self.skipped, Extent(position, end + self._skip)])
                self._skip = min(2 * self._skip, _LARGEST_SKIP)
        return clipped(self.skipped, wanted)


def _filled(read_at: ReadAt, offset: int, view: memoryview) -> bool:
    try:
        return read_at(offset, view) == len(view)
    except OSError as error:
        if error.errno not in UNREADABLE_ERRORS:
            raise
        return False
