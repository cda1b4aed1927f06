"""Whether a picture goes on where the one before stops."""

import pytest
from tests.repair.test_joining import GROUP, filmed

from vidrecover.model import Codec
from vidrecover.repair.numbering import Step, counts_all, steps

BREAKS, UNKNOWN, GOES_ON = Step.BREAKS, Step.UNKNOWN, Step.GOES_ON


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_pictures_of_one_stream_go_on_up_to_the_next_key_picture(codec: Codec) -> None:
    told = steps(codec, [one[:4096] for one in filmed(1, codec)])
    group = [GOES_ON] * (GROUP - 1)
    anew = UNKNOWN if codec == Codec.H264 else GOES_ON  # x265 writes no IDR picture but the first
    assert told.tolist() == [*group, anew, *group, anew, *group]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_picture_that_is_missing_breaks_the_stream(codec: Codec) -> None:
    units = [*filmed(1, codec)[:4], *filmed(1, codec)[5:9]]
    told = steps(codec, [one[:4096] for one in units])
    assert told.tolist() == [GOES_ON, GOES_ON, GOES_ON, BREAKS, GOES_ON, GOES_ON, GOES_ON]


def test_without_parameter_sets_nothing_is_told() -> None:
    assert steps(Codec.H264, filmed(1)[1:4]).tolist() == [UNKNOWN, UNKNOWN]
    assert steps(Codec.H265, []).tolist() == []
    assert steps(Codec.H264, [b"", b"\0\0\1", b"\0\0\1\x41"]).tolist() == [UNKNOWN, UNKNOWN]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_the_last_picture_of_a_group_counts_those_before_it(codec: Codec) -> None:
    first, last = filmed(1, codec)[0][:4096], filmed(1, codec)[GROUP - 1][:4096]
    assert counts_all(codec, [(first, last, GROUP - 1)])
    assert not counts_all(codec, [(first, last, GROUP)])
    assert not counts_all(codec, [(first, last, GROUP - 1), (first, last, GROUP - 2)])
    assert counts_all(codec, [(last, last, GROUP - 1)]) is None, "no parameter sets"
    assert counts_all(codec, []) is None, "nothing to tell by"
