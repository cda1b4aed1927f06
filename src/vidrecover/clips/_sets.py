"""The parameter sets that a stream's pictures bring with them."""

from vidrecover import nal
from vidrecover.model import Codec


class Sets:
    """Sequence and picture parameter sets by number, the last of each number in force."""

    def __init__(self, codec: Codec) -> None:
        """codec: H264 or H265."""
        self.codec = codec
        self.sequences: dict[int, nal.SequenceParameters] = {}
        self.pictures: dict[int, nal.PictureParameters] = {}

    def learn(self, head: list[nal.Nal]) -> None:
        """Keep those among the first NAL units of a picture."""
        for unit in head:
            if unit.kind == "sps":
                sequence = nal.sequence_parameters(self.codec, unit.data)
                if sequence is not None:
                    self.sequences[sequence.id] = sequence
            elif unit.kind == "pps":
                picture = nal.picture_parameters(self.codec, unit.data)
                if picture is not None:
                    self.pictures[picture.id] = picture

    def slice_of(self, head: list[nal.Nal]) -> tuple[nal.SequenceParameters, nal.Slice] | None:
        """The slice head at the end of a picture's first NAL units, and the set that it belongs
        to; None where there is none that these sets can read."""
        if not head or head[-1].kind != "slice":
            return None
        for picture in self.pictures.values():
            sequence = self.sequences.get(picture.sequence_id)
            if sequence is not None:
                found = nal.slice_header(self.codec, head[-1].data, sequence, picture)
                if found is not None:
                    return sequence, found
        return None
