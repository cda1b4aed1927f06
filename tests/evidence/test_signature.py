"""Signatures in minisign's form: made, checked with Debian's minisign, and tampered with."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import minisign  # type: ignore[import-untyped]
import pytest
from click.testing import CliRunner

from vidrecover import evidence
from vidrecover.cli import commands
from vidrecover.clock import parse_iso
from vidrecover.errors import EvidenceError
from vidrecover.evidence import Area, Difference, Trust, _signature
from vidrecover.model import TimeSpan

NOW = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
WINDOW = TimeSpan(parse_iso("2026-03-14T07:30:04"), parse_iso("2026-03-14T07:30:05"))
MANIFEST, SIGNED = "tagmanifest-sha256.txt", "tagmanifest-sha256.txt.minisig"
PASSWORD = "correct horse"


def never_asked() -> str:
    raise AssertionError("a key without a password needs none")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `plain.key`, `locked.key` (of the same pair), `key.pub` and `other.pub`."""
    folder = tmp_path_factory.mktemp("keys")
    pair = minisign.KeyPair.generate()
    (folder / "plain.key").write_bytes(bytes(pair.secret_key) + b"\n")
    (folder / "key.pub").write_bytes(bytes(pair.public_key) + b"\n")
    (folder / "other.pub").write_bytes(bytes(minisign.KeyPair.generate().public_key) + b"\n")
    pair.secret_key.encrypt(PASSWORD)
    (folder / "locked.key").write_bytes(bytes(pair.secret_key) + b"\n")
    return folder


@pytest.fixture(scope="session")
def signed(
    scanned: Callable[[str], Any], keys: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A signed package, only to be read."""
    case, target = scanned("jt1078-ten"), tmp_path_factory.mktemp("signed") / "EX-7"
    with case.open() as source, case.order(channel=2, span=WINDOW) as order:
        signer = evidence.signer(keys / "plain.key", never_asked, case.folder, target)
        evidence.export(target, source, order, evidence.Asked(decode=False), signer=signer, now=NOW)
    return target


@pytest.fixture
def copied(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "EX-7"))


def verify(package: Path, key: Path | None = None) -> evidence.Verification:
    trust = Trust(None if key is None else evidence.public_key(str(key)))
    return evidence.verify(package, decode=False, trust=trust)


def seal_differences(found: evidence.Verification) -> list[Difference]:
    return [one for one in found.differences if one.area is Area.SIGNATURE]


def run_minisign(*arguments: str | Path, told: str = "") -> str:
    tool = shutil.which("minisign")
    if tool is None:
        pytest.skip("minisign is not installed (apt-get install minisign)")
    done = subprocess.run(
        [tool, *map(str, arguments)], input=told, capture_output=True, text=True, check=False
    )
    return f"{done.returncode} {done.stdout}"


def test_a_signature_proves_who_packed_to_whom_knows_the_key(signed: Path, keys: Path) -> None:
    found = verify(signed, keys / "key.pub")
    key = minisign.PublicKey.from_file(keys / "key.pub")
    named = f"{int.from_bytes(key._keynum_pk.key_id, 'little'):X}"
    assert found.differences == ()
    assert (
        f"The manifests were signed with the given key {named}"
        " (timestamp:1773997200 file:tagmanifest-sha256.txt hashed)."
    ) in found.proved
    assert not any("Who packed" in one for one in found.unproved)


def test_a_signature_of_an_unknown_key_proves_nothing_and_says_so(signed: Path) -> None:
    found = verify(signed)
    said = [one for one in found.unproved if one.startswith("Who packed this")]
    assert found.differences == ()
    assert not any("signed" in one for one in found.proved)
    assert len(said) == 1
    assert "whose key that is is not known here. Verify with --public-key." in said[0]


def test_a_package_without_signature_says_so(whole: Path, keys: Path) -> None:
    assert "Who packed this: the package is not signed." in verify(whole).unproved
    assert seal_differences(verify(whole, keys / "key.pub")) == [
        Difference(area=Area.SIGNATURE, where=SIGNED, what="is missing: nobody signed this package")
    ]


def test_minisign_itself_accepts_the_signature(signed: Path, keys: Path) -> None:
    content = signed / MANIFEST
    assert run_minisign("-V", "-H", "-m", content, "-p", keys / "key.pub") == (
        "0 Signature and comment signature verified\n"
        "Trusted comment: timestamp:1773997200\tfile:tagmanifest-sha256.txt\thashed\n"
    )
    info = (signed / "bag-info.txt").read_text()
    line = next(one for one in info.splitlines() if one.startswith("Signature-Public-Key: "))
    assert run_minisign("-V", "-q", "-m", content, "-P", line.partition(": ")[2]) == "0 "


@pytest.mark.parametrize("password", [None, pytest.param(PASSWORD, marks=pytest.mark.slow)])
def test_keys_that_minisign_made_sign(tmp_path: Path, password: str | None) -> None:
    secret, public = tmp_path / "made.key", tmp_path / "made.pub"
    told = f"{password}\n" * 2 if password else ""
    run_minisign("-G", "-p", public, "-s", secret, *([] if password else ["-W"]), told=told)
    signer = evidence.signer(secret, lambda: password or never_asked())
    (tmp_path / MANIFEST).write_bytes(b"some lines\n")
    (tmp_path / SIGNED).write_bytes(signer.sign(b"some lines\n", NOW))
    assert run_minisign("-V", "-q", "-m", tmp_path / MANIFEST, "-p", public) == "0 "
    assert _signature.key_number(signer.public) in public.read_text()  # as minisign names it
    assert evidence.public_key(str(public)) == signer.public


def test_a_locked_key_gives_the_same_signature_as_the_open_one(keys: Path) -> None:
    open_key = evidence.signer(keys / "plain.key", never_asked)
    locked = evidence.signer(keys / "locked.key", lambda: PASSWORD)
    assert locked.sign(b"lines", NOW) == open_key.sign(b"lines", NOW)
    with pytest.raises(EvidenceError, match="wrong password"):
        evidence.signer(keys / "locked.key", lambda: "guess")


def test_every_changed_byte_of_the_signature_is_found(copied: Path, keys: Path) -> None:
    content = (copied / SIGNED).read_bytes()
    manifest = (copied / MANIFEST).read_bytes()
    public = evidence.public_key(str(keys / "key.pub"))
    assert _signature.check(manifest, content, public)
    for place in range(len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        if _signature.own_comment(bytes(changed)):
            with pytest.raises(EvidenceError):
                _signature.check(manifest, bytes(changed), public)
    for place in (0, 30, 60, 150, len(content) - 10):
        changed = bytearray(content)
        changed[place] ^= 1
        (copied / SIGNED).write_bytes(changed)
        assert {one.where for one in verify(copied).differences} == {SIGNED}, place


@pytest.mark.parametrize("known", [True, False])
def test_what_is_done_to_a_signature_is_named(copied: Path, keys: Path, known: bool) -> None:
    key = keys / "key.pub" if known else None
    (copied / SIGNED).unlink()
    assert seal_differences(verify(copied, key)) == [
        Difference(area=Area.SIGNATURE, where=SIGNED, what="is missing: the log says it was signed")
    ]
    stranger = minisign.KeyPair.generate().secret_key
    other = _signature.Signer(stranger).sign((copied / MANIFEST).read_bytes(), NOW)
    (copied / SIGNED).write_bytes(other)
    assert seal_differences(verify(copied, key)) == [
        Difference(
            area=Area.SIGNATURE,
            where=SIGNED,
            what="does not hold: incompatible key identifiers",
        )
    ]


def test_a_changed_manifest_breaks_the_signature(copied: Path, keys: Path) -> None:
    with (copied / MANIFEST).open("ab") as file:
        file.write(b"\n")
    assert SIGNED in {one.where for one in verify(copied, keys / "key.pub").differences}


def test_another_key_than_the_trusted_one_is_a_difference(signed: Path, keys: Path) -> None:
    found = verify(signed, keys / "other.pub")
    assert [one.where for one in found.differences] == [SIGNED]
    assert not any("were signed" in one for one in found.proved)


def test_only_the_known_seals_may_stand_outside_the_manifests(copied: Path) -> None:
    shutil.copy(copied / SIGNED, copied / "manifest-sha256.txt.minisig")
    assert [(one.where, one.what) for one in verify(copied).differences] == [
        ("manifest-sha256.txt.minisig", "was added: no manifest lists it")
    ]


def test_a_key_never_lies_where_things_are_handed_on(keys: Path, tmp_path: Path) -> None:
    inside = tmp_path / "case" / "deep" / "my.key"
    inside.parent.mkdir(parents=True)
    shutil.copy(keys / "plain.key", inside)
    with pytest.raises(EvidenceError, match="which is handed on: keep the key elsewhere"):
        evidence.signer(inside, never_asked, tmp_path / "case")


def test_no_file_of_package_or_case_holds_the_key(
    signed: Path, keys: Path, scanned: Callable[[str], Any]
) -> None:
    key = minisign.SecretKey.from_file(keys / "plain.key")
    secret = bytes(key._keynum_sk.secret_key)
    line = (keys / "plain.key").read_bytes().splitlines()[1]
    for folder in (signed, scanned("jt1078-ten").folder):
        for path in folder.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            assert secret not in content
            assert line not in content


@pytest.mark.parametrize(
    "content", [b"", b"no key\n", b"untrusted comment: x\nAAAA\n", bytes(range(256)) * 40]
)
def test_what_is_no_key_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "strange"
    path.write_bytes(content)
    with pytest.raises(EvidenceError, match="give a secret key made by minisign -G"):
        evidence.signer(path, never_asked)
    with pytest.raises(EvidenceError, match="is no public key of minisign"):
        evidence.public_key(str(path))


def test_without_the_package_the_extra_is_named(
    keys: Path, signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_signature, "find_spec", lambda _: None)
    with pytest.raises(EvidenceError, match=r"pip install 'vidrecover\[evidence\]'"):
        evidence.signer(keys / "plain.key", never_asked)
    with pytest.raises(EvidenceError, match=r"pip install 'vidrecover\[evidence\]'"):
        verify(signed, keys / "key.pub")
    found = verify(signed)
    assert found.differences == ()
    assert any("py-minisign is not installed" in one for one in found.unproved)


def test_the_command_line_signs_and_checks(
    scanned: Callable[[str], Any], keys: Path, tmp_path: Path
) -> None:
    case, target = scanned("jt1078-ten").folder / "case", tmp_path / "EX-1"
    span = ["--channel", "2", "--from", "2026-03-14T07:30:04", "--to", "2026-03-14T07:30:05"]
    run, key = CliRunner().invoke, str(keys / "locked.key")
    where = ["--case", str(case), "--folder", str(target), "--no-decode", "--sign", key]
    refused = run(commands, ["export", *span, *where], input="wrong\n")
    assert "wrong password" in str(refused.exception)
    assert not target.exists()
    run(commands, ["export", *span, *where], input=f"{PASSWORD}\n", standalone_mode=False)
    public = ["--no-decode", "--public-key", str(keys / "key.pub")]
    done = run(commands, ["verify", str(target), *public], standalone_mode=False)
    assert "were signed with the given key" in done.output
    assert done.return_value == 0
