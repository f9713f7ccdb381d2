"""metrics.csv: its columns, a row for everything that was expected, and nothing that hides a
hole."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from report import effects, synthetic
from report.effects import part

from threetargets.errors import DataError, MissingInput
from threetargets.pipeline import paths
from threetargets.pipeline.cells import Run
from threetargets.report.reading import collect, tidy
from threetargets.report.reading.collect import Place, Results
from threetargets.study.schema import Study
from threetargets.study.yaml import read_mapping

ROOT = Path(__file__).parents[2]
HEADER = ["study", "model", "target", "weighting", "seed", "guidance", "gamma", "metric"]
HEADER += ["value", "stderr", "n", "reference", "extractor", "run_id", "status", "trained_as"]

Make = Callable[..., Results]


def rows(results: Results) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tidy.as_csv(tidy.rows(results)))))


def test_every_headline_figure_of_the_grid_has_one_row(have: Make) -> None:
    results = have(failed=synthetic.FAILED, missing=synthetic.MISSING)
    table = rows(results)
    assert list(table[0]) == HEADER
    keys = [tuple(row[c] for c in HEADER[:8]) for row in table]
    assert len(set(keys)) == len(keys)
    # Counted by hand from params.yaml: 16 cells of 3 seeds, 3 of them swept over 2 guidances of 7
    # gammas.
    assert sum(row["metric"] == "bound_bpd" for row in table) == 16 * 3
    fid = [row for row in table if row["metric"] == "fid"]
    assert len(fid) == (16 + 3 * 2 * 7 + 1) * 3
    assert sum(row["metric"] == "accuracy" for row in table) == (14 + 3 * 2 * 7 + 1) * 3
    assert sum(row["metric"] == "accuracy_test" for row in table) == 3 + 1
    assert sum(row["metric"] == "iwae_1000_bpd" for row in table) == 2 * 3


def test_failed_and_missing_cells_are_rows_without_a_value(have: Make) -> None:
    table = rows(have(failed=synthetic.FAILED, missing=synthetic.MISSING))

    def status(run: Run, metric: str) -> tuple[str, str]:
        found = [
            (r["status"], r["value"])
            for r in table
            if (r["model"], r["target"], r["weighting"], r["seed"], r["metric"])
            == (
                run.cell.kind,
                part(run, "target"),
                part(run, "weighting"),
                str(run.seed),
                metric,
            )
        ]
        assert len(found) == 1
        return found[0]

    assert status(synthetic.FAILED, "bound_bpd") == ("failed", "")
    assert status(synthetic.FAILED, "fid") == ("failed", "")
    assert status(synthetic.MISSING, "bound_bpd") == ("missing", "")
    assert status(Run(synthetic.MISSING.cell, 0), "bound_bpd")[0] == "ok"


def test_a_number_keeps_its_digits_and_names_its_run(have: Make) -> None:
    results = have()
    run = Run("ddpm_eps_elbo", 1)
    (row,) = [
        r
        for r in rows(results)
        if (r["target"], r["weighting"], r["seed"], r["metric"])
        == ("eps", "elbo", "1", "bound_bpd")
    ]
    assert float(row["value"]) == effects.bound(run)
    assert row["run_id"] == results.tracking["runs"]["ddpm_eps_elbo/seed1"]["likelihood"]
    assert (row["n"], row["reference"]) == ("500", "test, 500 images")


def test_what_depends_on_a_failed_training_has_failed(make: Make) -> None:
    results = make(failed=synthetic.FAILED)
    Place("likelihood", synthetic.FAILED).path(results.study).unlink()
    results = collect.load(results.study)
    assert results.status(Place("likelihood", synthetic.FAILED)) == "failed"
    seen = results.observe(synthetic.FAILED.cell, "bound")
    assert seen.failed == (synthetic.FAILED.seed,)
    assert not seen.complete
    assert set(seen.values) == {0, 2}


def test_a_value_that_is_not_finite_is_a_failure_not_a_number(make: Make) -> None:
    results = make()
    place = Place("likelihood", Run("vae", 0))
    text = place.path(results.study).read_text()
    value = repr(results.observe("vae", "bound").values[0])
    place.path(results.study).write_text(text.replace(value, "null", 1))
    results = collect.load(results.study)
    assert results.observe("vae", "bound").failed == (0,)
    (row,) = [
        r
        for r in rows(results)
        if (r["model"], r["seed"], r["metric"]) == ("vae", "0", "bound_bpd")
    ]
    assert (row["status"], row["value"]) == ("failed", "")


@pytest.mark.parametrize("damage", ["{", "[]", '{"stage": "train"}'])
def test_a_damaged_record_is_named(make: Make, damage: str) -> None:
    results = make()
    path = Place("train", Run("vae", 0)).path(results.study)
    path.write_text(damage)
    with pytest.raises(DataError, match=r"vae/seed0/train\.json"):
        collect.load(results.study)


def test_without_data_there_is_no_report(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingInput, match=str(paths.data_dir(study))):
        collect.load(study)


def test_a_cell_that_is_one_model_with_another_has_its_figures_and_names_it(have: Make) -> None:
    """The default study as it is shipped beside the same study with every cell trained: the grid
    has the same rows, those of three cells say which one was trained, and what is swept for the
    one is for the other."""
    shipped = read_mapping(ROOT / "params.yaml")
    results = have(cells=shipped["cells"], guidance=shipped["guidance"])
    table, whole = rows(results), rows(have())
    assert {row["trained_as"] for row in whole} == {""}
    key = ("model", "target", "weighting", "seed", "guidance", "gamma", "metric")
    shown = {tuple(row[c] for c in key): row for row in table}
    unguided = {tuple(row[c] for c in key) for row in whole if not row["gamma"]}
    assert {one for one in shown if not shown[one]["gamma"]} == unguided
    trained_as = {
        f"{row['model']}_{row['target']}_{row['weighting']}": row["trained_as"]
        for row in table
        if row["trained_as"]
    }
    assert trained_as == {
        "ddpm_eps_native": "ddpm_eps_eps-equivalent",
        "ddpm_score_eps-equivalent": "ddpm_eps_eps-equivalent",
        "ddpm_score_elbo": "ddpm_eps_elbo",
    }
    for row in table:
        if row["trained_as"]:
            target, weighting = row["trained_as"].split("_")[1:]
            own = shown[(row["model"], target, weighting, *(row[c] for c in key[3:]))]
            facts = ("value", "stderr", "n", "reference", "extractor", "run_id", "status")
            assert [row[c] for c in facts] == [own[c] for c in facts]
