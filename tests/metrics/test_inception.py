"""Inception's features are torch-fidelity's own, from weights that are checked and never unpickled.

The real weights are read where THREETARGETS_TEST_MIRROR names a mirror that has them; a stand-in
with random ones takes their place otherwise.
"""

import hashlib
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch_fidelity import calculate_metrics
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.utils import create_feature_extractor

from threetargets.data import pretrained
from threetargets.errors import ConfigError, DataError, MissingInput
from threetargets.metrics import fidelity, inception
from threetargets.study.blocks import Evaluation

N = 10
MIRROR = os.environ.get("THREETARGETS_TEST_MIRROR")


class Untrained(FeatureExtractorInceptionV3):
    def __init__(self):
        nothing = io.BytesIO()
        torch.save({}, nothing)
        nothing.seek(0)
        super().__init__("untrained", ["2048"], feature_extractor_weights_path=nothing)

    def load_state_dict(self, *_, **__):
        pass


@pytest.fixture(scope="module")
def standin(tmp_path_factory):
    """Random weights, scaled so that features do not vanish; the last layer is zero."""
    torch.manual_seed(0)
    module = Untrained()
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    nn.init.zeros_(module.fc.weight)
    nn.init.zeros_(module.fc.bias)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(module.state_dict(), path)
    return path


@pytest.fixture(params=["random", "real"])
def weights(request, standin):
    if request.param == "random":
        return standin
    if not MIRROR:
        pytest.skip("no mirror that holds Inception's weights: set THREETARGETS_TEST_MIRROR")
    try:
        return pretrained.obtain(None, MIRROR)
    except MissingInput as error:
        pytest.skip(str(error))


class Bytes(torch.utils.data.Dataset):
    def __init__(self, images, count):
        grey = np.floor(255 * images.numpy().astype(np.float64) / (count - 1) + 0.5).astype(
            np.uint8
        )
        self.images = torch.from_numpy(np.concatenate([grey] * (3 if grey.shape[1] == 1 else 1), 1))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


@pytest.mark.parametrize(("channels", "count"), [(1, 17)])
def test_same_numbers_as_torch_fidelity_itself(weights, channels, count):
    g = torch.Generator().manual_seed(1)
    first = torch.randint(0, count, (N, channels, 8, 8), generator=g, dtype=torch.uint8)
    second = torch.randint(0, count // 2, (N, channels, 8, 8), generator=g, dtype=torch.uint8)
    whole = calculate_metrics(
        input1=Bytes(first, count),
        input2=Bytes(second, count),
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=weights,
        **dict.fromkeys(("fid", "kid", "prc"), True),
        **{"kid_subsets": 3, "kid_subset_size": N, "prc_neighborhood": 3},
        **{"cuda": False, "cache": False, "save_cpu_ram": True, "verbose": False},
    )
    name = inception.register(weights)
    assert name == f"inception-{hashlib.sha256(weights.read_bytes()).hexdigest()[:16]}"
    batches = []
    features = [
        inception.see(name, images, count, progress=batches.append).double()
        for images in (first, second)
    ]
    assert sum(batches) == 2 * N
    evaluation = Evaluation(kid_subset_size=N, kid_subsets=3, neighbours=3, bootstrap=2)
    found = fidelity.fidelity(features[0], fidelity.Reference(features[1], "test"), evaluation, 0)
    values = {figure.metric: figure.value for figure in found}
    assert values["fid"] > 0.1
    assert values["fid"] == pytest.approx(whole["frechet_inception_distance"], rel=1e-3)
    assert values["kid"] == pytest.approx(whole["kernel_inception_distance_mean"], rel=1e-3)
    assert values["precision"] == pytest.approx(whole["precision"])
    assert values["recall"] == pytest.approx(whole["recall"])


@pytest.mark.parametrize(
    ("count", "want"), [(2, [0, 255]), (17, [0, 16, 32, 48, 64, 80]), (256, [0, 1, 2, 3, 4, 5])]
)
def test_levels_become_bytes_in_three_channels(count, want):
    images = torch.arange(len(want), dtype=torch.uint8).reshape(1, 1, 1, -1)
    seen = inception.ByteImages(images, count)[0]
    assert seen.dtype == torch.uint8 and seen.tolist() == [[want]] * 3
    top = inception.ByteImages(torch.full((1, 3, 1, 1), count - 1, dtype=torch.uint8), count)[0]
    assert top.flatten().tolist() == [255] * 3


def test_colours_stay_where_they_are():
    images = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
    assert torch.equal(inception.ByteImages(images, 256)[0], images[0])
    with pytest.raises(ConfigError, match="1 or 3 channels, not 2"):
        inception.ByteImages(torch.zeros(1, 2, 2, 2, dtype=torch.uint8), 256)


def test_inception_score_is_refused_without_logits(standin, tmp_path):
    name = inception.register(standin)
    images = Bytes(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), 17)
    with pytest.raises(ConfigError, match="zero logits"):
        calculate_metrics(
            input1=images, isc=True, feature_extractor=name, cuda=False, cache=False, verbose=False
        )
    state = inception.read(standin)
    assert not inception.has_logits(state)
    state["fc.bias"][3] = 0.5
    torch.save(state, tmp_path / "whole.pth")
    whole = inception.register(tmp_path / "whole.pth")
    assert create_feature_extractor(whole, ["logits"], cuda=False, verbose=False).fc.bias[3] == 0.5


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_nothing_is_unpickled(tmp_path):
    sprung = tmp_path / "sprung"
    torch.save({"fc.weight": Trap(sprung)}, tmp_path / "trap.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Trap(sprung), protocol=2))
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "list.pth").read_bytes()[:100])
    for name in ("trap", "old", "list", "cut"):
        with pytest.raises(DataError, match=f"{name}.pth: "):
            inception.register(tmp_path / f"{name}.pth")
    assert not sprung.exists()
