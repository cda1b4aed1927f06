"""Worker processes that leave Ctrl-C to the process that started them."""

import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

if sys.platform != "win32":
    from multiprocessing import resource_tracker


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
