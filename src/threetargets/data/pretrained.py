"""The weights of Inception v3, by whose features FID and its kin are published: where they are, and
their digests."""

from __future__ import annotations

import os
from pathlib import Path

from threetargets.data import download, fetch
from threetargets.data.download import File
from threetargets.errors import DataError, MissingInput

VARIABLE = "THREETARGETS_INCEPTION"
TORCH_FIDELITY = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0"
PYTORCH_FID = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights"
STANDARD = File(
    path="inception/weights-inception-2015-12-05-6726825d.pth",
    size=95628359,
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    addresses=(
        f"{TORCH_FIDELITY}/weights-inception-2015-12-05-6726825d.pth",
        f"{PYTORCH_FID}/pt_inception-2015-12-05-6726825d.pth",
    ),  # the same file
)
FEATURES_ONLY = File(  # as mirrors keep it: the layer behind the features is zero
    path="inception/inception-2015-12-05-features.pth",
    size=95728827,
    sha256="30eec4d9c00795fcdccd940789e6d3492a2299d57a8b0e587e110303eb6a66d7",
)
LAYOUTS = ((STANDARD,), (FEATURES_ONLY,))


def obtain(named: str | None, mirror: str | None = None) -> Path:
    """The weights' file, checked: the one that `named` (`evaluation.inception`) or
    THREETARGETS_INCEPTION names, else one from the mirror, the cache or the public address, as data
    files are had.

    Raises MissingInput, and DataError where it is neither of the two files that are known.
    """
    chosen = named or os.environ.get(VARIABLE)
    if not chosen:
        return fetch.obtain("inception (weights)", LAYOUTS, mirror)[0][1]
    path = Path(chosen).expanduser()
    try:
        sha256 = download.digest(path)
    except OSError as error:
        raise MissingInput(
            f"{path}: Inception's weights cannot be read ({error.strerror}); correct "
            f"evaluation.inception or {VARIABLE}"
        ) from None
    known = {file.sha256: file for (file,) in LAYOUTS}
    if sha256 not in known:
        wanted = " or ".join(
            f"{file.sha256[:16]}... ({Path(file.path).name})" for file in known.values()
        )
        raise DataError(f"{path}: has SHA-256 {sha256[:16]}..., expected {wanted}; copy it again")
    return path
