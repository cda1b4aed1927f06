"""Frames out of bytes: one reader per format, all with the same signature `model.Reader`.

What can be told by a description is read by `declared`; what must be walked has a module of
its own here and a line in `READERS`.
"""

from vidrecover.errors import FormatError
from vidrecover.formats import Format
from vidrecover.framings import (
    annexb,
    avi,
    freegps,
    gpsbox,
    jpeg,
    jt808,
    jt1078,
    mp4,
    mpegps,
    mpegts,
    nmea,
    tme,
)
from vidrecover.framings.declared import DeclaredReader
from vidrecover.model import Reader

READERS: dict[str, Reader] = {
    "annexb": annexb.frames,
    "avi": avi.frames,
    "freegps": freegps.frames,
    "gpsbox": gpsbox.frames,
    "jpeg": jpeg.frames,
    "jt1078": jt1078.frames,
    "jt808": jt808.frames,
    "mp4": mp4.frames,
    "mpegps": mpegps.frames,
    "mpegts": mpegts.frames,
    "nmea": nmea.frames,
    "tme": tme.frames,
}
"""Readers that a description can name under `framing.reader`."""

SCATTERED = frozenset({"mpegps", "mpegts"})
"""Readers whose frames lie in several places with others between: where one goes beyond a
window, the window is looked at again from its start."""


def reader_of(one: Format) -> Reader:
    """The reader of a format; raises FormatError when it names none that exists."""
    name = one.framing.reader
    if name is None:
        return DeclaredReader(one)
    if name not in READERS:
        known = ", ".join(READERS)
        raise FormatError(
            f"format {one.name}: reader `{name}` is none of {known}", key="framing.reader"
        )
    return READERS[name]
