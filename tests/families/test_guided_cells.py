"""What kinds of guidance change in the trainings and jobs of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from threetargets import families, study
from threetargets.families.diffusion import spec
from threetargets.pipeline import jobs
from threetargets.pipeline.cells import Run
from threetargets.pipeline.identity import identity, identity_fields
from threetargets.study.schema import Study

ROOT = Path(__file__).parents[2]
CELL = "ddpm_eps_eps-equivalent"
CURVE = {"at": [0.1, 0.5], "images": 20, "steps": 5}


def parsed(curve: dict[str, Any] | None = None, **guidance: Any) -> Study:
    """config/guidance.yaml, changed."""
    values = study.load(ROOT / "config/guidance.yaml").model_dump(mode="json")
    values["guidance"] |= guidance
    values["likelihood"]["curve"] = curve
    return study.parse(values, "test")


@pytest.mark.parametrize(
    ("curve", "cells", "at", "steps", "points"),
    [
        (None, [CELL], 0.0625, [188], []),
        (CURVE, [CELL], 0.0625, [188, 300, 1500], [300, 1500]),
        (CURVE, [CELL], 0.1, [300, 1500], [300, 1500]),
        (CURVE, [], 0.0625, [300, 1500], [300, 1500]),
        (None, [], 0.0625, [], []),
    ],
)
def test_the_weak_model_is_kept_beside_the_points_of_the_curve(
    curve: dict[str, Any] | None, cells: list[str], at: float, steps: list[int], points: list[int]
) -> None:
    chosen = parsed(curve, cells=cells, weak_at=at)
    cell = families.parse(CELL)
    assert [*spec.kept(chosen, cell)] == steps
    assert [*spec.curve_steps(chosen, cell)] == points
    assert spec.weak_step(chosen, cell) == (round(3000 * at) if cells else None)


def identities(chosen: Study) -> dict[tuple[str, ...], str]:
    """Of every job of a run, by stage, cell, seed and guidance."""
    some = [job for job in jobs.jobs(chosen) if job.run]
    return {
        (job.stage, job.run.cell, str(job.run.seed), job.guidance): identity(
            chosen, job.stage, job.run, job.guidance
        )
        for job in some
        if job.run
    }


def test_a_key_makes_its_own_kind_stale_and_no_other() -> None:
    before = identities(parsed())
    ends = {"log_snr_min": -1.0, "log_snr_max": 2.6}
    after = identities(parsed(interval=ends))
    stale = {key for key in before if before[key] != after[key] and key[0] != "evaluate"}
    assert stale == {key for key in before if key[3] == "interval"}
    kinds = ["classifier-free", "classifier"]
    without = identities(parsed(kinds=[*kinds, "autoguidance"], interval=None))
    assert {k: v for k, v in before.items() if k in without and k[0] != "evaluate"} == {
        k: v for k, v in without.items() if k[0] != "evaluate"
    }
    run = Run(CELL, 0)
    for kind in kinds:
        assert "guided" not in identity_fields(parsed(), "sample", run, kind)


def test_each_kind_has_its_own_guide() -> None:
    chosen = parsed()
    assert [str(run.cell) for run in jobs.guide_runs(chosen)] == [
        *["guide"] * 3,
        *["guide_clean"] * 3,
    ]
    judge, clean = jobs.judge_runs(chosen)[0], jobs.guide_of(Run(CELL, 2), "classifier-clean")
    assert clean == Run("guide_clean", 2) and judge.seed not in chosen.seeds
    assert jobs.guide_of(Run(CELL, 2), "autoguidance") is None
    two = identity(chosen, "train", Run("guide", 0)), identity(chosen, "train", clean)
    assert len({*two, identity(chosen, "train", judge)}) == 3
