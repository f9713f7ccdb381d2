"""One thread for every test: OpenMP threads that outnumber free cores make small models many times
slower. And the order of the files, for `make test`, where several processes share them."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

LONGEST = ("cluster", "engines", "faults", "pipeline", "experiments", "tracking", "stages")
"""Folders whose files take minutes: they are begun first, so that none of them is the last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=rank)
