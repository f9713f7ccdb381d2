"""Rates that are measured here, against operations counted in another way and a clock that is
known; and what is assumed elsewhere."""

from dataclasses import replace

import pytest
import torch
from doctor.conftest import a_study
from torch.utils._python_dispatch import TorchDispatchMode

from threetargets.data import sources
from threetargets.doctor import rates

DIGITS = sources.find("digits")
CPU = torch.device("cpu")


class Products(TorchDispatchMode):
    """Counts 2 m n k for each matrix product, forwards and backwards."""

    flop = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten.mm.default, torch.ops.aten.addmm.default):
            a, b = args[-2:]
            self.flop += 2 * a.shape[0] * a.shape[1] * b.shape[1]
        return func(*args, **(kwargs or {}))


def test_a_rate_is_operations_over_the_time_of_the_calls_after_the_first(monkeypatch):
    """Calls of 0.15 s, the first of which takes 100 s: 0.4 s are three of them, 0.45 s."""
    clock, calls = [0.0], []

    def call():
        clock[0] += 0.15 if calls else 100.0
        calls.append(clock[0])

    monkeypatch.setattr(rates.time, "process_time", lambda: clock[0])
    assert rates.timed(call, 3e9, CPU) == pytest.approx(3e9 / 0.15)
    assert len(calls) == 1 + 3


@pytest.mark.parametrize("part", [rates._training, rates._calls])
def test_operations_of_a_call_are_the_products_in_it(monkeypatch, part):
    asked = []
    monkeypatch.setattr(rates, "timed", lambda *given: asked.append(given) or 1.0)
    study = a_study(cells=["ddpm_eps_eps-equivalent"], guidance={**GUIDANCE, "cells": []})
    part(study, DIGITS, rates.jobs.trained_runs(study)[0], CPU)
    ((call, operations, device),) = asked
    with Products() as counter:
        call()
    assert operations == counter.flop > 0 and device == CPU


GUIDANCE = a_study().guidance.model_dump(mode="json")


def test_what_is_measured_is_what_is_said(monkeypatch):
    monkeypatch.setattr(rates, "_training", lambda *_: 1e10)
    monkeypatch.setattr(rates, "_calls", lambda *_: 2e10)
    monkeypatch.setattr(rates, "_statistics", lambda: 3e10)
    monkeypatch.setattr(rates.time, "process_time", lambda: 2.5)
    known = rates.of(a_study(), DIGITS)
    assert (known.train, known.infer, known.statistics) == (1e10, 2e10, 3e10)
    assert "1e10 FLOP/s in training (ddpm_x0_elbo), 2e10 FLOP/s in other calls" in known.trust
    assert known.start == rates.CORE.start and known.unit == "core"
    assert known.trust.endswith(f"jobs are forked, in {known.start} s each")


def test_jobs_start_alone_on_a_gpu_and_on_a_cluster(monkeypatch):
    for part in ("_training", "_calls", "_statistics"):
        monkeypatch.setattr(rates, part, lambda *_: 1e10)
    monkeypatch.setattr(rates.time, "process_time", lambda: 2.5)
    known = rates.measured(a_study(), DIGITS, gpu=True)
    assert known.start == 2.5 and known.trust.endswith("a job starts in 2.5 s")
    assert rates.of(a_study(), DIGITS, cluster=True).start == rates.ALONE > rates.CORE.start


def test_where_nothing_can_be_measured_rates_are_assumed_and_say_why(monkeypatch):
    def fails(*_):
        raise RuntimeError("CUDA out of memory\nmore")

    monkeypatch.setattr(rates, "measured", fails)
    known = rates.of(a_study(), DIGITS)
    assert known.train == rates.CORE.train
    assert known.trust.endswith("(nothing was measured: CUDA out of memory)")


@pytest.mark.parametrize(
    ("device", "gpu", "cluster", "known"),
    [
        ("cuda", False, False, rates.GPU),
        ("auto", True, False, rates.GPU),
        ("auto", False, True, rates.GPU),
        ("auto", False, False, rates.CORE),
        ("cpu", True, False, rates.CORE),
        ("cpu", True, True, replace(rates.CORE, start=rates.ALONE)),
    ],
)
def test_device(monkeypatch, device, gpu, cluster, known):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert rates.assumed(a_study(device=device, compile=True), cluster) == known
    eager = rates.assumed(a_study(device=device, compile=False), cluster)
    assert eager.train == (rates.EAGER if known is rates.GPU else rates.CORE.train)


@pytest.mark.parametrize(("device", "cluster"), [("cuda", False), ("auto", True), ("cuda", True)])
def test_another_machine_is_not_measured(monkeypatch, device, cluster):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(rates, "measured", lambda *_: pytest.fail("measured"))
    assert rates.of(a_study(device=device), DIGITS, cluster).unit == "GPU"
