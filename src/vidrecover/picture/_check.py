"""Judges key pictures in worker processes, so that a decoder's crash costs one job."""

import contextlib
import os
import pickle
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec

from vidrecover.model import Codec
from vidrecover.picture._measure import MISSING, available
from vidrecover.picture._values import Judgement, not_checked

TIME_LIMIT_S = 20.0
START_LIMIT_S = 120.0
"""A worker imports two large libraries first, maybe from a slow disk; not part of a job."""

READY = b"ready"
"""What a worker says when it waits for its first job."""

_LENGTH = struct.Struct("<I")
_COMMAND = (sys.executable, "-m", "vidrecover.picture._worker")
_HOME = Path(__file__).parents[2]
"""Where the worker finds this package, and nothing of the folder the user stands in."""

BATCH = 16
"""Jobs handed to an executor at once, to share the start of one worker."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Key pictures of one camera to be judged together; small: a handful of access units.

    name: the caller's own, given back. units, parameter_sets: see `decode_keys`; in time order.
    span_ms, usual_sharpness: see `judge`.
    """

    name: str
    units: tuple[bytes, ...]
    codec: Codec
    parameter_sets: bytes = b""
    span_ms: int | None = None
    usual_sharpness: float | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one job."""

    name: str
    judgement: Judgement


def check(
    jobs: Iterable[Job],
    executor: Executor | None = None,
    *,
    time_limit_s: float = TIME_LIMIT_S,
    workers: int | None = None,
) -> Iterator[Checked]:
    """The judgement of every job, in order; jobs are drawn as they are needed.

    Without an executor, in one worker process. With one, in batches, at most two in flight for
    each of its `workers` (as many as processors when not given). A job that crashes its decoder
    or takes longer than the limit, in seconds, is NOT_CHECKED with that reason, and no other job
    is lost.
    """
    if executor is None:
        with Worker(time_limit_s) as worker:
            for job in jobs:
                yield worker.check(job)
        return
    flying: deque[tuple[list[Job], Future[list[Checked]] | None]] = deque()
    source = iter(jobs)
    limit = 2 * (workers or os.cpu_count() or 1)
    while True:
        while len(flying) < limit and (batch := list(islice(source, BATCH))):
            flying.append((batch, _submitted(executor, batch, time_limit_s)))
        if not flying:
            return
        yield from _landed(*flying.popleft(), time_limit_s)


def _submitted(
    executor: Executor, batch: list[Job], time_limit_s: float
) -> Future[list[Checked]] | None:
    try:
        return executor.submit(check_batch, batch, time_limit_s)
    except BrokenExecutor:
        return None


def _landed(
    batch: list[Job], future: Future[list[Checked]] | None, time_limit_s: float
) -> list[Checked]:
    """The results of a batch; if the executor broke under it, it is done here."""
    if future is not None:
        with contextlib.suppress(BrokenExecutor):
            return future.result()
    return check_batch(batch, time_limit_s)


def check_batch(jobs: list[Job], time_limit_s: float) -> list[Checked]:
    """A unit of work for an executor: all jobs, one after the other, in one child process."""
    return list(check(jobs, time_limit_s=time_limit_s))


def sent(pipe: IO[bytes], message: bytes) -> None:
    """Write a message behind its length."""
    pipe.write(_LENGTH.pack(len(message)) + message)
    pipe.flush()


def received(pipe: IO[bytes]) -> bytes | None:
    """The next message, None when the other side has ended."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    message = pipe.read(size)
    return message if len(message) == size else None


class Worker:
    """A process that judges one job at a time, started when needed and again after a crash.

    It imports nothing of the caller's program, so it starts from any script.
    """

    def __init__(self, time_limit_s: float = TIME_LIMIT_S) -> None:
        self.time_limit_s = time_limit_s
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def check(self, job: Job) -> Checked:
        """The judgement of one job; raises nothing because of its bytes."""
        return Checked(name=job.name, judgement=self._judged(job))

    def _judged(self, job: Job) -> Judgement:
        if not available():
            return not_checked(MISSING, len(job.units))
        if not self._listening():
            return not_checked("the process that decodes pictures does not start", len(job.units))
        answer = self._exchanged(pickle.dumps(job), self.time_limit_s)
        if isinstance(answer, str):
            return not_checked(answer, len(job.units))
        return msgspec.msgpack.decode(answer, type=Judgement)

    def _listening(self) -> bool:
        """Whether a process waits for a job; one is started if there is none."""
        if self._process is not None and self._process.poll() is None:
            return True
        self.close()
        try:
            self._process = subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_HOME,
            )
        except OSError:
            return False
        if self._exchanged(None, START_LIMIT_S) == READY:
            return True
        self.close()
        return False

    def _exchanged(self, message: bytes | None, limit_s: float) -> bytes | str:
        """The process's next message after it was told one, or why there is none.

        When the time is over the process is ended, which ends the waiting for it too.
        """
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit_s, end)
        timer.start()
        answer = None
        try:
            with contextlib.suppress(OSError):
                if message is not None:
                    sent(process.stdin, message)
                answer = received(process.stdout)
        finally:
            timer.cancel()
            timer.join()
            if answer is None or late.is_set():
                self.close()
        if answer is not None:
            return answer
        return (
            f"the decoder took longer than {limit_s:g} s"
            if late.is_set()
            else "the decoder crashed"
        )

    def close(self) -> None:
        """End the process; a new one is started if another job comes."""
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not written yet
                    pipe.close()
        self._process.wait()
        self._process = None
