"""The process that decodes key pictures: see `servant`.

A decoder may crash or hang on damaged bytes; here that costs one job. The answer is data, never an
object that could run anything.
"""

import pickle

import av
import cv2
import msgspec

from vidrecover.picture._check import Job
from vidrecover.picture._decode import decode_keys
from vidrecover.picture._judge import judge
from vidrecover.servant import serve


def answer(message: bytes) -> bytes:
    """The judgement of a pickled job, as MessagePack."""
    job: Job = pickle.loads(message)
    pictures = decode_keys(job.units, job.codec, job.parameter_sets)
    judgement = judge(pictures, span_ms=job.span_ms, usual_sharpness=job.usual_sharpness)
    return msgspec.msgpack.encode(judgement)


if __name__ == "__main__":
    av.logging.set_level(av.logging.PANIC)
    cv2.setNumThreads(1)  # parallelism is the caller's
    serve(answer)
