"""Inception's weights are found by name, in the environment, in a mirror; and no other file passes
for them."""

import hashlib

import pytest
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

from threetargets.data import pretrained
from threetargets.data.download import File
from threetargets.errors import DataError, MissingInput


@pytest.fixture
def known(tmp_path, monkeypatch):
    """Two small files in the place of the weights that are known."""
    files = []
    for name in ("STANDARD", "FEATURES_ONLY"):
        content, path = name.encode(), f"inception/{name}.pth"
        files.append(File(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest()))
        (tmp_path / "mirror" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / path).write_bytes(content)
    monkeypatch.setattr(pretrained, "LAYOUTS", tuple((file,) for file in files))
    monkeypatch.delenv(pretrained.VARIABLE, raising=False)
    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "mirror" / "inception"


def test_weights_are_found(known, monkeypatch):
    mirror = str(known.parent)
    assert pretrained.obtain(None, mirror) == known / "STANDARD.pth"
    assert (
        pretrained.obtain(str(known / "FEATURES_ONLY.pth"), mirror) == known / "FEATURES_ONLY.pth"
    )
    monkeypatch.setenv(pretrained.VARIABLE, str(known / "FEATURES_ONLY.pth"))
    assert pretrained.obtain(None, mirror) == known / "FEATURES_ONLY.pth"
    assert pretrained.obtain(str(known / "STANDARD.pth")) == known / "STANDARD.pth"
    monkeypatch.delenv(pretrained.VARIABLE)
    (known / "STANDARD.pth").unlink()
    assert pretrained.obtain(None, mirror) == known / "FEATURES_ONLY.pth"
    (known / "FEATURES_ONLY.pth").unlink()
    with pytest.raises(MissingInput, match=r"STANDARD\.pth or inception/FEATURES_ONLY\.pth"):
        pretrained.obtain(None, mirror)


def test_other_weights_are_refused(known):
    (known / "STANDARD.pth").write_bytes(b"STANDARE")
    for named, mirror in ((str(known / "STANDARD.pth"), None), (None, str(known.parent))):
        with pytest.raises(DataError, match=r"STANDARD\.pth: has SHA-256"):
            pretrained.obtain(named, mirror)
    with pytest.raises(MissingInput, match=r"none\.pth: .*evaluation\.inception"):
        pretrained.obtain(str(known / "none.pth"))


def test_the_public_file_is_the_one_that_torch_fidelity_names():
    assert pretrained.STANDARD.addresses[0] == URL_INCEPTION_V3
    assert URL_INCEPTION_V3.endswith(f"-{pretrained.STANDARD.sha256[:8]}.pth")
