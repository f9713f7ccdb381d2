"""The file formats, on files written by hand."""

import gzip
import struct

import numpy as np
import pytest

from threetargets.data import formats
from threetargets.errors import DataError


def test_idx(tmp_path):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    raw = bytes([0, 0, 8, 3]) + struct.pack(">III", 2, 3, 4) + values.tobytes()
    for name, body in (("plain", raw), ("packed.gz", gzip.compress(raw))):
        (tmp_path / name).write_bytes(body)
        assert np.array_equal(formats.idx(tmp_path / name), values)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x0d\x01" + struct.pack(">I", 1) + b"x", "not an IDX file of unsigned bytes"),
        (b"\0\0\x08\x01" + struct.pack(">I", 5) + b"four", "header says"),
        (b"\0\0\x08\x02" + struct.pack(">I", 1), "not an IDX file"),
    ],
)
def test_damaged_idx(tmp_path, body, said):
    (tmp_path / "x").write_bytes(body)
    with pytest.raises(DataError, match=said):
        formats.idx(tmp_path / "x")


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"x" * 1000)[:-9], b""])
def test_damaged_gzip(tmp_path, body):
    (tmp_path / "x.gz").write_bytes(body)
    with pytest.raises(DataError, match=r"x\.gz: "):
        formats.idx(tmp_path / "x.gz")


def test_amat(tmp_path):
    (tmp_path / "x").write_bytes(b"0 1 1\n1 0 0\n")
    assert formats.amat(tmp_path / "x", 3).tolist() == [[0, 1, 1], [1, 0, 0]]
    for body in (b"0 1 2\n", b"0 1 1\n1", b"0 1 .\n"):
        (tmp_path / "x").write_bytes(body)
        with pytest.raises(DataError, match="expected"):
            formats.amat(tmp_path / "x", 3)


def test_cifar_is_planar_and_starts_with_the_label(tmp_path):
    pixels = np.zeros((2, 3, 32, 32), np.uint8)
    pixels[1, 2, 0, 1] = 77  # blue, first row, second column
    raw = b"".join(
        bytes([label]) + image.tobytes() for label, image in zip((3, 9), pixels, strict=True)
    )
    images, labels = formats.cifar(tmp_path, raw)
    assert np.array_equal(images, pixels) and labels.tolist() == [3, 9]
    assert raw[3073 + 1 + 2 * 1024 + 1] == 77
    with pytest.raises(DataError, match="records of 3073 bytes"):
        formats.cifar(tmp_path, raw[:-1])
