"""One thread for every test: OpenMP threads that outnumber free cores make small models many times
slower. And which tests go together where several processes share them (`make test`)."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

LONGEST = ("cluster", "engines", "faults", "pipeline", "experiments", "tracking", "stages")
"""Folders whose files take minutes: they are begun first, so that none of them is the last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay in one process, since they share what the first of them has made."""

    def rank(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=rank)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name}/{item.path.stem}"))
