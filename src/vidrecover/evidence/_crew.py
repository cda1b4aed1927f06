"""Access copies made beside the other work: by an executor, or here when they are asked for."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Self

from vidrecover.clips import LeftOut
from vidrecover.evidence import _copies
from vidrecover.workers import processes

Copies = list[_copies.Copy | LeftOut]

_WORTH = 64 << 20
"""Bytes; for less of them workers take longer to start than they save."""
_IN_FLIGHT = 4


class Crew:
    """Runs tasks; a context manager that leaves none behind.

    most: tasks that may wait; executor: None where everything is done in this process.
    """

    def __init__(self, executor: Executor | None) -> None:
        self.executor = executor
        self._flying: list[Future[Copies]] = []
        self.most = 0 if executor is None else _IN_FLIGHT

    def run(self, task: _copies.Task) -> Callable[[], Copies]:
        """Begins a task; what is returned waits for its result."""
        if self.executor is None:
            return partial(_copies.make, task)
        self._flying = [one for one in self._flying if not one.done()]
        future = self.executor.submit(_copies.make, task)
        self._flying.append(future)
        return future.result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in self._flying:
            one.cancel()
        wait(self._flying)


@contextmanager
def crew_of(jobs: int, size: int) -> Iterator[Crew]:
    """A crew of so many processes, or of this one where so many bytes are not worth them."""
    if jobs == 1 or size < _WORTH:
        yield Crew(None)
        return
    with processes(jobs) as executor, Crew(executor) as crew:
        yield crew
