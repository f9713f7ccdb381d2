"""docs/keys.md: the keys that a choice leaves idle, each row tried; and under each choice every key
of a study, so that one more which is idle is noticed."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from study.changes import DEFAULT, ROOT, changed

from threetargets import study
from threetargets.errors import ConfigError
from threetargets.pipeline import jobs
from threetargets.pipeline.identity import identity

CELLS = ["vae", "hvae", "ddpm_eps_eps-equivalent", "ddpm_x0_elbo"]
CELLS += ["ddpm_x0_native"]
BASE = changed(seeds=[0], cells=CELLS, guidance__cells=["ddpm_eps_eps-equivalent"])
OTHER: dict[str, Any] = {
    "data.name": "mnist",
    "data.mirror": "elsewhere",
    "seeds": [5],
    "cells": ["ddpm_v_elbo"],
    "sampling.sampler": "ancestral",
    "guidance.cells": ["ddpm_x0_elbo"],
    "guidance.kinds": ["classifier"],
    "likelihood.images": 300,
    "likelihood.iwae_images": 300,
    "evaluation.metrics": ["fid", "accuracy"],
    "evaluation.extractors": ["judge", "inception"],
    "evaluation.inception": "elsewhere.pth",
    "tracking.uri": "elsewhere",
    "device": "cpu",
    "processes": 2,
    "precision": "bf16",
    "diffusion.schedule.name": "linear",
    "diffusion.variance": "fixed-small",
    "diffusion.bound_variance": "fixed-small",
    "vae.activation": "tanh",
    "vae.decoder": "gaussian",
    "vae.kl": "monte-carlo",
    "hvae.activation": "tanh",
    "hvae.decoder": "gaussian",
    "hvae.kl": "monte-carlo",
    "classifiers.body": "conv",
}
OTHER |= {f"likelihood.{part}.images": 3 for part in ("ode", "forms", "lengths", "gradients")}
OTHER |= {f"diffusion.time_sampling.{name}": "log-snr" for name in ("native", "eps-equivalent")}
OTHER |= {"diffusion.time_sampling.elbo": "uniform"}
"""Legal values besides those of BASE, where one further or a little less is none."""
ENGINES = ("track", "report")


def rows() -> Iterator[tuple[str, list[str], str]]:
    """(choice, keys, what happens) of each row of the page."""
    for line in (ROOT / "docs/keys.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "With":
            yield cells[0], re.findall(r"`([^`]+)`", cells[1]), cells[2]


ROWS = list(rows())
ANY = "any choice"
CHOICES = list(dict.fromkeys([ANY, *(choice for choice, _, what in ROWS if what == "idle")]))


def assigned(texts: list[str]) -> dict[str, Any]:
    """`a.b: value` as changes."""
    pairs = [next(iter(yaml.safe_load(text).items())) for text in texts]
    return {path.replace(".", "__"): value for path, value in pairs}


def under(choice: str) -> dict[str, Any]:
    named = assigned(re.findall(r"`([^`]+)`", choice))
    if named.get("network__name") == "unet":
        named |= {"network": {"name": "unet", "width": 16, "depth": 1}}
    elif "cells" in named and "guidance__cells" not in named:
        named |= {"guidance__cells": ["ddpm_eps_eps-equivalent"]}
    return changed(BASE, **named)


def keys(values: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        here = f"{path}.{key}".lstrip(".")
        if here == "study" or key in ("experiments", "variants"):
            continue
        if isinstance(value, dict):
            yield from keys(value, here)
        else:
            yield here, value


EVERY = [path for path, _ in keys(DEFAULT)]
OF_A_KIND = {path for path in EVERY if path.startswith("training.") and path[-6:] != ".steps"}
"""Keys of a training block are idle together: one of them stands for all, but under any choice."""


def another(path: str, value: Any) -> Any:
    if path in OTHER and OTHER[path] != value:
        return OTHER[path]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 2 if value % 2 == 0 else value + 1
    if isinstance(value, float):
        return 0.9 * value if value else 0.5
    if isinstance(value, list):
        return [*value[:-1], 7 + sum(value)]
    return f"{value} else"


def jobs_of(values: dict[str, Any], stage: str = "") -> dict[str, Any]:
    """Every job with its identity and its files; of one stage if named."""
    chosen = study.parse(values, "a")
    return {
        f"{job.name} {job.run}": (identity(chosen, job.stage, job.run, job.guidance), job.outputs)
        for job in jobs.jobs(chosen)
        if job.stage not in ENGINES and stage in ("", job.stage)
    }


def matched(patterns: list[str]) -> set[str]:
    return {path for p in patterns for path in EVERY if fnmatch.fnmatchcase(path, p)}


@pytest.mark.parametrize("choice", CHOICES)
def test_idle_are_the_keys_that_the_page_names_and_no_others(choice: str) -> None:
    values = under(choice) if choice != ANY else BASE
    before, idle, refused = jobs_of(values), set[str](), set[str]()
    always = {k for c, names, what in ROWS if c == ANY and what == "idle" for k in matched(names)}
    for path, value in keys(values):
        if choice != ANY and (path in always or path in OF_A_KIND):
            continue
        try:
            after = jobs_of(changed(values, **{path.replace(".", "__"): another(path, value)}))
        except ConfigError:
            refused.add(path)
            continue
        if after == before:
            idle.add(path)
    named = {k for c, names, what in ROWS if (c, what) == (choice, "idle") for k in matched(names)}
    expected = named if choice == ANY else named - always - OF_A_KIND
    assert idle == expected - refused


def test_a_variant_that_no_cell_names_is_idle() -> None:
    variants = {"diffusion__variants": {"long": {"steps": 500}}, "vae__variants": {"z3": {}}}
    assert jobs_of(changed(BASE, **variants)) == jobs_of(BASE)


@pytest.mark.parametrize(("choice", "names", "what"), [r for r in ROWS if r[2] != "idle"])
def test_what_is_refused_absent_or_idle_in_one_stage(
    choice: str, names: list[str], what: str
) -> None:
    values = under(choice)
    study.parse(values, "a")
    if what.startswith("idle in"):
        (stage,) = re.findall(r"`([^`]+)`", what)
        for path in names:
            other = changed(values, **{path.replace(".", "__"): OTHER[path]})
            assert jobs_of(other, stage) == jobs_of(values, stage)
            assert jobs_of(other) != jobs_of(values)
        return
    assert what in ("refused", "absent")
    for path, value in assigned(names).items():
        key = path.rpartition("__")[2]
        line = rf"{key}: unknown key" if what == "absent" else key
        with pytest.raises(ConfigError, match=line):
            study.parse(changed(values, **{path: value}), "a")
