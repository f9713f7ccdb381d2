"""From operations to hours, and what `threetargets estimate` prints."""

import re
import subprocess
import sys

import pytest
import torch
from doctor.test_hours import DIGITS, ROOT, small

from threetargets import study as studies
from threetargets.doctor import estimate, hours, rates, work
from threetargets.networks import unet


def test_rates_of_a_core_are_those_of_the_network_that_was_timed():
    net = unet.Denoiser((1, 28, 28), 10, 16, 1)
    x, level, label = torch.zeros(1, 1, 28, 28), torch.zeros(1), torch.zeros(1, dtype=torch.int64)
    assert 334 * work.counted(lambda: net(x, level, label).sum().backward()) == pytest.approx(
        rates.CORE.train, rel=0.1
    )
    with torch.no_grad():
        assert 1100 * work.counted(lambda: net(x, level, label)) == pytest.approx(
            rates.CORE.infer, rel=0.1
        )


def test_hours_of_studies_that_were_run():
    """The default study took 14 min 0 s on two cores, and so many core seconds in its jobs."""
    took = sum((923, 80, 478, 19)) / 3600  # train, sample, likelihood, evaluate
    found = hours.hours(work.whole(studies.load(ROOT / "params.yaml"), DIGITS), rates.CORE)
    assert took / 1.5 < sum(found.values()) < 1.5 * took


def test_gpu_hours_are_work_over_rates():
    done = work.Work(
        train=6.5e13,
        sample=3.4e13,
        likelihood=6.8e13,
        evaluate=3.4e13,
        statistics=1e11,
        jobs=4,
        compiled=2,
    )
    found = hours.hours(done, rates.GPU)
    seconds = {"train": 1, "sample": 1, "likelihood": 2, "evaluate": 2, "starts": 4 * 6 + 2 * 60}
    assert {part: round(3600 * value, 9) for part, value in found.items()} == seconds
    assert hours.in_words(done, rates.GPU).startswith("about 2.5 GPU minutes (train 0.017, ")


def test_jobs_are_those_that_write_a_record():
    assert estimate.records(small()) == 6 + 6 + 4 + 5
    assert estimate.records(small(evaluation__extractors=[], guidance__cells=[])) == 4 + 4 + 4


def test_command():
    """In a process of its own, whose time until it measures is what a job takes to start."""
    file = str(ROOT / "config/smoke.yaml")
    command = [sys.executable, "-m", "threetargets", "estimate", "--params", file]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert out[0] == "study smoke: 4 cells x 2 seeds, 11 trainings, 20 sample sets of 100 images"
    assert re.match(
        r"time: about [\d.]+ core minutes \(train [\d.]+, sample .*, starts [\d.]+\)$", out[1]
    )
    assert "FLOP, at rates measured here" in out[2] and out[3].startswith("disk: 8.1 MB (")
    assert out[4] == "download: 0 B, where it is not here yet"
