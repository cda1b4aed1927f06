"""The process that decodes key pictures: see `servant`.

A decoder may crash or hang on damaged bytes; here that costs one job. The answer is data, never an
object that could run anything.
"""

import pickle

import av
import cv2
import msgspec

from vidrecover.picture._check import Checked, Job
from vidrecover.picture._decode import decode_keys, scrambled
from vidrecover.picture._judge import judge
from vidrecover.picture._still import jpeg
from vidrecover.servant import serve


def answer(message: bytes) -> bytes:
    """What became of a pickled job, as MessagePack."""
    job: Job = pickle.loads(message)
    pictures = decode_keys(job.units, job.codec, job.parameter_sets)
    judgement = judge(pictures, span_ms=job.span_ms, usual_sharpness=job.usual_sharpness)
    told = scrambled(job.units, job.codec, job.parameter_sets, job.enciphered)
    wanted = pictures[job.still] if job.still is not None else None
    checked = Checked(
        name=job.name,
        judgement=msgspec.structs.replace(judgement, scrambled=told),
        still=b"" if wanted is None else jpeg(wanted),
    )
    return msgspec.msgpack.encode(checked)


if __name__ == "__main__":
    av.logging.set_level(av.logging.PANIC)
    cv2.setNumThreads(1)  # parallelism is the caller's
    serve(answer)
