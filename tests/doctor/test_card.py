"""A card that one job leaves idle is warned of, and one that it fills is not."""

import pytest
import torch
import yaml
from doctor.conftest import a_study

from threetargets.data import sources
from threetargets.doctor import card, rates, work

DIGITS = sources.find("digits")


def gpu_study(**changed):
    return a_study(device="cuda", cells=["ddpm_eps_eps-equivalent"], **changed)


def test_nothing_is_said_without_a_gpu():
    assert card.check(a_study(device="cpu"), DIGITS, by_slurm=True) == []


def test_a_step_is_batch_times_an_image():
    """A perceptron's weights cost 2 operations an image forwards, and as many twice backwards, but
    once where nothing flows on to the image and the noise level."""
    study = gpu_study(network={"name": "mlp", "width": 64, "depth": 2})
    dims, width, condition = 64, 64, 32
    first, level = dims * width, condition * 32
    rest = condition**2 + 2 * (condition * 2 * width + 2 * width**2) + width * dims
    run = next(r for r in work.jobs.trained_runs(study) if str(r.cell).startswith("ddpm"))
    by_hand = study.training.ddpm.batch * (4 * (first + level) + 6 * rest)
    assert work.step(study, work.estimate.described(DIGITS), run) == by_hand


@pytest.mark.parametrize(("flop", "state"), [(1.1e12, "ok"), (3e11, "warning")])
def test_the_largest_step_decides(monkeypatch, flop, state):
    """The two networks that were measured: one reached the rate that is assumed, and one a seventh
    of it."""
    monkeypatch.setattr(work, "largest_step", lambda *_: ("a cell", flop))
    (seen,) = card.check(gpu_study(), DIGITS, by_slurm=False)
    assert seen.state == state and f"{1e3 * flop / rates.GPU.train:.1f} ms" in seen.observed
    assert ("gpu=8" in seen.todo) == (state == "warning")


def test_no_more_jobs_than_memory(monkeypatch):
    """At 1.5 GB each, 5 GB are three jobs."""
    monkeypatch.setattr(card.estimate, "training_memory", lambda *_: ("a cell", 500_000_000))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (0, 5_000_000_000))
    (seen,) = card.check(gpu_study(), DIGITS, by_slurm=False)
    assert "--resources gpu=3:" in seen.todo and "1.5 GB each" in seen.todo


@pytest.mark.parametrize(
    ("of_train", "state"),
    [
        ({"runtime": 720}, "warning"),
        ({"gpu": 0, "gres": "'gpu:1'"}, "warning"),
        ({"gpu": 0, "gres": "'shard:1'"}, "ok"),
        ({"gpu": 0, "gres": "'mps:25'"}, "ok"),
    ],
)
def test_a_profile_that_shares_is_not_warned_of(tmp_path, monkeypatch, of_train, state):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / card.slurm.PROFILE
    folder.mkdir(parents=True)
    (folder / "profile.yaml").write_text(yaml.safe_dump({"set-resources": {"train": of_train}}))
    (seen,) = card.check(gpu_study(), DIGITS, by_slurm=True)
    assert seen.state == state
    assert state == "ok" or "Sharing a card" in seen.todo
