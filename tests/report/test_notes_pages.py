"""What holds of the topic of each experiment of config/notes.yaml."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from experiments.tiny_notes import TINY
from report.made_up import measured, results
from report.test_page import checked

from threetargets.report.page import write
from threetargets.report.reading.tracked import Mirror


@pytest.mark.parametrize("name", TINY)
def test_the_page_stands_whatever_is_missing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    topic = import_module(f"threetargets.report.topics.of_experiments.{name}").TOPIC
    real = {f.metric: f.value for f in measured(name).figures}
    for missing in ((), (0,), (0, 1, 2)):
        made = results(name, lambda metric, seed: real[metric] * (1 + 0.01 * seed), missing)
        (section,) = topic.sections(made, Mirror())
        assert len(section.plots) == (len(missing) < 3) and 1 <= len(section.tables) <= 2
        for table in section.tables:
            assert all(len(row) == len(table.head) for row in table.rows)
        if not missing:
            texts = [cell.text for table in section.tables for row in table.rows for cell in row]
            assert "missing" not in texts and "failed" not in texts
            assert all(claim.decide(made).verdict != "no data" for claim in topic.claims)
            assert topic.sentences(made)
        if len(missing) == 3:
            assert {claim.decide(made).verdict for claim in topic.claims} == {"no data"}
        html = checked(write(made, Mirror()).read_text(encoding="utf-8"))
        assert topic.id in html.ids


@pytest.mark.parametrize("name", TINY)
def test_without_a_value_nothing_is_reproduced(name: str) -> None:
    """Whichever figure a seed lacks, of claims that would be reproduced with it."""
    topic = import_module(f"threetargets.report.topics.of_experiments.{name}").TOPIC
    real = {f.metric: f.value for f in measured(name).figures}
    made = results(name, lambda metric, seed: real[metric] if seed else None)
    for claim in topic.claims:
        assert claim.decide(made).verdict != "reproduced"
