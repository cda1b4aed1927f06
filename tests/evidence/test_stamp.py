"""Time stamps: the query, replies of a local authority made with openssl, and tampering."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from vidrecover import evidence
from vidrecover.cli import commands
from vidrecover.errors import EvidenceError
from vidrecover.evidence import Area, Stamp, Trust, _stamp

MANIFEST = "tagmanifest-sha256.txt"
QUERY, REPLY = f"{MANIFEST}.tsq", f"{MANIFEST}.tsr"
LINES = b"0000  bag-info.txt\n"
CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = Test root
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[stamping]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = critical,timeStamping
keyUsage = critical,digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[authority]
serial = serial
signer_digest = sha256
digests = sha256, sha512
default_policy = 1.2.3.4.1
tsa_name = yes
[refusing]
serial = serial
signer_digest = sha256
digests = sha512
default_policy = 1.2.3.4.1
"""


class Authority:
    """A root and a stamping authority under it, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "ts.cnf").write_text(CONFIG)
        (folder / "serial").write_text("01\n")
        new = ["-newkey", "rsa:2048", "-nodes", "-config", "ts.cnf"]
        self.openssl("req", "-x509", *new, "-keyout", "root.key", "-out", "root.pem",
                     "-days", "3650", "-extensions", "root")  # fmt: skip
        self.openssl("req", *new, "-keyout", "ts.key", "-out", "ts.csr", "-subj", "/CN=Test clock")
        self.openssl("x509", "-req", "-in", "ts.csr", "-CA", "root.pem", "-CAkey", "root.key",
                     "-set_serial", "2", "-days", "3650", "-extfile", "ts.cnf",
                     "-extensions", "stamping", "-out", "ts.pem")  # fmt: skip
        self.root = (folder / "root.pem").read_bytes()

    def openssl(self, *arguments: str) -> str:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def reply(self, query: bytes, *more: str, section: str = "authority") -> bytes:
        (self.folder / "asked.tsq").write_bytes(query)
        self.openssl("ts", "-reply", "-queryfile", "asked.tsq", "-config", "ts.cnf",
                     "-section", section, "-signer", "ts.pem", "-inkey", "ts.key",
                     "-out", "given.tsr", *more)  # fmt: skip
        return (self.folder / "given.tsr").read_bytes()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (apt-get install openssl)")
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def stranger(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another authority whose certificates bear the same names."""
    return Authority(tmp_path_factory.mktemp("stranger"))


def verify(package: Path, authority: bytes | None = None) -> evidence.Verification:
    return evidence.verify(package, decode=False, trust=Trust(authority=authority))


def said(found: evidence.Verification) -> list[tuple[str, str]]:
    assert all(one.area is Area.SIGNATURE for one in found.differences)
    return [(one.where, one.what) for one in found.differences]


def test_a_query_is_what_openssl_would_ask(authority: Authority) -> None:
    (authority.folder / "lines").write_bytes(LINES)
    asked = _stamp.query(LINES)
    (authority.folder / "own.tsq").write_bytes(asked)
    show = ["ts", "-query", "-text", "-in"]
    own = authority.openssl(*show, "own.tsq").splitlines()
    authority.openssl("ts", "-query", "-data", "lines", "-sha256", "-cert", "-out", "their.tsq")
    their = authority.openssl(*show, "their.tsq").splitlines()
    assert [one for one in own if "Nonce" not in one] == [
        one for one in their if "Nonce" not in one
    ]
    nonce = next(one for one in own if "Nonce" in one).split()[1]
    assert int(nonce, 16) == _stamp.nonce_of(asked, LINES)


def test_every_package_has_a_query_for_its_tag_manifest(whole: Path) -> None:
    manifest = (whole / MANIFEST).read_bytes()
    assert _stamp.nonce_of((whole / QUERY).read_bytes(), manifest) is not None
    found = verify(whole)
    assert found.differences == ()
    assert any("no third party stamped it" in one for one in found.unproved)


def test_a_reply_is_added_once_and_proves_when(package: Path, authority: Authority) -> None:
    reply = authority.reply((package / QUERY).read_bytes())
    stamp = evidence.stamp(package, reply, authority.root)
    assert stamp == Stamp(stamp.at, "CN=Test clock", stamp.serial, checked=True)
    assert abs(stamp.at - datetime.now(UTC)) < timedelta(hours=1)
    assert (package / REPLY).read_bytes() == reply
    found = verify(package, authority.root)
    at = stamp.at.isoformat().replace("+00:00", "Z")
    assert found.differences == ()
    assert (
        f"The manifests existed at {at}: stamped by CN=Test clock, whose signature leads to the"
        " given certificate."
    ) in found.proved
    assert not any("When" in one for one in found.unproved)
    with pytest.raises(EvidenceError, match="bears a time stamp already"):
        evidence.stamp(package, reply, authority.root)


def test_openssl_itself_accepts_the_stamp(package: Path, authority: Authority) -> None:
    evidence.stamp(package, authority.reply((package / QUERY).read_bytes()), authority.root)
    checked = ["ts", "-verify", "-CAfile", "root.pem", "-in", str(package / REPLY)]
    for over in (["-data", str(package / MANIFEST)], ["-queryfile", str(package / QUERY)]):
        assert "Verification: OK" in authority.openssl(*checked, *over)


def test_without_a_certificate_nothing_is_proved(package: Path, authority: Authority) -> None:
    reply = authority.reply((package / QUERY).read_bytes())
    assert not evidence.stamp(package, reply).checked
    found = verify(package)
    assert found.differences == ()
    assert not any("existed" in one for one in found.proved)
    assert any("its signature was not checked. Verify with --authority." in one
               for one in found.unproved)  # fmt: skip


def test_a_stranger_with_the_same_name_is_found(
    package: Path, authority: Authority, stranger: Authority
) -> None:
    reply = stranger.reply((package / QUERY).read_bytes())
    with pytest.raises(EvidenceError, match="the reply does not hold"):
        evidence.stamp(package, reply, authority.root)
    assert not (package / REPLY).exists()
    evidence.stamp(package, reply)
    [(where, what)] = said(verify(package, authority.root))
    assert where == REPLY
    assert "the reply does not hold" in what


def test_a_reply_to_something_else_is_refused(package: Path, authority: Authority) -> None:
    query = (package / QUERY).read_bytes()
    for other, why in (
        (_stamp.query((package / MANIFEST).read_bytes()), "answers another query"),
        (_stamp.query(LINES), "stamps other bytes"),
    ):
        with pytest.raises(EvidenceError, match=why):
            evidence.stamp(package, authority.reply(other))
    refused = authority.reply(query, section="refusing")
    with pytest.raises(EvidenceError, match="did not grant a stamp"):
        evidence.stamp(package, refused)
    assert not (package / REPLY).exists()


def test_certificates_in_any_order_are_read(authority: Authority) -> None:
    """`openssl ts -reply -chain` does not sort them, as DER asks."""
    asked = _stamp.query(LINES)
    reply = authority.reply(asked, "-chain", "root.pem")
    assert _stamp.read(reply, asked, LINES, authority.root).checked
    der = [
        x509.load_pem_x509_certificate((authority.folder / name).read_bytes()).public_bytes(
            serialization.Encoding.DER
        )
        for name in ("root.pem", "ts.pem")
    ]
    ordered = b"".join(sorted(der))
    assert ordered in _stamp._in_order(reply)
    for one in (reply.replace(ordered, b"".join(order)) for order in (der, der[::-1])):
        assert _stamp.read(one, asked, LINES, authority.root).checked


def test_what_is_done_to_query_and_reply_is_named(package: Path, authority: Authority) -> None:
    query = (package / QUERY).read_bytes()
    evidence.stamp(package, authority.reply(query), authority.root)
    (package / QUERY).unlink()
    lost = [(QUERY, "is missing"), (REPLY, "answers no query of this package")]
    assert said(verify(package)) == lost
    for place in range(len(query)):
        changed = bytearray(query)
        changed[place] ^= 1
        nonce = _stamp.nonce_of(bytes(changed), (package / MANIFEST).read_bytes())
        assert nonce is None or nonce != _stamp.nonce_of(query, (package / MANIFEST).read_bytes())
    (package / QUERY).write_bytes(query[:-1] + b"\0")
    assert (QUERY, f"is not the query for this {MANIFEST}") in said(verify(package))
    (package / QUERY).write_bytes(query)
    (package / REPLY).write_bytes(b"no reply")
    [(where, _)] = said(verify(package))
    assert where == REPLY
    (package / REPLY).unlink()
    assert said(verify(package, authority.root)) == [
        (REPLY, "is missing: nobody stamped this package")
    ]


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_no_changed_byte_of_a_reply_gives_another_time_or_signer(authority: Authority) -> None:
    asked = _stamp.query(LINES)
    reply = authority.reply(asked)
    right = _stamp.read(reply, asked, LINES, authority.root)
    refused = 0
    for place in range(0, len(reply), 3):
        changed = bytearray(reply)
        changed[place] ^= 1
        try:
            found = _stamp.read(bytes(changed), asked, LINES, authority.root)
            assert found == right, place
        except EvidenceError:
            refused += 1
    assert refused > len(reply) / 3 * 0.95


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    asked = _stamp.query(LINES)
    for reply in (content, b"\x30\x82" + content, b"\x30\x03\x02\x01\x00" + content):
        with pytest.raises(EvidenceError):
            _stamp.read(reply, asked, LINES, None)


def test_a_certificate_that_is_no_root_is_refused_in_words(
    package: Path, authority: Authority
) -> None:
    reply = authority.reply((package / QUERY).read_bytes())
    with pytest.raises(EvidenceError, match="none of the authority's certificates is a root"):
        evidence.stamp(package, reply, (authority.folder / "ts.pem").read_bytes())
    with pytest.raises(EvidenceError, match="certificate cannot be read"):
        evidence.stamp(package, reply, b"rubbish")


def test_without_the_package_the_extra_is_named(
    package: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = authority.reply((package / QUERY).read_bytes())
    monkeypatch.setattr(_stamp, "find_spec", lambda _: None)
    with pytest.raises(EvidenceError, match=r"pip install 'vidrecover\[evidence\]'"):
        evidence.stamp(package, reply)
    (package / REPLY).write_bytes(reply)
    with pytest.raises(EvidenceError, match=r"pip install 'vidrecover\[evidence\]'"):
        verify(package, authority.root)
    assert any("rfc3161-client is not installed" in one for one in verify(package).unproved)


def test_the_command_line_stamps(package: Path, authority: Authority) -> None:
    (authority.folder / "r.tsr").write_bytes(authority.reply((package / QUERY).read_bytes()))
    root = ["--authority", str(authority.folder / "root.pem")]
    reply = ["--reply", str(authority.folder / "r.tsr")]
    done = CliRunner().invoke(commands, ["stamp", str(package), *reply, *root])
    assert "by CN=Test clock" in done.output
    seen = CliRunner().invoke(commands, ["verify", str(package), "--no-decode", *root])
    assert "stamped by CN=Test clock" in seen.output
