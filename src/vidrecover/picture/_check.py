"""Judges key pictures in worker processes, so that a decoder's crash costs one job."""

import contextlib
import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Self

import msgspec

from vidrecover.model import Codec
from vidrecover.picture._decode import decode_keys
from vidrecover.picture._judge import judge
from vidrecover.picture._measure import MISSING, available
from vidrecover.picture._values import Judgement, not_checked

TIME_LIMIT_S = 20.0
START_LIMIT_S = 120.0
"""A worker imports two large libraries first, maybe from a slow disk; not part of a job."""

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
    each of its `workers` (as many as processors when not given); its processes must be allowed
    to have children. A job that crashes its decoder or takes longer than the limit, in
    seconds, is NOT_CHECKED with that reason, and no other job is lost.
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


class Worker:
    """A process that judges one job at a time, started when needed and again after a crash."""

    def __init__(self, time_limit_s: float = TIME_LIMIT_S) -> None:
        self.time_limit_s = time_limit_s
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

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
        if multiprocessing.current_process().daemon:
            return not_checked(
                "this process may not start the worker that pictures are decoded in",
                len(job.units),
            )
        pipe = self._listening()
        if pipe is None:
            return not_checked("the process that decodes pictures does not start", len(job.units))
        answer = self._answer(pipe, job)
        if isinstance(answer, Judgement):
            return answer
        self.close()
        return not_checked(answer, len(job.units))

    def _listening(self) -> Connection | None:
        """The pipe to a process that waits for a job, None if none can be started."""
        if self._pipe is not None and self._process is not None and self._process.is_alive():
            return self._pipe
        self.close()
        spawning = multiprocessing.get_context("spawn")
        pipe, theirs = spawning.Pipe()
        self._pipe, self._process = (
            pipe,
            spawning.Process(target=serve, args=(theirs,), daemon=True),
        )
        self._process.start()
        theirs.close()
        with contextlib.suppress(EOFError, OSError):
            if pipe.poll(START_LIMIT_S):
                pipe.recv_bytes()
                return pipe
        self.close()
        return None

    def _answer(self, pipe: Connection, job: Job) -> Judgement | str:
        """The judgement, or why there is none. The answer is data, never a pickled object."""
        try:
            pipe.send(job)
            if not pipe.poll(self.time_limit_s):
                return f"the decoder took longer than {self.time_limit_s:g} s"
            return msgspec.msgpack.decode(pipe.recv_bytes(), type=Judgement)
        except (EOFError, OSError):
            return "the decoder crashed"

    def close(self) -> None:
        """End the process; a new one is started if another job comes."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


def serve(pipe: Connection) -> None:
    """The worker's loop: a job in, a judgement out, until the other side closes."""
    _be_modest()
    pipe.send_bytes(b"ready")
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            job: Job = pipe.recv()
            pictures = decode_keys(job.units, job.codec, job.parameter_sets)
            judgement = judge(pictures, span_ms=job.span_ms, usual_sharpness=job.usual_sharpness)
            pipe.send_bytes(msgspec.msgpack.encode(judgement))


def _be_modest() -> None:
    """One thread, and no words on the terminal: parallelism is the caller's."""
    import av
    import cv2

    av.logging.set_level(av.logging.PANIC)
    cv2.setNumThreads(1)
