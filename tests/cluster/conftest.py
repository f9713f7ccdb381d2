"""A cluster to test on, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster.slurm import CannotStart, Slurm, running


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    try:
        with running(tmp_path_factory.mktemp("slurm")) as cluster:
            yield cluster
    except CannotStart as reason:
        pytest.skip(f"no Slurm: {reason}")
