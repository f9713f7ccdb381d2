"""Figures of different extractors never share a column; the first extractor has the headline."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable

import pytest
from report import effects, synthetic

from threetargets.errors import Disagreement
from threetargets.pipeline.cells import FLOOR, Run
from threetargets.report import topics
from threetargets.report.parts import comparing as comparisons
from threetargets.report.parts.measures import FID
from threetargets.report.parts.wording import Table
from threetargets.report.reading import collect, tidy
from threetargets.report.reading import tracked as mirror
from threetargets.report.reading.collect import Place, Results
from threetargets.report.topics import claims
from threetargets.report.topics.of_guidance import sweeps
from threetargets.report.topics.of_models import fidelity_tables as extractors
from threetargets.report.topics.of_models import models
from threetargets.tracking import figure_key

Make = Callable[..., Results]
BOTH = {"evaluation": {"extractors": ["judge", "inception"]}}
CELL = "ddpm_eps_eps-equivalent"


def numbers(table: Table, row: str) -> list[str]:
    return next([c.text for c in cells[1:]] for cells in table.rows if cells[0].text == row)


def test_each_extractor_has_a_table_of_its_own(have: Make) -> None:
    judge, inception = extractors.tables(have(**BOTH))
    assert (judge.name, inception.name) == ("fidelity-judge", "fidelity-inception")
    assert judge.head == inception.head == ("model", "FID", "FID∞", "KID", "precision", "recall")
    for one, other in zip(numbers(judge, "VAE"), numbers(inception, "VAE"), strict=True):
        assert float(other.split()[0]) == pytest.approx(
            effects.LARGER * float(one.split()[0]), rel=0.1
        )
    assert float(numbers(inception, "real images (floor)")[0].split()[0]) == pytest.approx(
        55, rel=0.1
    )
    assert effects.EXTRACTOR in judge.caption and effects.INCEPTION not in judge.caption
    assert effects.INCEPTION in inception.caption and effects.EXTRACTOR not in inception.caption
    assert "all three channels" in inception.caption and "round(255 k / 16)" in inception.caption
    assert (
        "N = 500" in inception.caption
        and "floor" in inception.caption
        and "299×299" in inception.caption
    )
    assert "three channels" not in judge.caption


@pytest.mark.parametrize(
    ("chosen", "headline"), [(["judge", "inception"], 1.0), (["inception", "judge"], 50.0)]
)
def test_the_first_extractor_has_the_headline(
    have: Make, chosen: list[str], headline: float
) -> None:
    results, alone = have(evaluation={"extractors": chosen}), have()
    seen, judged = (r.observe(CELL, "fid", "none", "1").values for r in (results, alone))
    assert seen == {seed: headline * value for seed, value in judged.items()}
    floor = results.figure(Run(FLOOR, 0), "fid")
    assert floor is not None and floor.extractor.startswith(chosen[0])
    compared = comparisons.targets(results, FID)
    assert [c.verdict for c in compared] == [c.verdict for c in comparisons.targets(alone, FID)]
    # A ratio: the same, whatever the scale of an extractor's features.
    assert compared[0].difference.interval.mean == pytest.approx(
        comparisons.targets(alone, FID)[0].difference.interval.mean or 0.0
    )
    wanted = {"judge": effects.EXTRACTOR, "inception": effects.INCEPTION}
    for caption in (models.models(results).caption, sweeps.curve(results, "fid").caption):
        assert wanted[chosen[0]] in caption and wanted[chosen[1]] not in caption
    assert dict(claims.decided(results, topics.every_claim())) if headline == 1.0 else True


def test_the_judge_alone_is_as_before(have: Make) -> None:
    results = have()
    assert [t.name for t in extractors.tables(results)] == ["fidelity-judge"] and sweeps.further(
        results
    ) == ()
    assert {
        f.extractor for r in results.records.values() for f in r.figures if f.metric == "fid"
    } == {effects.EXTRACTOR}


def test_without_the_judge_as_extractor_it_still_measures_accuracy(have: Make) -> None:
    results = have(evaluation={"extractors": ["inception"]})
    figure = results.figure(Run(CELL, 0), "accuracy", "none", "1")
    assert figure is not None and figure.extractor == effects.EXTRACTOR
    assert "The judge, whose features" not in sweeps.curve(results, "fid").caption


def test_rows_of_both_extractors_and_of_what_is_missing(have: Make) -> None:
    results = have(missing=synthetic.MISSING, **BOTH)
    table = list(csv.DictReader(io.StringIO(tidy.as_csv(tidy.rows(results)))))
    keys = Counter(
        tuple(v for k, v in row.items() if k not in ("value", "stderr", "status")) for row in table
    )
    assert max(keys.values()) == 1
    fid = [row for row in table if row["metric"] == "fid"]
    assert len(fid) == 2 * (16 + 3 * 2 * 7 + 1) * 3
    lost = [
        (r["extractor"], r["status"])
        for r in fid
        if (r["target"], r["weighting"], r["seed"]) == ("x0", "elbo", "2")
    ]
    assert sorted(lost) == [("", "missing"), ("inception", "missing")]


def test_no_two_figures_of_a_record_have_one_name_in_mlflow(have: Make) -> None:
    results = have(**BOTH)
    for record in results.records.values():
        names = [figure_key(f) for f in record.figures]
        assert len(names) == len(set(names))
    found = mirror.compare(results, synthetic.mirrored(results, figure_key), figure_key)
    assert found.absent == 0 and found.compared > 1000


def test_two_judges_do_not_stand_in_one_report(make: Make) -> None:
    results = make()
    path = Place("evaluate", Run("vae", 1)).path(results.study)
    path.write_text(path.read_text().replace(effects.EXTRACTOR, "judge-9999999999999999"))
    with pytest.raises(Disagreement, match=r"judge-9999999999999999.*judge-0123456789abcdef"):
        collect.load(results.study)
    assert json.loads(path.read_text())["figures"]


def test_further_extractors_have_tables_along_gamma(make: Make) -> None:
    results = make(**BOTH)
    (guidance,) = (s for s in topics.sections(results, mirror.Mirror()) if s.id == "guidance")
    names = [t.name for t in guidance.folded]
    assert {"gamma-fid", "gamma-fid-inception", "gamma-recall-inception"} <= set(names) and len(
        names
    ) == len(set(names))
    (table,) = (t for t in guidance.folded if t.name == "gamma-fid-inception")
    assert effects.INCEPTION in table.caption and effects.EXTRACTOR not in table.caption
