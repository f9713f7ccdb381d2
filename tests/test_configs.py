"""The parameter files that are shipped: each of their models can be built, and what they say of
themselves is so."""

from functools import cache
from pathlib import Path

import pytest
import torch

from threetargets import experiments, families, study
from threetargets.data import sources
from threetargets.doctor import estimate, hours
from threetargets.families import build as models
from threetargets.families.diffusion.model import Ddpm
from threetargets.pipeline import jobs
from threetargets.streams import generator

ROOT = Path(__file__).parents[1]
FILES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "params.yaml", *(ROOT / "config").glob("*.yaml")]
)
ALONE = [f"config/{name}.yaml" for name in ("detectors", "discrete-mnist", "manifold", "notes")]
"""Of experiments alone."""
GPU = ["config/mnist.yaml", "config/fashion-mnist.yaml", "config/cifar10.yaml"]


@cache
def loaded(file):
    return study.load(ROOT / file)


def source_of(file):
    return sources.find(loaded(file).data.name)


def runs(file):
    """One of each cell that is trained."""
    return {run.cell: run for run in jobs.trained_runs(loaded(file))}.values()


@pytest.mark.parametrize("file", FILES)
def test_a_study_is_named_as_its_file(file):
    assert loaded(file).study == ("digits" if file == "params.yaml" else Path(file).stem)


@pytest.mark.parametrize("file", [file for file in FILES if file not in (*GPU, *ALONE)])
def test_every_model_can_be_built(file):
    sizes = estimate.parameters(loaded(file), source_of(file))
    assert set(sizes) == {run.cell for run in runs(file)} and min(sizes.values()) > 0


@pytest.mark.parametrize("file", ALONE)
def test_a_study_of_experiments_alone_needs_no_data(file):
    chosen = loaded(file)
    assert chosen.data is None and not jobs.trained_runs(chosen) and not jobs.measured_runs(chosen)
    assert {run.cell for run in jobs.experiment_runs(chosen)} == set(experiments.of(chosen))


@pytest.mark.parametrize("file", GPU)
def test_every_model_takes_a_training_step(file):
    """On two random images, in the precision of the study: the loss is finite, and the weights
    after the step are."""
    chosen, source = loaded(file), source_of(file)
    images = torch.randint(
        0, source.levels, (2, *source.shape), generator=generator(0, "test"), dtype=torch.uint8
    )
    labels = torch.tensor([0, source.classes - 1])
    for run in runs(file):
        model = models.build(chosen, estimate.described(source), run)
        if isinstance(model, Ddpm):
            model.autocast = torch.bfloat16
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=families.training_of(chosen, run.cell).learning_rate
        )
        loss = model(images, labels, generator(0, "train", 0))
        loss.backward()
        optimizer.step()
        assert torch.isfinite(loss), run
        assert all(torch.isfinite(parameter).all() for parameter in model.parameters()), run


@pytest.mark.parametrize("file", GPU)
def test_the_ladder_is_at_equal_size(file):
    sizes = estimate.parameters(loaded(file), source_of(file))
    compared = [sizes[cell] for cell in loaded(file).cells]
    assert max(compared) < 1.05 * min(compared)


@pytest.mark.parametrize("file", GPU)
def test_the_whole_grid_and_all_official_images(file):
    chosen, default, source = loaded(file), loaded("params.yaml"), source_of(file)
    assert chosen.cells == default.cells and chosen.guidance.cells == default.guidance.cells
    assert len(chosen.seeds) == 5 and set(default.guidance.gammas) <= set(chosen.guidance.gammas)
    (training, _), (test, _) = source.pools
    assert chosen.data.split.train + chosen.data.split.validation == training
    assert chosen.data.split.test == chosen.sampling.images == test
    assert (chosen.device, chosen.precision, chosen.compile) == ("cuda", "bf16", True)


@pytest.mark.parametrize("file", GPU)
def test_the_head_of_a_study_says_what_the_estimate_prints(file):
    said = hours.lines(loaded(file), assumed=True)
    assert "".join(f"#     {line}\n" for line in said) in (ROOT / file).read_text(), "\n".join(said)
    assert 10 < float(said[1].split()[2]) < 60 and said[1].split()[3:5] == ["GPU", "hours"]
