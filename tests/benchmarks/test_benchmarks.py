"""The benchmark runs: rates of all that is here, times to a quality, costs and a plan; and a reason
where a GPU is missing. Its figures are no part of these tests."""

import contextlib
import csv
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from threetargets.diffusion.kernel import add_noise
from threetargets.diffusion.schedule import Cosine, table
from threetargets.pipeline.cells import Run

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import costs, filling, ours, planning, quality, sheet, variants  # noqa: E402
from benchmarks.__main__ import measured  # noqa: E402
from benchmarks.rows import Options  # noqa: E402

TINY = Options("cpu", 1, 4, 4, 0.01, quality=0.2, repeats=1, cells=3)


def test_a_row_has_ours_the_peer_s_and_the_limit(tmp_path):
    out = tmp_path / "results.csv"
    out.write_text("work,device,threads,ours,note\nanother,of old,1,5.0,kept\n")
    command = [sys.executable, "-m", "benchmarks", "--out", str(out), "--device", "cpu"]
    sizes = ["--seconds", "0.01", "--sampled", "4", "--batch", "4", "--only", "likelihood"]
    done = subprocess.run(
        [*command, *sizes, "--note", "beside tests"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kept, row = csv.DictReader(out.read_text().splitlines())
    assert (kept["work"], kept["ours"], kept["note"]) == ("another", "5.0", "kept")
    assert row["work"] == "likelihood U-Net" and row["threads"] == "1"
    ours, peer, limit = (float(row[name]) for name in ("ours", "peer", "limit"))
    assert 0 < ours < 1e5 and 0 < peer < 1e5 and 0 < limit < 1e5
    assert abs(float(row["ratio_to_peer"]) - ours / peer) < 0.02 + 0.1 / peer
    assert "diffusers" in row["versions"] and "torch" in row["versions"]
    assert row["note"] == "beside tests"


def test_what_needs_a_gpu_is_skipped_with_its_reason(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert measured(TINY, "graph", 1.0) == []
    printed = capsys.readouterr().err
    assert printed.startswith("skipped, torch finds no GPU: GPU: train, graph")


@pytest.mark.parametrize("name", ["train, graph", "sample, channels last"])
def test_the_ways_of_a_gpu_can_be_taken(name):
    """But for the compiler, on a CPU; each with the operations of the eager one."""
    way, eager = variants.VARIANTS[name]
    row = way(TINY)
    row.work()
    assert row.images == 4 and row.operations == eager(TINY).operations > 0


def test_stacked_weights_have_the_gradients_of_each_model():
    models = [
        ours.model_of({"name": "unet", "width": 4, "depth": 1}, Run(ours.RUN.cell, k))
        for k in range(2)
    ]
    g = torch.Generator().manual_seed(0)
    for model in models:
        variants.static(model, torch.device("cpu"))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.1, generator=g)
    images = torch.randint(0, 256, (2, 3, 1, 28, 28), generator=g).to(torch.uint8)
    labels, i = torch.zeros(2, 3, dtype=torch.int64), torch.tensor([[1, 20, 90], [3, 40, 99]])
    eps = torch.randn(2, 3, 1, 28, 28, generator=g)
    parameters, gradients = filling.stack(models)
    together = gradients(list(parameters), images, labels, i, eps)
    for k, model in enumerate(models):
        model.zero_grad()
        filling.Objective(model)(images[k], labels[k], i[k], eps[k]).backward()
        own = [parameter.grad for parameter in model.parameters()]
        assert any(float(slope.abs().max()) > 1e-3 for slope in own)
        for slope, of_all in zip(own, together, strict=True):
            torch.testing.assert_close(of_all[k], slope, rtol=1e-3, atol=1e-6)


class Rates:
    """A pipe to a training whose rates are known."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def send(self, _):
        self.asked += 1

    def poll(self, _):
        return True

    def recv(self):
        if not self.answers:
            raise EOFError
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ([0.0] + 5 * [2.0], {"ours": "5.0", "peer": "4.0", "ratio_to_peer": "1.25"}),
        ([0.0, 2.0], {"note": "the process has ended"}),
        (["RuntimeError: no memory"], {"note": "RuntimeError: no memory"}),
    ],
)
def test_trainings_side_by_side_are_counted_together(monkeypatch, second, expected):
    pipes = [Rates(0.0, *(5 * [4.0, 3.0])), Rates(*second)]
    monkeypatch.setattr(filling, "started", lambda *_: contextlib.nullcontext(pipes))
    monkeypatch.setattr(filling.os, "sched_getaffinity", lambda _: {0, 1})
    ((name, row),) = filling.side_by_side(TINY).items()
    assert name == "2 trainings side by side"
    assert row.items() >= expected.items()


def test_side_by_side_and_stacked_weights_run():
    ((_, row),) = filling.side_by_side(TINY).items()
    assert 0 < float(row["ours"]) < 1e5 and 0 < float(row["peer"]) < 1e5
    models = filling.stacked(TINY)
    models.work()
    assert models.images == 8 * TINY.batch


def test_a_target_is_reached_on_the_line_between_two_measurements():
    seconds, values = [1.0, 2.0, 4.0, 8.0], [9.0, 5.0, 3.0, 4.0]
    assert quality.reached(seconds, values, 4.0) == 3.0
    assert quality.reached(seconds, values, 5.0) == 2.0
    assert quality.reached(seconds, values, 10.0) == 1.0
    assert quality.reached(seconds, values, 2.9) == math.inf


def test_the_peer_sees_our_noise_levels():
    """Its noised images are ours, and its network is told the number of the level."""
    process = table(Cosine(4.0, -7.0), 50)
    schedule = quality.their_schedule(process)
    g = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, 50, 1, 2, 2, generator=g).double()
    theirs = schedule.add_noise(x, noise, torch.arange(50))
    assert torch.allclose(theirs, add_noise(x, noise, process.log_snr[1:]), atol=1e-4)

    class Told(torch.nn.Module):
        def forward(self, x, number, class_labels):
            numbers.append(number)
            return type("Out", (), {"sample": x})

    numbers = []
    network = quality.ByNumber(Told(), process)
    network(x, process.log_snr[1:], None)
    network(x, (process.log_snr[3:4] + process.log_snr[4:5]) / 2, None)
    assert torch.allclose(numbers[0], torch.arange(50.0), atol=1e-4)
    assert torch.allclose(numbers[1], torch.tensor([2.5]), atol=1e-4)


def test_both_are_trained_and_measured(monkeypatch, capsys):
    """A race of a fifth of a second each; its figures mean nothing."""
    whole = quality.studied(TINY)
    judge = whole.training.judge.model_copy(update={"steps": 20, "checkpoint_every": 20})
    short = whole.training.model_copy(update={"judge": judge})
    monkeypatch.setattr(quality, "studied", lambda _: whole.model_copy(update={"training": short}))
    for name, value in {"SLICES": 2, "LEVELS": 4, "BOUND": 4, "SAMPLED": 8}.items():
        monkeypatch.setattr(quality, name, value)
    rows = quality.time_to_quality(TINY)
    assert set(rows) == {"time to the peer's bound", "time to the peer's FID"}
    for row in rows.values():
        assert float(row["peer"]) > 0 and "digits, 1 seeds" in row["note"]
        assert "not in 0.4 s" in row["note"] or float(row["ours"]) > 0


def test_a_line_through_points():
    exact = costs.line([1.0, 2.0, 4.0], [5.0, 7.0, 11.0])
    assert (exact.fixed, exact.slope) == (pytest.approx(3), pytest.approx(2))
    assert exact.departure < 1e-12
    # Least squares through (0, 1), (1, 1), (2, 4): slope 1.5, fixed 0.5, largest share at (1, 1).
    other = costs.line([0.0, 1.0, 2.0], [1.0, 1.0, 4.0])
    assert (other.fixed, other.slope) == (pytest.approx(0.5), pytest.approx(1.5))
    assert other.departure == pytest.approx(1.0)


def test_a_seed_costs_what_its_commands_take():
    """Of 2 s each, in a study whose data and judge take 6 s: four commands a seed."""
    calls = []

    def run(arguments, folder):
        calls.append(arguments[0])
        return 3.0 if len(calls) <= 2 else 2.0

    (row,) = costs.over_seeds(TINY, run).values()
    assert (row["ours"], row["unit"]) == ("8.0", "s") and "data and judge 6.0 s" in row["note"]
    assert calls == ["prepare", "train", "train", "sample", "likelihood", "evaluate"]


def test_an_image_costs_something(monkeypatch):
    monkeypatch.setitem(costs.IMAGES, "cpu", (2, 4))
    (row,) = costs.over_images(TINY).values()
    assert row["unit"] == "ms" and row["peer_name"] == "diffusers" and row["ratio_to_peer"]


def test_a_plan_has_every_job_of_the_generated_study(monkeypatch):
    """Three cells, one seed: train, sample, likelihood, evaluate of each, the judge's training and
    the floor's evaluation; prepare, calibrate, track, report, index and all."""
    (row,) = planning.planning(TINY).values()
    assert re.search(r"\b(\d+) jobs", row["note"])[1] == str(3 * 4 + 2 + 6)
    assert float(row["ours"]) > 0 and row["limit"] == "10.0"


def test_the_readme_shows_the_committed_table():
    shown = sheet.markdown(sheet.read(sheet.RESULTS))
    assert f"\n\n{shown}\n\n" in (ROOT / "README.md").read_text(), shown
    assert 6 <= len(shown.splitlines()) - 2 <= sheet.SHOWN == 9


def test_the_committed_table_has_its_columns():
    assert sheet.RESULTS.read_text().splitlines()[0].split(",") == list(sheet.COLUMNS)
    assert len({sheet.key(row) for row in sheet.read(sheet.RESULTS)}) == len(
        sheet.read(sheet.RESULTS)
    )
