"""Made-up results trees, each in a folder of its own that is the present folder."""

import csv
import io
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from report import synthetic

from threetargets.report import page
from threetargets.report.reading import collect
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
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


VOID = {"meta", "link", "br", "img", "hr", "input"}


Make = Callable[..., Results]
Attributes = list[tuple[str, str | None]]


class Checker(HTMLParser):
    """Collects identifiers, addresses and text, and refuses tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attributes: Attributes) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href", "srcset"):
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: Attributes) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


Full = tuple[Path, Checker]


def checked(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return checker


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    """The whole default study with one failed and one missing run: its page, and the folder it lies
    in."""
    folder = tmp_path_factory.mktemp("full")
    study = synthetic.study_of(ROOT / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("os.fsync", lambda handle: None)
        synthetic.write_results(study)
        written = page.write(collect.load(study), Mirror(12, 0))
        yield folder / written.parent, checked(written.read_text(encoding="utf-8"))
