from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from threetargets.errors import CannotWrite, DataError
from threetargets.tracking import Journal, read, truncate_after


def test_what_is_logged_is_read_back_in_order(tmp_path: Path) -> None:
    with Journal(tmp_path / "run" / "metrics.jsonl") as journal:
        journal.log(10, 640, {"loss": 0.5})
        journal.log(20, 1280, {"loss": 0.25, "validation_loss": 1.0})
    entries = read(tmp_path / "run" / "metrics.jsonl")
    assert [(e["step"], e["images"], e["metrics"]) for e in entries] == [
        (10, 640, {"loss": 0.5}),
        (20, 1280, {"loss": 0.25, "validation_loss": 1.0}),
    ]
    assert entries[0]["time"] <= entries[1]["time"]


def test_every_line_is_plain_json_also_where_the_loss_is_not_a_number(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.log(1, 2, {"loss": math.inf})

    def refuse(text: str) -> None:
        raise AssertionError(text)

    assert json.loads((tmp_path / "j").read_text(), parse_constant=refuse)["metrics"] == {
        "loss": None
    }
    assert math.isnan(read(tmp_path / "j")[0]["metrics"]["loss"])


@pytest.mark.parametrize(
    "torn",
    ["{", '{"step": 3, "ti', '{"step": 3, "time": 1.0, "images": 1, "metrics": {}}', '{"a\n'],
)
def test_a_torn_last_line_is_ignored_and_the_next_entry_does_not_stick_to_it(
    tmp_path: Path, torn: str
) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        journal.log(1, 1, {"loss": 1.0})
    with path.open("a") as file:
        file.write(torn)
    assert [e["step"] for e in read(path)] == [1]
    with Journal(path) as journal:
        journal.log(2, 2, {"loss": 2.0})
    assert [e["step"] for e in read(path)] == [1, 2]


def test_damage_before_the_last_line_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        for step in (1, 2, 3):
            journal.log(step, step, {"loss": 1.0})
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + "garbage\n" + lines[2])
    with pytest.raises(DataError, match="j: line 2 is damaged"):
        read(path)


def test_a_resumed_run_repeats_no_step(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path) as journal:
        for step in range(1, 8):
            journal.log(step, step, {"loss": float(step)})
    before = read(path)
    truncate_after(path, 5)
    with Journal(path) as journal:
        for step in range(6, 11):
            journal.log(step, step, {"loss": float(step)})
    assert [e["step"] for e in read(path)] == list(range(1, 11))
    assert read(path)[:5] == before[:5]


def test_no_journal_is_an_empty_journal(tmp_path: Path) -> None:
    truncate_after(tmp_path / "none", 3)
    assert read(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="file"):
        Journal(tmp_path / "file" / "j")
