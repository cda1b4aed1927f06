"""Descriptions are checked wholly when loaded; what is wrong is said with file, key and remedy."""

import json
import pickle
import random
import struct
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidrecover import clock, formats
from vidrecover.errors import FormatError
from vidrecover.framings import reader_of
from vidrecover.model import Codec, FrameFlag, Media, Window, no_frames
from vidrecover.signatures import Matcher

# STYLE.md section 9, word for word; invented for that page.
ORBIT = """
name       = "orbit"                               # invented for this page
title      = "Orbit frame stream"
vendors    = ["Orbit"]
references = [{text = "two disks from the field, 2024", confidence = "C"}]
limits     = ["audio frames are found but not decoded"]

[framing]
signature  = "4F 52 42 31"                          # "ORB1"
endian     = "little"
header     = [["signature", "4s"], ["kind", "u8"], ["channel", "u8"], ["reserved", "u16"], ["length", "u32"], ["date", "u32"]]
require    = [{field = "kind", in = [1, 2, 3]}, {field = "length", min = 16, max = 4194304}]
size       = {fields = ["length"], plus = 16}
channel    = {field = "channel", plus = 1}
time       = {clock = "packed_date", fields = ["date"]}
key        = {field = "kind", in = [1]}
media      = {field = "kind", video = [1, 2], audio = [3]}
"""  # noqa: E501  # the page's own lines

SMALL = """
name = "small"
title = "A small format"
[framing]
signature = "53 4D 4C 31"
header = [["text", "4s"], ["kind", "u8"], ["length", "u32"], ["date", "u32"], ["raw", "8s"]]
size = {fields = ["length"], plus = 21}
"""


def folder_with(folder: Path, **texts: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def problem(folder: Path, more: str, *, base: str = SMALL) -> str:
    """What is said of the small description with more lines, without the file's path."""
    path = folder_with(folder, small=base + more) / "small.toml"
    with pytest.raises(FormatError) as caught:
        formats.load(folder)
    assert caught.value.path == path
    assert caught.value.key is None or f"key `{caught.value.key}`" in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def test_the_small_description_that_others_are_made_from_is_right(tmp_path: Path) -> None:
    assert formats.load(folder_with(tmp_path, small=SMALL))["small"].title == "A small format"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("sise = 1", "key `framing.sise`: is unknown; expected one of signature, at, endian"),
        ("channel = {field = 'kind', plsu = 1}", "key `framing.channel.plsu`: is unknown; "
         "expected one of field, mask, shift, times, plus"),
        ("require = [{field = 'kind', inn = [1]}]", "key `framing.require[0].inn`: is unknown; "
         "expected one of field, mask, in, min, max"),
        ("time = {clock = 'unix_s', fields = ['date'], when = {fild = 'kind'}}",
         "key `framing.time.when.fild`: is unknown; expected one of field, mask, in, min, max"),
        ("at = 'x'", "key `framing.at`: Expected `int`, got `str`"),
        ("require = [{field = 3, min = 1}]", "key `framing.require[0].field`: Expected `str`"),
        ("endian = 'middle'", "key `framing.endian`: Invalid enum value 'middle'"),
        ("time = {clock = 'sundial', fields = ['date']}", "key `framing.time.clock`: Invalid enum"),
        ("channel = {plus = 1}", "key `framing.channel.field`: is missing"),
        ("require = [{field = 'kid', min = 1}]",
         "key `framing.require`: `kid` is no field of the header (text, kind, length, date, raw)"),
        ("payload = {fields = ['head']}", "key `framing.payload`: `head` is no field"),
        ("time = {clock = 'unix_s', fields = ['when']}", "key `framing.time`: `when` is no field"),
        ("time = {clock = 'unix_s', fields = ['date'], when = {field = 'x', min = 1}}",
         "key `framing.time`: `x` is no field"),
        ("tick = {field = 'millis'}", "key `framing.tick`: `millis` is no field"),
        ("trailer = {text = 'end', repeats = 'x'}", "key `framing.trailer`: `x` is no field"),
        ("key = {field = 'x', in = [1]}", "key `framing.key`: `x` is no field"),
        ("media = {field = 'x'}", "key `framing.media`: `x` is no field"),
        ("checksum = {kind = 'sum8', field = 'x', over = 4}", "key `framing.checksum`: `x` is no"),
        ("tags = {length = 'x', sizes = {}}", "key `framing.tags`: `x` is no field"),
        ("channel = {field = 'raw'}",
         "key `framing.channel`: `raw` is 8s, raw bytes; expected a number"),
        ("time = {clock = 'six_bytes', fields = ['date']}",
         "key `framing.time`: clock six_bytes cannot be a u32; expected 6s or longer"),
        ("time = {clock = 'packed_date', fields = ['kind']}",
         "key `framing.time`: clock packed_date cannot be a u8; expected u32 or 4s"),
        ("time = {clock = 'unix_ms', fields = ['date']}",
         "key `framing.time`: clock unix_ms cannot be a u32; expected u64, or 8s or longer"),
        ("require = [{field = 'kind'}]",
         "key `framing.require`: `kind` is not asked anything; expected in, min or max"),
        ("key = {field = 'kind', in = []}", "key `framing.key`: `kind` is not asked anything"),
        ("codec = 'h246'", "key `framing.codec`: `h246` is no codec; expected one of h264, h265"),
        ("codec = {field = 'kind', map = {1 = 'h264', 2 = 'vp9'}}",
         "key `framing.codec.map.2`: `vp9` is no codec"),
        ("codec = {field = 'kind', map = {x = 'h264'}}",
         "key `framing.codec.map.x`: `x` is no value; expected 0 to 65535, or as in 0x0C"),
        ("codec = {field = 'kind', map = {65536 = 'h264'}}", "key `framing.codec.map.65536`"),
        ("tags = {length = 'kind', sizes = {}, codecs = {1 = 'wav'}}",
         "key `framing.tags.codecs.1`: `wav` is no codec"),
        ("tags = {length = 'kind', sizes = {0x100 = 4}}", "key `framing.tags.sizes.0x100`"),
        ("tags = {length = 'kind', sizes = {0x80 = 0}}",
         "key `framing.tags.sizes.0x80`: is 0; expected 1 to 255 bytes"),
        ("tags = {length = 'kind', sizes = {0x80 = 4}, audio = {0x80 = 4}}",
         "key `framing.tags.audio.0x80`: is 4; expected a byte inside that tag"),
        ("tags = {length = 'kind', sizes = {}, audio = {0x80 = 2}}",
         "key `framing.tags.audio.0x80`: is 2; expected a byte inside that tag"),
        ("checksum = {kind = 'sum8', field = 'kind', over = 22}",
         "key `framing.checksum`: over: the header has 21 bytes only"),
        ("trailer = {text = ''}", "key `framing.trailer.text`: Expected `str` of length >= 1"),
        ("at = 253", "key `framing.at`: puts the signature beyond byte 256 of its frame"),
        ("media = {field = 'kind', video = [1]}\ncarries = 'audio'",
         "key `framing.carries`: means nothing beside `media`"),
        ("max_size = 4194305", "key `framing.max_size`: Expected `int` <= 4194304"),
        ("reader = 'jt1078'", "key `framing.header`: means nothing beside `reader`"),
        ("[framing.more]", "key `framing.more`: is unknown"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_key_and_remedy(tmp_path: Path, more: str, said: str) -> None:
    assert problem(tmp_path, more).startswith(said)


def without(start: str) -> str:
    return "".join(line for line in SMALL.splitlines(True) if not line.startswith(start))


@pytest.mark.parametrize(
    ("start", "instead", "said"),
    [
        ("title", "", "key `title`: is missing"),
        ("name", "", "key `name`: is missing"),
        ("name", "name = 'Small'", "key `name`: Expected `str` matching regex"),
        ("name", "name = 'other'", "key `name`: is `other`, but the file is named small.toml"),
        ("title", "titel = 'x'", "key `titel`: is unknown; expected one of name, title, vendors"),
        ("title", "title = 3", "key `title`: Expected `str`, got `int`"),
        ("signature", "", "key `framing.signature`: is missing; expected 2 to 64 bytes"),
        ("signature", "signature = '5'", "key `framing.signature`: is not hexadecimal"),
        ("signature", "signature = 'SML1'", "key `framing.signature`: is not hexadecimal"),
        ("signature", "signature = ['53 4D', '']", "key `framing.signature`: is missing"),
        ("signature", "signature = '53'", "key `framing.signature`: is missing; expected 2 to 64"),
        ("header", "", "key `framing.header`: is missing; expected [[\"signature\", \"4s\"]"),
        ("header", "header = []", "key `framing.header`: has 0 bytes; expected 1 to 1024"),
        ("header", "header = [['a', '999s'], ['b', '26s']]", "key `framing.header`: has 1025"),
        ("header", "header = [['text', '4s'], ['length', 'u31']]",
         "key `framing.header`: field `length`: `u31` is none of u8 to u64"),
        ("header", "header = [['length', 'u32'], ['length', 'u16']]",
         "key `framing.header`: has two fields named `length`"),
        ("header", "header = [['', '4s'], ['length', 'u32']]", "key `framing.header`: `` is no"),
        ("header", "header = [['text']]", "key `framing.header[0]`: Expected `array` of length 2"),
        ("size", "", "key `framing.size`: is missing; expected as in {fields = [\"length\"]"),
        ("size", "size = 16", "key `framing.size`: Expected `object"),
        ("size", "size = {fields = ['text']}", "key `framing.size`: `text` is 4s, raw bytes"),
    ],
)  # fmt: skip
def test_what_is_missing_or_bad_is_said(
    tmp_path: Path, start: str, instead: str, said: str
) -> None:
    before, table, behind = without(start).partition("[framing]")
    own_table = start in ("signature", "header", "size")
    base = (
        f"{before}{table}\n{instead}{behind}"
        if own_table
        else f"{instead}\n{before}{table}{behind}"
    )
    assert problem(tmp_path, "", base=base).startswith(said)


LAYOUTS = """
name = "small"
title = "A small format"
[framing]
header = [["text", "4s"], ["length", "u32"]]
size = {fields = ["length"], plus = 8}
[[framing.layout]]
signature = "53 4D 4C 31"
[[framing.layout]]
signature = "53 4D 4C 32"
"""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("counted = true", "key `framing.layout[1].counted`: is unknown; expected one of signat"),
        ("at = 'x'", "key `framing.layout[1].at`: Expected `int`, got `str`"),
        ("rate = {}", "key `framing.layout[1].rate.field`: is missing"),
        ("rate = {field = 'rate'}", "key `framing.layout[1].rate`: `rate` is no field"),
        ("codec = 'h266'", "key `framing.layout[1].codec`: `h266` is no codec"),
    ],
)
def test_what_is_wrong_in_one_layout_names_it(tmp_path: Path, more: str, said: str) -> None:
    assert problem(tmp_path, more, base=LAYOUTS).startswith(said)


def test_what_stands_beside_layouts_holds_for_each(tmp_path: Path) -> None:
    one = formats.load(folder_with(tmp_path, small=LAYOUTS))["small"]
    assert [layout.signatures for layout in one.layouts] == [(b"SML1",), (b"SML2",)]
    size = formats.Sum(fields=["length"], plus=8)
    assert [layout.size for layout in one.layouts] == [size, size]


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    assert problem(tmp_path, "at =").startswith("is not valid TOML: ")
    assert problem(tmp_path, "at = 1\nat = 2").startswith("is not valid TOML: Cannot overwrite")
    (tmp_path / "small.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(FormatError, match="is not valid TOML"):
        formats.load(tmp_path)


def test_a_reader_that_does_not_exist_is_named(tmp_path: Path) -> None:
    text = "name = 'small'\ntitle = 'x'\n[framing]\nreader = 'jt1079'\nsignature = '30 31'"
    one = formats.load(folder_with(tmp_path, small=text))["small"]
    with pytest.raises(FormatError, match="reader `jt1079` is none of annexb, ") as caught:
        reader_of(one)
    assert caught.value.key == "framing.reader"


def orbit(kind: int, channel: int, date: int, body: bytes) -> bytes:
    return struct.pack("<4sBBHII", b"ORB1", kind, channel, 0, len(body), date) + body


def test_the_orbit_example_loads_and_finds_frames(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "case" / "formats", orbit=ORBIT)
    one = formats.load(formats.shipped(), folder)["orbit"]
    date = 0x61628780  # 2024-05-17 08:30:00 [A: dhav.md section 4]
    frames = [
        orbit(1, 2, date, b"\0\0\0\1\x67" + bytes(20)),
        orbit(3, 2, 0, bytes(range(16))),
        orbit(2, 11, date + 1, b"\0\0\0\1\x41" + bytes(11)),
    ]
    data = b"junk ORB1 junk" + frames[0] + frames[1] + frames[2] + orbit(4, 1, date, bytes(16))
    array = np.frombuffer(data, dtype=np.uint8)
    candidates = Matcher([b"ORB1"]).find(array).positions
    wanted = no_frames(3)
    wanted["offset"], wanted["size"] = (14, 55, 87), (41, 32, 32)
    wanted["payload_offset"], wanted["payload_size"] = 16, (25, 16, 16)
    wanted["channel"] = 3, 3, 12
    wanted["kind"] = Media.KEY, Media.AUDIO, Media.DELTA
    wanted["codec"] = Codec.H264, Codec.UNKNOWN, Codec.H264
    start_ms = clock.parse_iso("2024-05-17T08:30:00")
    wanted["time_ms"][[0, 2]] = start_ms, start_ms + 1000
    wanted["flags"] = 0, 0, FrameFlag.END_UNPROVEN
    rows = reader_of(one)(Window(0, array, len(array), (), True), candidates)
    assert rows.tolist() == wanted.tolist()


def test_a_folders_own_format_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    own = SMALL.replace('"small"', '"dhav"')
    shipped = formats.load(formats.shipped())
    both = formats.load(formats.shipped(), folder_with(tmp_path, dhav=own))
    assert [one.name for one in both.formats] == [one.name for one in shipped.formats]
    assert both["dhav"].title == "A small format"
    assert both["xm"] == shipped["xm"]
    assert both.digest != shipped.digest


def test_the_digest_follows_contents_and_names_only(tmp_path: Path) -> None:
    first = formats.load(folder_with(tmp_path / "a", small=SMALL)).digest
    assert formats.load(folder_with(tmp_path / "b", small=SMALL)).digest == first
    comment = formats.load(
        folder_with(tmp_path / "c", small=SMALL + "# seen on a third disk")
    ).digest
    two = formats.load(folder_with(tmp_path / "d", small=SMALL, orbit=ORBIT)).digest
    assert len({first, comment, two, formats.load().digest}) == 4


def test_a_folder_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert formats.load(tmp_path / "nowhere") == formats.load()
    assert formats.load().formats == ()


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="orbit"):
        formats.load(formats.shipped())["orbit"]


def test_the_set_of_formats_can_be_sent_to_another_process() -> None:
    loaded = formats.load(formats.shipped())
    assert pickle.loads(pickle.dumps(loaded)) == loaded


@pytest.mark.parametrize(
    ("lines", "modulus_ms"),
    [
        ("tick = {field = 'length', modulus = 65536}", 65536),
        ("tick = {field = 'length', unit = 'us', modulus = 4294967296}", 4294967),
        ("tick = {field = 'length', unit = 'us'}", None),
        ("modulus_ms = 1000", 1000),
        ("", None),
    ],
)
def test_where_the_counter_wraps_is_told_in_milliseconds(
    tmp_path: Path, lines: str, modulus_ms: int | None
) -> None:
    one = formats.load(folder_with(tmp_path, small=SMALL + lines))["small"]
    assert one.modulus_ms == modulus_ms


def shipped_names() -> list[str]:
    return [path.stem for path in sorted(formats.shipped().glob("*.toml"))]


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_descriptions_say_where_their_facts_are_from_and_what_is_not_known(
    name: str,
) -> None:
    one = formats.load(formats.shipped())[name]
    assert one.title
    assert one.vendors
    assert one.references
    assert one.limits
    assert one.max_size <= formats.MAX_FRAME_SIZE


@pytest.mark.parametrize("name", shipped_names())
def test_any_value_of_a_wrong_kind_is_a_format_error_or_reads_on(name: str, tmp_path: Path) -> None:
    """Single values of a shipped description replaced by others: all is said at once or works."""
    raw = tomllib.loads((formats.shipped() / f"{name}.toml").read_text(encoding="utf-8"))
    values: list[Any] = [-1, "", "zz", [], {}, 1 << 62, True, 0.5]
    path = tmp_path / f"{name}.toml"
    for place, value in random.Random(4).sample(list(product(leaves(raw), values)), 100):
        path.write_text(written(replaced(raw, place, value)), encoding="utf-8")
        try:
            one = formats.load(tmp_path)[name]
        except FormatError as error:
            assert error.path == path
        else:
            if one.framing.reader in (None, "jt1078"):
                reader_of(one)(WINDOW, np.arange(0, 64, dtype=np.int64))


WINDOW = Window(0, np.frombuffer(bytes(range(256)), dtype=np.uint8), 256, (), True)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [path, *(leaf for key, inner in items for leaf in leaves(inner, (*path, key)))]
    return [path]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def written(value: Any) -> str:
    """As TOML; a whole that is no table is no description at all."""
    if not isinstance(value, dict):
        return inline(value)
    return "\n".join(f"{json.dumps(key)} = {inline(inner)}" for key, inner in value.items())


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)
