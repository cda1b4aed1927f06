"""What can be opened, and what the errors say."""

import os
import pickle
import sys
from pathlib import Path

import pytest

from vidrecover.errors import SourceError
from vidrecover.model import Extent, SourceRef
from vidrecover.source import ewf_of, open_source


def refusal(path: Path | str) -> str:
    """The message with which a path is refused."""
    with pytest.raises(SourceError) as caught:
        open_source(SourceRef(path=str(path)))
    assert str(path) in str(caught.value) or repr(str(path)) in str(caught.value)
    return str(caught.value)


def test_paths_that_lead_to_no_disk_are_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "empty.img").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "there is no such file or device; check the path" in refusal(tmp_path / "no.img")
    assert "is a folder; give the disk" in refusal(tmp_path)
    assert "is empty; copy the image again" in refusal(tmp_path / "empty.img")
    assert "cannot be opened" in refusal(tmp_path / "loop")
    assert "cannot be opened" in refusal(tmp_path / ("n" * 300))
    assert "is not a possible path" in refusal("a\0b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in folders here")
def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is neither a file nor a disk" in refusal(tmp_path / "pipe")


@pytest.mark.skipif(sys.platform == "win32", reason="chmod does not withdraw reading here")
def test_no_permission_says_who_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.img"
    path.write_bytes(b"x" * 512)
    if os.geteuid() == 0:  # root may read everything: let the system call refuse instead

        def refuse(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
    else:
        path.chmod(0)
    assert "run vidrecover as administrator (sudo)" in refusal(path)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"QFI\xfb\0\0\0\3", "QCOW2 image"),
        (b"KDMV\1\0\0\0", "VMDK image"),
        (b"# Disk DescriptorFile\nversion=1\n", "VMDK description"),
        (b"vhdxfile", "VHDX image"),
        (b"conectix\0\0\0\2", "dynamic or differencing VHD image"),
        (
            b"<<< Oracle VM VirtualBox Disk Image >>>\n".ljust(64, b"\0") + b"\x7f\x10\xda\xbe",
            "VDI",
        ),
        (b"ADCRYPT\0\1\0\0\0", "image encrypted with AD encryption"),
        (b"EVF2\r\n\x81\0\2\1", "Ex01 image"),
        (b"LVF\x09\r\n\xff\0", "logical evidence file (L01)"),
    ],
)
def test_containers_are_named_and_the_way_out_too(tmp_path: Path, head: bytes, name: str) -> None:
    path = tmp_path / "disk.bin"
    path.write_bytes(head.ljust(4_096, b"\0"))
    message = refusal(path)
    assert f"is a {name}" in message
    advice = ("qemu-img convert -O raw", "export it as a raw image or E01", "decrypt it with")
    assert any(one in message for one in advice)


def test_any_other_bytes_are_a_raw_image(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a disk, but bytes")
    with open_source(SourceRef(path=str(path))) as source:
        assert (source.identity.kind, source.read(0, 99)) == ("raw", b"not a disk, but bytes")
        assert ewf_of(source) is None


def test_a_reference_opens_the_same_source_after_pickling(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 4)
    ref = SourceRef(path=str(path), faults=(Extent(10, 20),))
    again = pickle.loads(pickle.dumps(ref))
    with open_source(ref) as one, open_source(again) as other:
        assert again == ref
        assert one.read(0, 1_024) == other.read(0, 1_024)
