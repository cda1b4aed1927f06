"""What the values of a layout's table in a scenario may be."""

from typing import NamedTuple

from vidrecover.simulate.settings import (
    Annexb,
    Dhfs,
    Files,
    Gbps,
    Hikvision,
    Hiv,
    Image,
    Imkh,
    Jt1078,
    Tme,
    Wfs,
)

_DAY_S = 86_400
_MOST_KIB = 1 << 20


class Bound(NamedTuple):
    """key: as the scenario has it; wrong: what is to be said where it does not hold."""

    key: str
    holds: bool
    wrong: str


def _within(key: str, value: float, least: int, most: int, unit: str = "") -> Bound:
    return Bound(key, least <= value <= most, f"must be {least} to {most}{unit}")


def of_ring(name: str, disk: Dhfs | Wfs) -> list[Bound]:
    """DHFS and WFS: fragments that are taken in turn."""
    fit = disk.fragments is None or disk.reserved < disk.fragments <= 1 << 20
    blocks = disk.blocks_per_fragment
    return [
        _within(f"{name}.blocks_per_fragment", blocks, 32, 65536, " blocks of 512 bytes"),
        _within(f"{name}.reserved", disk.reserved, 0, 1024),
        _within(f"{name}.spare", disk.spare, 0, 4096),
        Bound(f"{name}.fragments", fit, "must be more than the reserved ones, and at most 1048576"),
        _within(f"{name}.period_s", disk.period_s, 1, _DAY_S),
    ]


def of_dhfs(disk: Dhfs) -> list[Bound]:
    """DHFS, with the lists inside its fragments."""
    fits = disk.dhii == 0 or 32 <= disk.dhii <= disk.blocks_per_fragment * 256
    return [
        *of_ring("dhfs", disk),
        Bound("dhfs.dhii", fits, "must be 0, or 32 bytes to half a fragment"),
    ]


def of_files(files: Files, highest: int) -> list[Bound]:
    """Files on a volume; highest: number of a camera."""
    most = {"blackvue": 4, "nextbase": 2}.get(files.names, highest)
    bounds = [
        _within("files.period_s", files.period_s, 1, _DAY_S),
        Bound("files.names", highest <= most, f"has letters for {most} cameras"),
        Bound("files.full", not files.full or files.system == "fat32", "is only known of fat32"),
    ]
    if files.system in ("fat32", "exfat"):
        return bounds
    wrong = f"cannot be on {files.system}, where whole files are laid by its tools"
    small = files.cluster <= 4096
    return [
        *bounds,
        Bound("files.interleaved", not files.interleaved, wrong),
        Bound("files.power_cut", not files.power_cut, wrong),
        Bound("files.fault", files.fault == "none", wrong),
        Bound("files.cluster", small, "must be at most 4096, a page of memory"),
    ]


def of_hiv(hiv: Hiv) -> list[Bound]:
    """Hikvision's files on a file system."""
    return [
        _within("hiv.file_kib", hiv.file_kib, 64, _MOST_KIB),
        _within("hiv.files", 1 if hiv.files is None else hiv.files, 1, 4096),
        _within("hiv.spare", hiv.spare, 0, 4096),
        _within("hiv.period_s", hiv.period_s, 1, _DAY_S),
        _within("hiv.zone_minutes", hiv.zone_minutes, -720, 840),
    ]


def of_tme(tme: Tme) -> list[Bound]:
    """TME."""
    return [_within("tme.period_s", tme.period_s, 1, _DAY_S)]


def of_hikvision(disk: Hikvision) -> list[Bound]:
    """Hikvision's own volume."""
    return [
        _within("hikvision.block_kib", disk.block_kib, 128, _MOST_KIB),
        _within("hikvision.blocks", 1 if disk.blocks is None else disk.blocks, 1, 4096),
        _within("hikvision.spare", disk.spare, 0, 4096),
        _within("hikvision.period_s", disk.period_s, 1, _DAY_S),
        _within("hikvision.page_entries", disk.page_entries, 1, 83),
        _within("hikvision.zone_minutes", disk.zone_minutes, -720, 840),
    ]


def of_image(image: Image) -> list[Bound]:
    """Streams one behind the other, without a volume."""
    return [
        _within("image.period_s", image.period_s, 1, _DAY_S),
        _within("image.lead_kib", image.lead_kib, 0, _MOST_KIB),
        _within("image.between_kib", image.between_kib, 0, _MOST_KIB),
        _within("image.tail_kib", image.tail_kib, 0, _MOST_KIB),
    ]


def of_packs(name: str, table: Imkh | Gbps) -> list[Bound]:
    """Program streams."""
    return [_within(f"{name}.packet", table.packet, 100, 65_000, " bytes")]


def of_annexb(table: Annexb) -> list[Bound]:
    """Naked streams."""
    return [_within("annexb.block_kib", table.block_kib, 0, _MOST_KIB)]


def of_jt1078(table: Jt1078) -> list[Bound]:
    """JT/T 1078."""
    sim, most = table.sim, 2 * table.sim_bytes
    told = sim.isascii() and sim.isdigit() and len(sim) <= most
    first = 0 <= table.first_sequence <= 65535
    return [
        Bound("jt1078.sim", told, f"must be at most {most} digits"),
        Bound("jt1078.first_sequence", first, "must fit 16 bits"),
        Bound("jt1078.missing_middle", table.missing_middle >= 0, "must not be negative"),
    ]
