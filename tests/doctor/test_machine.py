"""GPU, cores, disk and packages: each check says ok and not ok, and what to do."""

import os
import shutil
from collections import namedtuple
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from doctor.conftest import a_study

from threetargets.data import sources
from threetargets.doctor import estimate, machine

Usage = namedtuple("Usage", "total used free")
MNIST = sources.find("mnist")


def cuda(monkeypatch, free, total=None, bf16=True):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free, total or free))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Fake 1")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bf16)


@pytest.mark.parametrize(
    ("device", "slurm", "state", "said"),
    [
        ("cpu", False, "ok", "not wanted"),
        ("auto", False, "warning", "runs on the CPU"),
        ("cuda", False, "failed", "finds no GPU"),
        ("cuda", True, "warning", "on this node"),
    ],
)
def test_no_gpu(monkeypatch, device, slurm, state, said):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = machine.gpu(a_study(device=device), MNIST, slurm)
    assert found.state == state and said in found.observed and bool(found.todo) == (state != "ok")


def test_gpu_memory(monkeypatch):
    study = a_study(device="cuda")
    cell, need = estimate.training_memory(study, MNIST)
    need += machine.CONTEXT
    cuda(monkeypatch, need + 1)
    assert machine.gpu(study, MNIST, False).state == "ok"
    cuda(monkeypatch, need - 1)
    found = machine.gpu(study, MNIST, False)
    assert found.state == "failed" and cell in found.todo
    cuda(monkeypatch, need - 1, total=10 * need)
    found = machine.gpu(study, MNIST, False)
    assert found.state == "warning" and "another process" in found.todo


def test_gpu_without_bf16(monkeypatch):
    cuda(monkeypatch, 10**12, bf16=False)
    assert machine.gpu(a_study(device="cuda"), MNIST, False).state == "ok"
    found = machine.gpu(a_study(device="cuda", precision="bf16"), MNIST, False)
    assert found.state == "failed" and found.todo == "set precision: fp32"


@pytest.mark.parametrize(
    ("quota", "omp", "have", "state"),
    [
        ("max 100000", "", 8, "ok"),
        ("max 100000", "8", 8, "ok"),
        ("max 100000", "9", 8, "warning"),
        ("250000 100000", "", 2, "warning"),
        ("50000 100000", "", 1, "warning"),
        ("", "", 8, "ok"),
    ],
)
def test_threads(monkeypatch, tmp_path, quota, omp, have, state):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", omp)
    if quota:
        (tmp_path / "cpu.max").write_text(quota)
    found = machine.threads()
    assert machine.cores() == have and found.state == state
    if have < 8:
        assert f"--cores {have}" in found.todo


def test_disk(mnist, monkeypatch):
    need = estimate.disk(mnist, MNIST)
    for spare, state in ((need.kept, "ok"), (1, "warning"), (-1, "failed")):
        free = need.kept + need.checkpoints + spare
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(10**13, 0, free))
        (found,) = machine.disk(mnist, MNIST, to_download=False)
        assert found.state == state, found
    assert found.todo == "free 1 B"
    (found,) = machine.disk(mnist, MNIST, to_download=True)
    assert "12 MB download" in found.observed  # the cache lies on the same file system


def test_what_is_there_already_needs_no_room(mnist, monkeypatch):
    need = estimate.disk(mnist, MNIST)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**13, 0, need.kept))
    assert machine.disk(mnist, MNIST, False)[0].state == "failed"
    folder = Path("results/smoke")
    folder.mkdir(parents=True)
    with (folder / "weights").open("wb") as file:
        file.truncate(need.checkpoints)
    assert machine.disk(mnist, MNIST, False)[0].state != "failed"


def test_unwritable_folder(mnist, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert machine.disk(mnist, MNIST, False)[0].state == "failed"


def test_packages(mnist):
    assert machine.packages().todo == "call it in the repository's folder"
    Path("requirements.lock").write_text(
        f'torch=={version("torch")} \\\n    --hash=sha256:00\nnumpy==0.1 ; python_version < "3"\n'
        f"numpy=={version('numpy')} \\\n"
        "not-installed-here==1 \\\n"
    )
    found = machine.packages()
    assert found.state == "ok" and "2 packages" in found.observed
    Path("requirements.lock").write_text("numpy==0.1 \\\n")
    found = machine.packages()
    assert found.state == "warning" and f"numpy {version('numpy')} for 0.1" in found.observed


def test_parameters_are_those_that_are_trained(mnist):
    """The digits' study, whose weights are known: 650 000 parameters each, as params.yaml
    promises."""
    from threetargets import study as studies

    whole = studies.load(Path(__file__).parents[2] / "params.yaml")
    sizes = estimate.parameters(whole, sources.find("digits"))
    assert set(sizes) == {*whole.cells, "guide", "judge"}
    assert all(sizes[cell] == pytest.approx(650_000, rel=0.03) for cell in whole.cells)
    twice = estimate.disk(
        whole.model_copy(update={"seeds": [0, 1, 2, 3, 4, 5]}), sources.find("digits"), sizes
    )
    once = estimate.disk(whole, sources.find("digits"), sizes)
    judge = 4 * sizes["judge"] + estimate.HEADER
    assert twice.weights - judge == 2 * (once.weights - judge) and twice.samples == 2 * once.samples
    assert twice.data == once.data


def test_estimate_against_a_finished_study():
    """Bytes that `du` found of the default study and of the smoke study, each with logs, MLflow and
    report (MB)."""
    from threetargets import study as studies

    root, digits = Path(__file__).parents[2], sources.find("digits")
    for file, held in (("params.yaml", 100.0), ("config/smoke.yaml", 5.7)):
        assert held / 1.1 < estimate.disk(studies.load(root / file), digits).kept / 1e6 < 1.6 * held


def test_memory_grows_with_batch_and_images(mnist):
    images = (
        estimate.training_memory(mnist, MNIST)[1]
        - estimate.training_memory(mnist, replace(MNIST, shape=(1, 14, 14)))[1]
    )
    assert images > mnist.data.split.train * (784 - 196)
    settings = {
        k: {**v, "batch": 2 * v["batch"]} for k, v in mnist.model_dump()["training"].items()
    }
    more = a_study(data=mnist.model_dump()["data"], training=settings)
    (cell, one), (same, two) = (estimate.training_memory(study, MNIST) for study in (mnist, more))
    assert cell == same and two > one
