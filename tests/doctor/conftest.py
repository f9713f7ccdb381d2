"""Studies to examine, in a folder of their own."""

from pathlib import Path

import pytest
import yaml

from threetargets import study as studies

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "config/smoke.yaml").read_text())


def a_study(**changed):
    return studies.parse({**PARAMS, **changed}, "test")


@pytest.fixture
def mnist(monkeypatch, tmp_path):
    """A study on MNIST in an empty folder, with an empty cache and no mirror."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path / "cache"))
    for name in ("THREETARGETS_MIRROR", "MLFLOW_TRACKING_URI", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    split = {"train": 55000, "validation": 5000, "test": 10000}
    return a_study(data={"name": "mnist", "split": split, "mirror": None})
