"""Judges key pictures in worker processes, so that a decoder's crash costs one job."""

import contextlib
import os
import pickle
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from itertools import islice

import msgspec

from vidrecover.closing import Closing
from vidrecover.model import Codec
from vidrecover.picture._measure import MISSING, available
from vidrecover.picture._values import Judgement, not_checked
from vidrecover.servant import Servant

TIME_LIMIT_S = 20.0
_MODULE = "vidrecover.picture._worker"

BATCH = 16
"""Jobs handed to an executor at once, to share the start of one worker."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Key pictures of one camera to be judged together; small: a handful of access units.

    name: the caller's own, given back. units, parameter_sets: see `decode_keys`; in time order.
    span_ms, usual_sharpness: see `judge`; still: the unit whose picture is wanted as a JPEG;
    enciphered: see `formats.Framing`.
    """

    name: str
    units: tuple[bytes, ...]
    codec: Codec
    parameter_sets: bytes = b""
    span_ms: int | None = None
    usual_sharpness: float | None = None
    still: int | None = None
    enciphered: int = 0


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one job. still: the JPEG asked for, empty when there is none."""

    name: str
    judgement: Judgement
    still: bytes = b""


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


def _failed(job: Job, why: str) -> Checked:
    return Checked(name=job.name, judgement=not_checked(why, len(job.units)))


class Worker(Closing):
    """A process that judges one job at a time, started when needed and again after a crash."""

    def __init__(self, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._servant = Servant(_MODULE, time_limit_s)

    def check(self, job: Job) -> Checked:
        """The judgement of one job; raises nothing because of its bytes."""
        if not available():
            return _failed(job, MISSING)
        answer = self._servant.ask(pickle.dumps(job))
        if isinstance(answer, str):
            return _failed(job, answer)
        return msgspec.msgpack.decode(answer, type=Checked)

    def close(self) -> None:
        """End the process; a new one is started if another job comes."""
        self._servant.close()
