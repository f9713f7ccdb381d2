"""The script behind docs/tuning.md still runs: one row of each kind of model, three steps each."""

import importlib.util
import re
from pathlib import Path

import pytest

from threetargets import study
from threetargets.stages import prepare

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("cell", ["ddpm_x0_elbo", "vae"])
def test_a_row_has_a_bound_with_its_error(cell, tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("tuning", ROOT / "docs" / "tuning.py")
    tuning = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tuning)
    monkeypatch.chdir(tmp_path)
    params = str(ROOT / "params.yaml")
    prepare.run(study.load(params))
    monkeypatch.setattr(tuning, "PARAMS", params)
    monkeypatch.setattr(tuning, "STEPS", 3)
    capsys.readouterr()
    tuning.row("a label", cell, draws=cell != "vae")
    assert re.match(rf"\| a label \| {cell} \| \d+\.\d+ ± \d+\.\d+ \|", capsys.readouterr().out)
