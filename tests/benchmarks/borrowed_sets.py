"""Whether orphaned pictures get their own parameter sets back, and never foreign ones that change
the picture. Run as `python tests/benchmarks/borrowed_sets.py CORPUS`, where CORPUS is a folder with
`h264`, `h265`, `vehicle` and `ipcam`.

Every clip loses its sets and is offered those of all clips: once with its own among them, once
without. A foreign loan counts as wrong when any decoded sample differs from the true picture.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

import av

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from vidrecover import nal
from vidrecover.model import Codec
from vidrecover.repair import parametersets
from vidrecover.repair._trial import answer
from vidrecover.repair._values import TrialJob
from vidrecover.repair.parametersets import ParameterSets, borrow, sets_of, trials

_CODECS = {"h264": Codec.H264, "hevc": Codec.H265}
_FOLDERS = ("h264", "h265", "vehicle", "ipcam", "containers")


class Orphan(NamedTuple):
    """A clip's first pictures without sets, and the sets that are theirs."""

    name: str
    codec: Codec
    units: tuple[bytes, ...]
    own: bytes


def main() -> None:
    """Offer every clip all sets, and print what was lent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    chosen = parser.parse_args()
    orphans = [
        one
        for folder in _FOLDERS
        for path in sorted((chosen.corpus / folder).iterdir())
        if (one := orphan(path)) is not None
    ]
    library = [
        ParameterSets(codec=one.codec, units=one.own, channel=place, place=place)
        for place, one in enumerate(orphans)
    ]
    own = foreign = wrong = refused = 0
    start = time.process_time()
    with trials() as servant:
        for place, one in enumerate(orphans):
            pool = parametersets.Library(library).candidates(one.codec, place, place)
            loan = borrow(one.codec, one.units, place, pool, servant)
            own += loan is not None and loan.units == one.own
            if loan is None or loan.units != one.own:
                print(f"own sets not lent: {one.name}")
            others = [each for each in pool if each.units != one.own]
            loan = borrow(one.codec, one.units, place, others, servant)
            if loan is None:
                refused += 1
                continue
            foreign += 1
            if not same(one, loan.units):
                wrong += 1
                print(f"foreign sets change the picture: {one.name} by "
                      f"{orphans[loan.lender.place].name}")  # fmt: skip
    spent = time.process_time() - start
    print(
        f"{len(orphans)} clips: own sets lent to {own}; without them, {refused} got none,"
        f" {foreign} got foreign ones, of which {wrong} change a sample; {spent:.1f} s here"
    )


def same(one: Orphan, units: bytes) -> bool:
    """Whether the sets give exactly the pictures that its own give."""
    import pickle

    import msgspec

    from vidrecover.repair._values import Trial

    job = TrialJob(codec=one.codec, units=one.units, candidates=(one.own, units))
    first, second = msgspec.msgpack.decode(answer(pickle.dumps(job)), type=list[Trial])
    return first.digest == second.digest


def orphan(path: Path) -> Orphan | None:
    """The first pictures of a clip without their sets, None for other files."""
    units: list[bytes] = []
    own: bytes | None = None
    try:
        with av.open(str(path)) as container:
            stream = next(iter(container.streams.video), None)
            codec = None if stream is None else _CODECS.get(stream.codec_context.name)
            if stream is None or codec is None:
                return None
            extra = stream.codec_context.extradata or b""
            names = {Codec.H264: "h264_mp4toannexb", Codec.H265: "hevc_mp4toannexb"}
            chain = None
            if extra[:1] == b"\1":
                chain = av.bitstream.BitStreamFilterContext(names[codec], stream)
            for packet in container.demux(stream):
                if not packet.size or len(units) >= parametersets.PICTURES:
                    continue
                data = b"".join(map(bytes, chain.filter(packet))) if chain else bytes(packet)
                own = own or sets_of(codec, data)
                if own is None and extra and extra[:1] != b"\1":
                    own = sets_of(codec, extra + data)
                if units or nal.starts_picture(codec, stripped(codec, data)[4:]):
                    units.append(stripped(codec, data))
    except av.FFmpegError:
        return None
    return Orphan(path.name, codec, tuple(units), own) if own and units else None


def stripped(codec: Codec, data: bytes) -> bytes:
    """An access unit without parameter sets and what else stands before its first slice."""
    kept = [
        data[one.start : one.end]
        for one in nal.units(data)
        if nal.unit_kind(codec, data[one.start]) == "slice"
    ]
    return b"".join(b"\0\0\0\1" + one for one in kept)


if __name__ == "__main__":
    main()
