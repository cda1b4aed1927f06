"""The process that decodes key pictures: jobs come in on stdin, judgements go out on stdout.

A decoder may crash or hang on damaged bytes; here that costs one job. Both directions carry
messages behind their length; the answer is data, never an object that could run anything.
"""

import contextlib
import os
import pickle
import sys
from typing import IO

import av
import cv2
import msgspec

from vidrecover.picture._check import READY, Job, received, sent
from vidrecover.picture._decode import decode_keys
from vidrecover.picture._judge import judge


def serve(jobs: IO[bytes], answers: IO[bytes]) -> None:
    """A job in, a judgement out, until the other side closes."""
    sent(answers, READY)
    while (data := received(jobs)) is not None:
        job: Job = pickle.loads(data)
        pictures = decode_keys(job.units, job.codec, job.parameter_sets)
        judgement = judge(pictures, span_ms=job.span_ms, usual_sharpness=job.usual_sharpness)
        sent(answers, msgspec.msgpack.encode(judgement))


def _main() -> None:
    """One thread, and no words on the way of the answers: parallelism is the caller's."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    av.logging.set_level(av.logging.PANIC)
    cv2.setNumThreads(1)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError), answers:
        serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
