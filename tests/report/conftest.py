"""Made-up results trees, each in a folder of its own that is the present folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report import synthetic

from threetargets.report.reading import collect
from threetargets.report.reading.collect import Results
from threetargets.study.schema import Study

ROOT = Path(__file__).parents[2]
SMALL: dict[str, Any] = {
    "cells": ["vae", "hvae", "ddpm_x0_eps-equivalent", "ddpm_eps_eps-equivalent"],
    "guidance": {
        "gammas": [0, 1, 2, 5],
        "kinds": ["classifier-free"],
        "cells": ["ddpm_eps_eps-equivalent"],
    },
}


@pytest.fixture
def have() -> Callable[..., Results]:
    """The results of a study changed at its top level, without any file."""

    def made(failed: Any = None, missing: Any = None, **changes: Any) -> Results:
        return synthetic.results(
            synthetic.study_of(ROOT / "params.yaml", **changes), failed, missing
        )

    return made


@pytest.fixture
def study() -> Study:
    """The default study, with its whole grid of cells."""
    return synthetic.study_of(ROOT / "params.yaml")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Results]:
    """Write the results of a study changed at its top level, and read them back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "os.fsync", lambda handle: None
    )  # hundreds of small files that nobody needs tomorrow

    def made(failed: Any = None, missing: Any = None, **changes: Any) -> Results:
        changed = synthetic.study_of(ROOT / "params.yaml", **changes)
        synthetic.write_results(changed, failed=failed, missing=missing)
        return collect.load(changed)

    return made
