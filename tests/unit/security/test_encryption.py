"""Sealing: what opens, what does not, and the master key of a folder."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.errors import DataFolderError, SealError
from error_manager.security.encryption import MasterKey, Sealer, load_master_key

MASTER = MasterKey(id=1, secret=b"\x01" * 32)
SEALER = Sealer(MASTER)


@given(plain=st.binary(max_size=300), context=st.text(max_size=40))
def test_what_was_sealed_opens_in_its_context(plain: bytes, context: str) -> None:
    """Opening returns what was sealed, 31 bytes shorter than the blob."""
    sealed = SEALER.seal(plain, context=context)
    assert len(sealed) == len(plain) + 31
    assert SEALER.open(sealed, context=context) == plain


def test_a_blob_does_not_open_in_another_place() -> None:
    """A blob moved to another context is refused."""
    with pytest.raises(SealError):
        SEALER.open(SEALER.seal(b"x", context="inbox/0/1"), context="inbox/0/2")


def test_a_blob_does_not_open_with_another_key() -> None:
    """A blob of another master key is refused."""
    with pytest.raises(SealError):
        Sealer(MasterKey(id=1, secret=b"\x02" * 32)).open(SEALER.seal(b"x", context="a"), context="a")


def test_any_flipped_bit_is_found() -> None:
    """Each single bit of a blob is protected, header included."""
    sealed = SEALER.seal(b"secret", context="a")
    for place in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(SealError):
            SEALER.open(bytes(changed), context="a")


@pytest.mark.parametrize("length", [0, 1, 15, 30])
def test_a_cut_blob_is_refused(length: int) -> None:
    """A blob shorter than header and tag is refused."""
    with pytest.raises(SealError):
        SEALER.open(SEALER.seal(b"", context="a")[:length], context="a")


def test_two_blobs_of_the_same_text_differ() -> None:
    """Each blob has its own nonce."""
    assert SEALER.seal(b"x", context="a") != SEALER.seal(b"x", context="a")


def test_the_format_can_be_opened_with_the_library_alone() -> None:
    """Version, key id, nonce, ciphertext: built by hand from HKDF and AES-GCM, it opens."""
    nonce = bytes(range(12))
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"error-manager/a/b").derive(MASTER.secret)
    sealed = b"\x01\x00\x01" + nonce + AESGCM(key).encrypt(nonce, b"text", b"\x01\x00\x01a/b")
    assert SEALER.open(sealed, context="a/b") == b"text"


def test_the_secret_is_not_in_the_repr() -> None:
    """A master key in a log line shows its id only."""
    assert repr(MASTER) == "MasterKey(id=1)"


def test_a_new_folder_gets_a_private_key_that_stays(tmp_path) -> None:
    """The key is made once, 0600, and read again at the next start."""
    path = tmp_path / "keys" / "master-1.key"
    first = load_master_key(path)
    assert load_master_key(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in path.parent.iterdir()) == ["master-1.key"]


def test_a_missing_key_is_not_replaced(tmp_path) -> None:
    """When sealed data is there and the key is gone, start is refused and no key is made."""
    path = tmp_path / "keys" / "master-1.key"
    load_master_key(path)
    path.unlink()
    with pytest.raises(DataFolderError, match="missing"):
        load_master_key(path)
    assert not path.exists()


def test_a_wrong_key_is_found_at_the_start(tmp_path) -> None:
    """A key that is not the one of the data is refused, and left as it is."""
    path = tmp_path / "keys" / "master-1.key"
    load_master_key(path)
    path.write_text("22" * 32)
    with pytest.raises(DataFolderError, match="not the one"):
        load_master_key(path)
    assert path.read_text() == "22" * 32


@pytest.mark.parametrize("content", ["", "zz", "22" * 31])
def test_an_unreadable_key_is_named(tmp_path, content: str) -> None:
    """A key file that is no key is refused with its path."""
    path = tmp_path / "keys" / "master-1.key"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(DataFolderError, match=r"master-1\.key"):
        load_master_key(path)
