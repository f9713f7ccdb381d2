"""What a record says of the machine that made it."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from threetargets.pipeline import records


def test_a_distribution_that_is_missing_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """mlflow-skinny is, where MLflow comes in one piece."""
    monkeypatch.setattr(records, "PACKAGES", ("numpy", "a-distribution-that-nobody-has"))
    assert records.provenance("train", "", "cpu", 1)["packages"] == {
        "numpy": version("numpy"),
        "a-distribution-that-nobody-has": "not installed",
    }
