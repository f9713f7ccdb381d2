"""The file formats of the data sets. None of them runs code (no pickle), and nothing is unpacked
onto the disk."""

from __future__ import annotations

import gzip
import math
import struct
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from threetargets.errors import DataError

CIFAR_IMAGE = 3 * 32 * 32


def unzipped(path: Path) -> bytes:
    """The content of a file, unpacked where its name ends in .gz. Raises DataError."""
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch it again") from None


def idx(path: Path) -> np.ndarray:
    """An array of unsigned bytes in the IDX format of MNIST: two zero bytes, type 8, the number of
    axes, their lengths as big-endian 32-bit numbers, the values."""
    raw = unzipped(path)
    if len(raw) < 4 or raw[:3] != b"\0\0\x08" or len(raw) < 4 + 4 * raw[3]:
        raise DataError(f"{path}: not an IDX file of unsigned bytes")
    lengths = struct.unpack(f">{raw[3]}I", raw[4 : 4 + 4 * raw[3]])
    if len(raw) != 4 + 4 * raw[3] + math.prod(lengths):
        raise DataError(f"{path}: an IDX file of {len(raw)} bytes whose header says {lengths}")
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(lengths)


def amat(path: Path, dims: int) -> np.ndarray:
    """Rows of `dims` binary digits with a separator after each, as text; uint8 (N, dims)."""
    raw = np.frombuffer(unzipped(path), np.uint8)
    if len(raw) % (2 * dims):
        raise DataError(f"{path}: expected rows of {dims} digits, found {len(raw)} bytes")
    values = raw.reshape(-1, dims, 2)[:, :, 0] - ord("0")
    if values.max(initial=0) > 1:
        raise DataError(f"{path}: expected digits 0 and 1 only")
    return values


def cifar(path: Path, raw: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3, 32, 32) and labels (N,) of CIFAR-10's binary version: one byte of label and
    3072 of pixels each."""
    if len(raw) % (1 + CIFAR_IMAGE):
        raise DataError(
            f"{path}: expected records of {1 + CIFAR_IMAGE} bytes, found {len(raw)} bytes"
        )
    rows = np.frombuffer(raw, np.uint8).reshape(-1, 1 + CIFAR_IMAGE)
    return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0]


def members(path: Path, names: Sequence[str]) -> list[bytes]:
    """The contents of exactly these files of a .tar.gz archive, read into memory: no name in it
    becomes a path, so neither `../` nor links lead anywhere. Raises DataError where one is missing
    or no plain file."""
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.name in names and member.isfile():
                    content = archive.extractfile(member)
                    assert content is not None
                    contents[member.name] = content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole .tar.gz archive ({error}); fetch it again") from None
    lacking = [name for name in names if name not in contents]
    if lacking:
        raise DataError(f"{path}: the archive has no file {', '.join(lacking)}")
    return [contents[name] for name in names]
