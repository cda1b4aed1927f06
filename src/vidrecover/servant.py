"""A process that does one job at a time and may die of it: a decoder on hostile bytes, for one.

It is a module that is run by itself and calls `serve`; jobs go in on stdin and answers come out
on stdout, each behind its length. It imports nothing of the caller's program, so it starts from any
script.
"""

import atexit
import contextlib
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from vidrecover.closing import Closing

START_LIMIT_S = 120.0
"""It may import large libraries first, maybe from a slow disk; not part of a job."""

_READY = b"ready"
_LENGTH = struct.Struct("<I")
_HOME = Path(__file__).parents[1]
"""Where the process finds this package, and nothing of the folder the user stands in."""


class Servant(Closing):
    """The process of one module, started when needed and again after a crash; a context manager."""

    def __init__(self, module: str, time_limit_s: float) -> None:
        """module: its full name; time_limit_s: seconds for a job."""
        self.time_limit_s = time_limit_s
        self._command = (sys.executable, "-m", module)
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False

    def ask(self, job: bytes, limit_s: float | None = None) -> bytes | str:
        """The answer to a job, or in words why there is none; limit_s: for this one job."""
        if not self._listening():
            return "the process that decodes pictures does not start"
        return self._exchanged(job, self.time_limit_s if limit_s is None else limit_s)

    def start(self) -> None:
        """Let the process begin, so that it is there when a job comes; it may fail to."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_HOME,
            )

    def _listening(self) -> bool:
        """Whether a process waits for a job; one is started if there is none."""
        self.start()
        if self._process is None:
            return False
        if not self._is_ready:
            self._is_ready = self._exchanged(None, START_LIMIT_S) == _READY
            if not self._is_ready:
                self.close()
        return self._is_ready

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
                    _send(process.stdin, message)
                answer = _receive(process.stdout)
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
        self._is_ready = False
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not written yet
                    pipe.close()
        self._process.wait()
        self._process = None


class Servants:
    """Processes of one module for whoever asks, from any thread: as many as ask at once. They
    wait for further jobs until this program ends."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._idle: list[Servant] = []

    def start(self, count: int) -> None:
        """Let so many begin now, as jobs will come: they import large libraries first."""
        while len(self._idle) < count:
            self._idle.append(self._new())
        for servant in self._idle[::-1][:count]:
            servant.start()

    def _new(self) -> Servant:
        servant = Servant(self._module, START_LIMIT_S)
        atexit.register(servant.close)
        return servant

    def ask(self, job: bytes, limit_s: float) -> bytes | str:
        """The answer to a job that has so many seconds, or in words why there is none."""
        try:
            servant = self._idle.pop()
        except IndexError:
            servant = self._new()
        try:
            return servant.ask(job, limit_s)
        except BaseException:
            servant.close()  # its answer may still come, to nobody
            raise
        finally:
            self._idle.append(servant)


def serve(answer: Callable[[bytes], bytes]) -> None:
    """A job in, its answer out, until the other side closes; the main loop of such a module."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # no words on the way of the answers
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError), answers:
        _send(answers, _READY)
        while (job := _receive(sys.stdin.buffer)) is not None:
            _send(answers, answer(job))


def _send(pipe: IO[bytes], message: bytes) -> None:
    """Write a message behind its length."""
    pipe.write(_LENGTH.pack(len(message)) + message)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes | None:
    """The next message, None when the other side has ended."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    message = pipe.read(size)
    return message if len(message) == size else None
