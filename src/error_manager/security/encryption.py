"""Seals bytes with AES-256-GCM under keys derived from one master key (seed box: Security, Encryption).

A sealed blob is ``version | key id | nonce | ciphertext``. What it is bound to (its *context*, such as
``inbox/3/17`` or ``projects/subject_key/1``) goes into the derivation of its key and into the associated
data: a blob that was moved to another place does not open. One key per context also keeps the number of
messages per key far below the 2^32 that NIST allows for random nonces: a segment of the inbox holds some ten
thousand.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from error_manager.core.errors import DataFolderError, SealError

_VERSION: Final = 1
_HEADER: Final = struct.Struct(">BH12s")  # version, key id, nonce
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_DERIVED_KEYS: Final = 512  # contexts in use at once: segments being written and read, one row per project
_CHECK_CONTEXT: Final = "state/master.check"
_CHECK_TEXT: Final = b"error-manager"


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKey:
    """The key from which all others are derived; ``id`` (1 to 65535) is written into each blob."""

    id: int
    secret: bytes = field(repr=False)


class Sealer:
    """Seals and opens bytes under one master key; safe to use from several threads."""

    def __init__(self, master: MasterKey, *, randomness: Callable[[int], bytes] = os.urandom) -> None:
        """Keep the key; ``randomness(n)`` returns n unpredictable bytes."""
        self._master = master
        self._randomness = randomness
        self._cipher = lru_cache(maxsize=_DERIVED_KEYS)(self._derive)

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """Return the sealed bytes, 31 longer than ``plain``."""
        nonce = self._randomness(_NONCE_BYTES)
        header = _HEADER.pack(_VERSION, self._master.id, nonce)
        return header + self._cipher(context).encrypt(nonce, plain, header[:3] + context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """Return what was sealed.

        Raises:
            SealError: changed bytes, another place, another key or an unknown version.
        """
        if len(sealed) < _HEADER.size + _TAG_BYTES:
            raise SealError("The sealed value is cut short.")
        version, key_id, nonce = _HEADER.unpack_from(sealed)
        if (version, key_id) != (_VERSION, self._master.id):
            raise SealError(
                f"The value was sealed as version {version} with key {key_id}, which is not at hand."
            )
        try:
            return self._cipher(context).decrypt(nonce, sealed[_HEADER.size :], sealed[:3] + context.encode())
        except InvalidTag as error:
            raise SealError from error

    def _derive(self, context: str) -> AESGCM:
        derivation = HKDF(
            algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"error-manager/" + context.encode()
        )
        return AESGCM(derivation.derive(self._master.secret))


def load_master_key(path: Path, *, randomness: Callable[[int], bytes] = os.urandom) -> MasterKey:
    """Return the master key of a data folder, ``DIR/keys/master-1.key``; make one when the folder is new.

    Args:
        path: the key file, two folders below the data folder; 32 bytes as 64 hexadecimal digits.
        randomness: returns n unpredictable bytes.

    Raises:
        DataFolderError: the key is missing though sealed data is there, unreadable, or not the one the data
            was sealed with; nothing was touched.
    """
    data_dir = path.parent.parent
    check = data_dir / "state" / "master.check"
    if not path.exists():
        if check.exists() or any((data_dir / "inbox").glob("*/*.sqlite")):
            raise DataFolderError(
                f"{path} is missing, but {data_dir} holds data sealed with it. Put it back from your backup."
            )
        _publish(path, randomness(_KEY_BYTES).hex().encode() + b"\n")
    master = MasterKey(id=1, secret=_read(path))
    _check(master, check, randomness)
    return master


def open_sealer(data_dir: Path) -> Sealer:
    """Return the sealer of a data folder.

    Raises:
        DataFolderError: its master key is missing, unreadable or not the one the data was sealed with.
    """
    return Sealer(load_master_key(data_dir / "keys" / "master-1.key"))


def _read(path: Path) -> bytes:
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise DataFolderError(f"{path} cannot be read as a master key: {error}.") from error
    if len(secret) != _KEY_BYTES:
        raise DataFolderError(f"{path} holds {len(secret)} bytes where a master key has {_KEY_BYTES}.")
    return secret


def _check(master: MasterKey, check: Path, randomness: Callable[[int], bytes]) -> None:
    """Open the note that was sealed at the first start, so that a wrong key is found before it is used."""
    sealer = Sealer(master, randomness=randomness)
    if not check.exists():
        _publish(check, sealer.seal(_CHECK_TEXT, context=_CHECK_CONTEXT))
    try:
        sealer.open(check.read_bytes(), context=_CHECK_CONTEXT)
    except SealError as error:
        raise DataFolderError(
            f"The master key in {check.parents[1] / 'keys'} is not the one this data was sealed with. "
            "Put the right key back."
        ) from error


def _publish(path: Path, content: bytes) -> None:
    """Write a new private file whole, synced, and without replacing one that another process made first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(scratch, path)
        except FileExistsError:
            return
    finally:
        scratch.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
