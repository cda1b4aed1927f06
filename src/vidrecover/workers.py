"""Worker processes that leave Ctrl-C to the process that started them, here or on a cluster."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from vidrecover.errors import VidrecoverError

if sys.platform != "win32":
    from multiprocessing import resource_tracker

_CONNECT_S = 10


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """So many fresh processes; when the work is given up, they end with what they are at."""
    executor = ProcessPoolExecutor(count, get_context("spawn"), _ignore_stopping)
    try:
        with _unstopped():
            for _ in range(count):
                executor.submit(int)  # starts one more, as none is idle yet
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


class Crew(NamedTuple):
    """An executor, and how many work in it."""

    executor: Executor
    workers: int


@contextmanager
def cluster(address: str) -> Iterator[Crew]:
    """The workers of a Dask scheduler; raises VidrecoverError when there are none.

    A task of a worker that is lost is done again by another.
    """
    try:
        from distributed import Client

        connect: Any = Client  # its methods have no types
    except ImportError as error:
        raise VidrecoverError(
            "a cluster needs more libraries: pip install 'vidrecover[cluster]'"
        ) from error
    try:
        client: Any = connect(address, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise VidrecoverError(
            f"{address}: no Dask scheduler answers there ({error}); check address and network"
        ) from error
    with client:
        workers = sum(client.nthreads().values())
        if not workers:
            raise VidrecoverError(f"{address}: the scheduler has no worker; start some")
        yield Crew(client.get_executor(retries=2), workers)


def losses() -> tuple[type[BaseException], ...]:
    """What is raised where workers are lost, here or on a cluster."""
    found: list[type[BaseException]] = [BrokenExecutor]
    if "distributed" in sys.modules:
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        found += [KilledWorker, FutureCancelledError]
    return tuple(found)


_DONE = "done"
_MEMORY = 1 << 29  # bytes that the work may take beyond what its process begins with


def told(
    work: Callable[..., None], arguments: tuple[Any, ...], *, seconds: float
) -> Iterator[object]:
    """What `work(send, *arguments)` sends from a process of its own, as it comes.

    Raises ChildProcessError, with the reason, when the work did not end well: it crashed, wanted
    too much memory, or was not done in time. The process never outlives the iterator.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(theirs, work, arguments), daemon=True)
    until = time.monotonic() + seconds
    with _unstopped():
        process.start()
    theirs.close()
    try:
        while (message := _received(ours, until, seconds)) != _DONE:
            yield message
    finally:
        ours.close()
        process.kill()
        process.join()


def _received(ours: Connection, until: float, seconds: float) -> object:
    if not ours.poll(max(until - time.monotonic(), 0)):
        raise ChildProcessError(f"it was not done in {seconds:.3g} seconds")
    try:
        return ours.recv()
    except (EOFError, ConnectionError) as error:
        raise ChildProcessError("the process that reads it broke down") from error


def _tell(theirs: Connection, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    _ignore_stopping()
    _limit_memory()
    work(theirs.send, *arguments)
    theirs.send(_DONE)


def _limit_memory() -> None:
    """Refuse more memory than _MEMORY, where the system can."""
    if sys.platform == "linux":
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        size = pages * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (size + _MEMORY, hard))


def _ignore_stopping() -> None:
    """Ctrl-C reaches all processes of a terminal; the first one alone answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _unstopped() -> Iterator[None]:
    """Ctrl-C waits, and never reaches what is started meanwhile; on Windows it does."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    resource_tracker.ensure_running()  # or it would let Ctrl-C through when it starts
    stopped: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # what is started inherits it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if stopped:
        raise KeyboardInterrupt
