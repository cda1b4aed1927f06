"""What can be said of each layout of a simulated disk, as tables of a scenario."""

from typing import Literal

import msgspec


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a scenario; unknown keys are refused."""


class Dhfs(Table, frozen=True, kw_only=True):
    """A Dahua DHFS 4.1 disk.

    fragments: size of the ring with the reserved ones, None for as many as are needed and `spare`
    free ones; too few make the ring wrap. period_s: length of one recording. index: `formatted`
    sets all descriptors free, `destroyed` overwrites everything before fragment 0. slack: what
    lies behind the last frame of a recording's last fragment. cut: forces where frames are cut
    at the borders of fragments, by a watermark frame of fitting size before it. dhii: bytes of a
    `DHII` head in the first fragment of each recording. power_cut: the last recording of every
    camera was never closed. overwrite: false stops recording when the last fragment is full.
    """

    blocks_per_fragment: int = 4096
    fragments: int | None = None
    reserved: int = 64
    spare: int = 4
    period_s: float = 60.0
    index: Literal["intact", "formatted", "destroyed"] = "intact"
    destroyed_with: Literal["random", "zeros"] = "random"
    slack: Literal["zeros", "older"] = "zeros"
    cut: Literal["anywhere", "header", "trailer"] = "anywhere"
    dhii: int = 0
    power_cut: bool = False
    overwrite: bool = True


class Wfs(Table, frozen=True, kw_only=True):
    """A Xiongmai WFS disk.

    fragments, spare, period_s, slack, power_cut: as for `Dhfs`. index: `formatted` sets all
    descriptors free, `zeroed` leaves nothing of them, `destroyed` overwrites everything up to
    their end. superblock: `zeroed` leaves only its copy. copy_of_index: the recorder keeps one in
    its reserved fragments. information: a vehicle information frame before each key picture.
    """

    version: Literal["0.4", "0.5"] = "0.4"
    blocks_per_fragment: int = 4096
    fragments: int | None = None
    reserved: int = 64
    spare: int = 4
    period_s: float = 60.0
    index: Literal["intact", "formatted", "zeroed", "destroyed"] = "intact"
    superblock: Literal["intact", "zeroed"] = "intact"
    copy_of_index: bool = False
    slack: Literal["zeros", "older"] = "zeros"
    power_cut: bool = False
    information: bool = False


class Hikvision(Table, frozen=True, kw_only=True):
    """A Hikvision disk.

    block_kib: size of a data block; blocks: how many, None for as many as are needed and `spare`
    empty ones; too few make the ring come round. period_s: recordings of one camera end so often,
    each with an entry of its own, also within one block. page_entries: of an index page; few make
    many pages. zone_minutes: what the recorder's clock is ahead of the index and the log, which
    count in UTC. index: `formatted` leaves empty trees and no log; `first_tree_wiped`,
    `trees_wiped` leave zeros. start: `master_wiped` leaves the copy behind the log, `destroyed`
    overwrites everything before the first block. log_before: the offset in the master sector is
    where the log ends. power_cut: the last recording of every camera was never closed.
    """

    block_kib: int = 512
    blocks: int | None = None
    spare: int = 2
    period_s: float = 60.0
    page_entries: int = 83
    zone_minutes: int = 0
    index: Literal["intact", "formatted", "first_tree_wiped", "trees_wiped"] = "intact"
    start: Literal["intact", "master_wiped", "destroyed"] = "intact"
    log_before: bool = False
    power_cut: bool = False


class Hiv(Table, frozen=True, kw_only=True):
    """Hikvision's files `hivNNNNN.mp4` on a FAT32 volume, with `index00.bin`.

    file_kib: size of a file; files: how many, None for as many as are needed and `spare` empty
    ones; too few make the ring come round. period_s: an entry of the index ends so often.
    fragmented: clusters of all files lie between each other. zone_minutes: what the recorder's
    clock is ahead of the index, which counts in UTC. index: `lost` was never there, `torn` lacks
    its last bytes, `lying` tells another hour for the entries of camera 2. power_cut: the last
    entry of each camera was never closed.
    """

    file_kib: int = 512
    files: int | None = None
    spare: int = 2
    cluster: Literal[2048, 4096, 8192, 16384, 32768] = 2048
    period_s: float = 60.0
    fragmented: bool = False
    zone_minutes: int = 0
    index: Literal["intact", "lost", "torn", "lying"] = "intact"
    power_cut: bool = False


class Image(Table, frozen=True, kw_only=True):
    """How plain streams lie in an image: files of `period_s`, with other data around them.

    Sizes in KiB; files begin at multiples of 4 KiB, as on a file system.
    """

    period_s: float = 60.0
    lead_kib: int = 64
    between_kib: int = 16
    tail_kib: int = 64


class Files(Table, frozen=True, kw_only=True):
    """Streams as files of a file system, one for each camera and `period_s`.

    cluster: bytes. interleaved: all cameras write at once, so that clusters of their files lie
    between each other. names: `tme` tells camera, start and length, `blackvue` camera and start
    of up to four cameras, `nextbase` the same of two with the
    stream, `plain` nothing. deleted: cameras whose files were deleted. power_cut:
    the last files were never closed, their size is 0. fault: `tables_zeroed` destroys the tables
    of clusters, `formatted` runs mkfs again, `start_destroyed` zeroes the first sector. full:
    another file takes what the footage leaves of a FAT32. On ext4 and NTFS tools of the system lay
    one whole file after the other: no file grows between others, stays open, and there are no
    faults.
    """

    system: Literal["fat32", "exfat", "ext4", "ntfs"] = "fat32"
    period_s: float = 60.0
    cluster: Literal[2048, 4096, 8192, 16384, 32768] = 4096
    interleaved: bool = False
    names: Literal["tme", "blackvue", "nextbase", "plain"] = "tme"
    deleted: tuple[int, ...] = ()
    power_cut: bool = False
    fault: Literal["none", "tables_zeroed", "formatted", "start_destroyed"] = "none"
    full: bool = False


class Tme(Table, frozen=True, kw_only=True):
    """A TME vehicle recorder's FAT32 volume: a file for each camera and `period_s`.

    ending: of the files, and so their container; cluster: bytes. interleaved: all cameras write
    at once. sound: a sub-record of sound behind every picture of a `.264`. deleted: cameras whose
    files the ring deleted; keys_kept: their key-frame indexes stayed. without_keys: cameras whose
    key-frame indexes are missing. power_cut: the last files were never closed; tail: what lies
    behind their last frame, which `older` takes from the beginning of the camera's first file.
    log: there is a system log.
    """

    period_s: float = 60.0
    ending: Literal["264", "265", "266"] = "264"
    cluster: Literal[2048, 4096, 8192, 16384, 32768] = 4096
    interleaved: bool = False
    sound: bool = True
    deleted: tuple[int, ...] = ()
    keys_kept: bool = False
    without_keys: tuple[int, ...] = ()
    power_cut: bool = False
    tail: Literal["zeros", "older"] = "zeros"
    log: bool = True


class Dhav(Table, frozen=True, kw_only=True):
    """Plain DHAV files. prefix: `DAHUA` and zeros up to 0x400 before the first frame."""

    prefix: bool = False


class Xm(Table, frozen=True, kw_only=True):
    """XM frames. information: a vehicle information frame (F9) before each key picture; ahead_s:
    the recorder's clock is so many seconds ahead of the satellites', None: there is no fix."""

    information: bool = False
    ahead_s: float | None = None


class Nndc(Table, frozen=True, kw_only=True):
    """NNdcH264 chunks. extra: length of the extra header of key chunks, which holds the date."""

    extra: Literal[8, 16] = 8


class Jt1078(Table, frozen=True, kw_only=True):
    """JT/T 1078 packets.

    sim: digits of the terminal; sim_bytes: 6 or 10; first_sequence: of the connection;
    missing_middle: so many key pictures, not a channel's first, lose one middle fragment;
    attachment: pieces of an alarm attachment, which begins with the same magic, lie between
    the packets.
    """

    sim: str = "011234567810"
    sim_bytes: Literal[6, 10] = 6
    first_sequence: int = 0
    missing_middle: int = 0
    attachment: bool = False


class Hx(Table, frozen=True, kw_only=True):
    """HX files. closed: the index `HXFI` is at the end; without it power was cut."""

    closed: bool = True


class Mp4(Table, frozen=True, kw_only=True):
    """MP4 files. index: where `moov` stands, in `fragments` piece by piece, or `missing`: power
    was cut. sets: parameter sets in the index only (`aside`) or in key pictures too (`both`).
    together: all cameras in one file. gps: `freeGPS ` blocks between the samples. wide: sizes
    and offsets of 64 bits.
    """

    index: Literal["end", "start", "fragments", "missing"] = "end"
    sets: Literal["aside", "both"] = "both"
    together: bool = False
    gps: bool = False
    wide: bool = False


class Imkh(Table, frozen=True, kw_only=True):
    """Hikvision's program stream. header: files begin with `IMKH`; packet: bytes of a picture in
    one PES packet at most."""

    header: bool = True
    packet: int = 5120


class Gbps(Table, frozen=True, kw_only=True):
    """A program stream after GB/T 28181.

    unbounded: the PES packets of pictures tell no length; packet: bytes of a picture in one PES
    packet at most; stuffing: bytes in a pack header; map: key pictures have a system header and
    a program stream map before them; loose: every PES packet of pictures holds `packet` bytes,
    wherever pictures begin in them, as DVDs and converters write it; marked: the PES headers of
    pictures in a camera's `encrypted` spans say that they are (not of loose ones).
    """

    unbounded: bool = False
    loose: bool = False
    packet: int = 8192
    stuffing: Literal[0, 6] = 0
    map: bool = True
    marked: bool = False


class Annexb(Table, frozen=True, kw_only=True):
    """Naked streams. pieces: the groups of all cameras lie in turn, each from the beginning of a
    sector on, with neither camera nor time anywhere; block_kib: instead, each camera's stream is
    gathered and written in blocks of this size when one is full, so that pictures are cut anywhere,
    0: no blocks; sets: parameter sets before every key picture, before each camera's first in a
    file, or nowhere.
    """

    pieces: bool = False
    block_kib: int = 0
    sets: Literal["every", "first", "never"] = "every"


class Ts(Table, frozen=True, kw_only=True):
    """A transport stream. packet: bytes of its packets; together: all cameras are programs of one
    file, their packets in turn; marked: where the stream says that the pictures of a camera's
    `encrypted` spans are: nowhere, in their PES header, or in their transport packets, which hide
    that header as well.
    """

    packet: Literal[188, 192] = 188
    together: bool = False
    marked: Literal["nowhere", "pes", "packets"] = "nowhere"
