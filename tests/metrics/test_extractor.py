"""The judge inside torch-fidelity gives what the judge gives."""

import hashlib

import pytest
import torch
from torch import nn
from torch_fidelity import calculate_metrics
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from threetargets.errors import MissingInput
from threetargets.metrics import extractor


class Judge(nn.Module):
    """Features: every pixel and its square; logits: two of them."""

    def features(self, x):
        assert x.dtype == torch.float32
        return torch.cat([x.flatten(1), x.flatten(1) ** 2], 1)

    def logits(self, x):
        return self.features(x)[:, :2]


@pytest.fixture
def images():
    return torch.randint(
        0, 5, (1100, 1, 2, 2), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )


def test_features_of_bin_centres_in_order(images):
    name = extractor.register("judge-order", Judge())
    seen = extractor.see(name, images, 7)
    # K = 7: centres are -6/7, -4/7, -2/7, 0, 2/7, ...
    x = torch.tensor([-6 / 7, -4 / 7, -2 / 7, 0, 2 / 7], dtype=torch.float64)[
        images.long()
    ].flatten(1)
    assert seen.features.dtype == torch.float64 and len(seen) == 1100
    torch.testing.assert_close(seen.features, torch.cat([x, x**2], 1), atol=1e-6, rtol=0)
    torch.testing.assert_close(seen.logits, x[:, :2], atol=1e-6, rtol=0)


def test_registered_once():
    first = extractor.register("judge-once", Judge())
    registered = FEATURE_EXTRACTORS_REGISTRY["judge-once"]
    assert extractor.register("judge-once", Judge()) == first
    assert FEATURE_EXTRACTORS_REGISTRY["judge-once"] is registered


def test_judge_is_left_as_it_was(images):
    judge = Judge()
    judge.scale = nn.Parameter(torch.ones(1))
    judge.train()
    extractor.see(extractor.register("judge-left", judge), images, 5)
    assert judge.training and judge.scale.requires_grad


def test_name_is_that_of_the_weights_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert (
        extractor.name_of(tmp_path / "a") == "judge-ba7816bf8f01cfea"
    )  # SHA-256("abc"), FIPS 180-4
    (tmp_path / "b").write_bytes(b"abd")
    assert extractor.name_of(tmp_path / "b") == "judge-" + hashlib.sha256(b"abd").hexdigest()[:16]
    with pytest.raises(MissingInput, match="none"):
        extractor.name_of(tmp_path / "none")


def test_torch_fidelity_takes_it_by_name(images):
    name = extractor.register("judge-isc", Judge())
    found = calculate_metrics(
        input1=extractor.LevelImages(images, 5),
        feature_extractor=name,
        isc=True,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
        samples_shuffle=False,
        isc_splits=1,
    )
    p = torch.softmax(extractor.see(name, images, 5).logits, 1)
    score = (p * (p / p.mean(0)).log()).sum(1).mean().exp().item()
    assert found["inception_score_mean"] == pytest.approx(score, rel=1e-6)
