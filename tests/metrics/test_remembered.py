"""The features of a reference split are made once, and again where the file is not what it should
be."""

import numpy as np
import pytest
import torch

from threetargets.metrics import fidelity, remembered

FEATURES = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32))


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Asks for the reference; `made` counts how often features were extracted."""
    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path / "cache"))
    made = []

    def see():
        made.append(1)
        return FEATURES

    def ask():
        found = remembered.reference("d1", "inception-1", "test", 30, see)
        torch.testing.assert_close(found.features, FEATURES.double(), rtol=0, atol=0)
        np.testing.assert_allclose(
            found.moments["sigma"], np.cov(FEATURES.double().numpy().T), rtol=1e-12
        )
        assert found.label == "test (n=30)"
        return found

    ask.made = made
    return ask


def test_made_once(asked):
    first, second = asked(), asked()
    assert len(asked.made) == 1
    generated = FEATURES.double() * 2
    plain = fidelity.Reference(FEATURES.double(), "test")
    want = fidelity.frechet_distance(generated, plain)
    assert [fidelity.frechet_distance(generated, one) for one in (first, second)] == pytest.approx(
        [want] * 2
    )


def _another(path):
    with np.load(path) as arrays:
        kept = dict(arrays)
    kept["features"] = kept["features"] + 1
    np.savez(path, **kept)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-300]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x80\x04N."),
        lambda path: np.savez(path, features=np.zeros((30, 5))),
        _another,
    ],
)
def test_damaged_files_are_made_again(asked, damage, capfd):
    asked()
    path = remembered.path_of("d1", "inception-1", "test", 30)
    damage(path)
    asked()
    assert len(asked.made) == 2 and "damaged; made again" in capfd.readouterr().err
    asked()
    assert len(asked.made) == 2


def test_everything_that_features_depend_on_is_in_the_name():
    base = ("d1", "inception-1", "test", 30)
    names = {remembered.path_of(*base)}
    for place, other in enumerate(("d2", "inception-2", "train", 31)):
        names.add(
            remembered.path_of(*(other if i == place else value for i, value in enumerate(base)))
        )
    assert len(names) == 5


def test_a_cache_that_cannot_be_written_is_done_without(asked, tmp_path, capfd):
    (tmp_path / "cache").write_text("a file where the folder should be")
    asked()
    asked()
    assert len(asked.made) == 2 and "are not kept" in capfd.readouterr().err
