"""A study with data, sample files and a judge that reads the digits' pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from threetargets import files
from threetargets import study as studies
from threetargets.data import read
from threetargets.pipeline import jobs, paths
from threetargets.pipeline.cells import Run
from threetargets.pipeline.records import Record
from threetargets.stages import evaluate, prepare

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
GUIDED = Run("ddpm_eps_eps-equivalent", 0)
N = 120


class Judge(nn.Module):
    """Features: the pixels. Logits: least squares on the training split, sharp enough to be sure of
    itself."""

    def __init__(self, study):
        super().__init__()
        train = read.load_split(study, "train")
        x = (2 * train.images.double() + 1) / 17 - 1
        x = torch.cat([x.flatten(1), torch.ones(len(x), 1, dtype=torch.float64)], 1)
        y = nn.functional.one_hot(train.labels, 10).double()
        self.register_buffer("weight", (20 * torch.linalg.lstsq(x, y).solution).float())

    def features(self, x):
        return x.flatten(1)

    def logits(self, x):
        return self.features(x) @ self.weight[:-1] + self.weight[-1]


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {
        **PARAMS,
        "cells": ["vae", GUIDED.cell],
        "guidance": {
            "cells": [GUIDED.cell],
            "kinds": ["classifier", "classifier-free"],
            "gammas": [0, 2],
        },
        "sampling": {**PARAMS["sampling"], "images": N},
        "evaluation": {**PARAMS["evaluation"], "kid_subset_size": 50, "bootstrap": 5},
        "device": "cpu",
    }
    study = studies.parse(values, "test")
    prepare.run(study)
    weights = paths.run_dir(study, jobs.judge_runs(study)[0]) / "weights.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"abc")
    monkeypatch.setattr(evaluate, "load", lambda study, manifest, run, device: Judge(study))
    return study


def write_record(path, stage, run, guidance="", status="ok", reason=""):
    record = Record(stage, "digits", run.cell, run.seed, "0" * 16, guidance, status, reason)
    files.write_json(path, record.json())


def write_samples(study, run, labelled=True, failed=()):
    """Test images as samples: asked for by their own labels, or without labels."""
    write_record(paths.run_dir(study, run) / "train.json", "train", run)
    test = read.load_split(study, "test")
    for guidance in jobs.guidances(study, run):
        bad = guidance in failed
        folder = paths.sample_dir(study, run, guidance)
        write_record(
            folder / "sample.json",
            "sample",
            run,
            guidance,
            *(("failed", "guide diverged") if bad else ()),
        )
        for gamma in jobs.gammas(study, guidance):
            n = 0 if bad else N
            labels = test.labels[:n].numpy() if labelled else np.full(n, -1)
            files.write_arrays(
                folder / f"gamma{gamma}.npz", levels=test.images[:n].numpy(), labels=labels
            )


def result(study, run):
    return Record.of(files.read_json(paths.run_dir(study, run) / "evaluate.json"))
