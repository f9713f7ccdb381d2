"""Every key that a job reads changes its identity, or is one that changes no number; so a key that
is idle (docs/keys.md) is not read. Seen by watching a tiny study run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from study.changes import changed
from study.test_idle import ANY, BASE, ENGINES, ROWS, another, keys, matched

from threetargets import study as studies
from threetargets.errors import ConfigError
from threetargets.pipeline import identity as identities
from threetargets.pipeline import jobs
from threetargets.stages import evaluate, likelihood, prepare, sample, train
from threetargets.study.schema import Study
from threetargets.study.values import Section

SHORT = {"steps": 2, "batch": 8, "warmup_steps": 1}
TINY = changed(
    BASE,
    data__split={"train": 300, "validation": 50, "test": 60},
    cells=["vae", "hvae", "ddpm_eps_eps-equivalent", "ddpm_x0_elbo"],
    device="cpu",
    network={"name": "mlp", "input_skip": False, "width": 16, "depth": 1},
    training={k: block | SHORT for k, block in BASE["training"].items()},
    guidance__gammas=[2.0],
    likelihood={
        **{"images": 20, "draws": 1, "batch": 20, "fit_images": 20, "iwae": [1, 2]},
        "iwae_images": 10,
        "ode": {"images": 2, "steps": 2, "probes": 1},
        "forms": {"images": 2, "draws": 2},
        "lengths": {"images": 2, "steps": [5]},
        "gradients": {"images": 2, "draws": 2},
    },
    diffusion__steps=10,
    **{f"{kind}__{key}": value for kind in ("vae", "hvae") for key, value in {"width": 16}.items()},
    sampling={"sampler": "ddim", "eta": 0.0, "steps": 2, "images": 20, "batch": 20, "clip": True},
    evaluation__kid_subset_size=10,
    evaluation__kid_subsets=2,
    evaluation__bootstrap=2,
    evaluation__fid_parts=[1, 2],
)
GRAPH = {"cells", "seeds", "guidance.cells", "guidance.kinds", "guidance.gammas"}
"""What jobs there are; each gamma is a result of its own."""
NO_NUMBER = {k for choice, names, _ in ROWS if choice == ANY for k in matched(names)} | GRAPH
HANDED_ON = {"diffusion.variance"}
"""To the model, which takes it where it is trained on the bound; the last test is of that."""
STAGES: dict[str, Any] = {
    "train": train,
    "sample": sample,
    "likelihood": likelihood,
    "evaluate": evaluate,
}
ASIDE = (".spec", "diffusion.keys", "families.variants")
ASIDE += ("study.schema", "study.blocks", "study.rules")
"""Modules that hand blocks on, or compute identities."""


class Watch:
    """The keys of a study that code reads, while it is on."""

    def __init__(self) -> None:
        self.places: dict[int, str] = {}
        self.on, self.kind, self.reads = False, "", set[str]()
        self.first: dict[str, set[str]] = {}  # of the whole study

    def walk(self, block: Section, path: str = "") -> None:
        self.places[id(block)] = path
        for key in type(block).model_fields:
            inner = getattr(block, key)
            if isinstance(inner, Section):
                self.walk(inner, f"{path}.{key}".lstrip("."))

    def place(self, block: Section) -> str:
        """Blocks that a spec makes of others stand where these do."""
        made = {"Process": "diffusion", "Schedule": "diffusion.schedule", "Autoencoder": self.kind}
        return self.places.get(id(block), made.get(type(block).__name__, type(block).__name__))

    def note(self, block: Section, names: list[str]) -> None:
        module = sys._getframe(2).f_globals["__name__"]
        if self.on and not module.endswith(ASIDE):
            self.reads |= {f"{self.place(block)}.{key}".lstrip(".") for key in names}


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    one, plain_dump, fields = Watch(), Section.model_dump, identities.identity_fields

    def read(self: Section, name: str) -> Any:
        if name in type(self).model_fields:
            one.note(self, [name])
        return object.__getattribute__(self, name)

    def dump(self: Section, *, exclude: Any = (), **more: Any) -> Any:
        within = more.get("include") or type(self).model_fields
        one.note(self, [key for key in within if key not in exclude])
        return plain_dump(self, exclude=set(exclude) or None, **more)

    def quiet(*arguments: Any) -> Any:
        before, one.on = one.on, False
        try:
            return fields(*arguments)
        finally:
            one.on = before

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("watched"))
        patch.setattr(Section, "__getattribute__", read)
        patch.setattr(Section, "model_dump", dump)
        patch.setattr(identities, "identity_fields", quiet)
        prepare.run(studies.parse(TINY, "a"))
        one.first = beyond(one, TINY)
        yield one


def changing(values: dict[str, Any]) -> dict[str, set[str]]:
    """For every job the keys that change its identity."""

    def of(chosen: Study) -> dict[str, str]:
        return {
            f"{job.name} {job.run}": identities.identity(chosen, job.stage, job.run, job.guidance)
            for job in jobs.jobs(chosen)
            if job.stage not in (*ENGINES, "calibrate")
        }

    before = of(studies.parse(values, "a"))
    by_job = {name: set[str]() for name in before}
    for path, value in keys(values):
        if path in NO_NUMBER:
            continue
        try:
            other = changed(values, **{path.replace(".", "__"): another(path, value)})
            after = of(studies.parse(other, "a"))
        except ConfigError:
            by_job = {name: some | {path} for name, some in by_job.items()}
            continue
        for name in before:
            if after.get(name) != before[name]:
                by_job[name].add(path)
    return by_job


def beyond(watch: Watch, values: dict[str, Any], only: str = "") -> dict[str, set[str]]:
    """Run the jobs of a study, those whose name begins so: what each reads beyond its identity and
    what changes no number."""
    whole = studies.parse(values, "a")
    watch.walk(whole)
    by_job, leaves = changing(values), {path for path, _ in keys(values)}
    more: dict[str, set[str]] = {}
    for job in jobs.jobs(whole):
        name = f"{job.name} {job.run}"
        if job.stage in STAGES and name.startswith(only):
            guidance = {"guidance": job.guidance} if job.stage == "sample" else {}
            watch.reads, watch.kind, watch.on = set(), getattr(job.run.cell, "kind", ""), True
            try:
                STAGES[job.stage].run(whole, job.run, params="a", threads=1, **guidance)
            finally:
                watch.on = False
            assert len(watch.reads & leaves) > 5
            more[name] = (watch.reads & leaves) - by_job[name] - NO_NUMBER - HANDED_ON
    return more


def test_every_key_that_a_job_reads_is_in_its_identity(watch: Watch) -> None:
    assert {name.split("/")[0].split()[0] for name in watch.first} == set(STAGES)
    assert not {name: some for name, some in watch.first.items() if some}


@pytest.mark.parametrize(
    ("changes", "only"),
    [
        ({"sampling__sampler": "heun"}, "sample/none Run(cell='ddpm"),
        ({"sampling__sampler": "ancestral"}, "sample/none Run(cell='ddpm"),
        ({"likelihood__lengths__steps": []}, "likelihood Run(cell='ddpm_x0"),
        ({"evaluation__metrics": ["fid"], "evaluation__fid_parts": []}, "evaluate Run(cell='vae"),
        ({"evaluation__metrics": ["accuracy"]}, "evaluate Run(cell='data"),
    ],
)
def test_nor_does_one_read_what_a_choice_leaves_idle(
    watch: Watch, changes: dict[str, Any], only: str
) -> None:
    more = beyond(watch, changed(TINY, **changes), only)
    assert more and not {name: some for name, some in more.items() if some}


def test_what_is_handed_on_and_not_used_changes_no_bit(watch: Watch) -> None:
    """The variance, of a model that is not trained on the bound and not sampled by it."""
    results = []
    for variance in ("fixed-large", "fixed-small"):
        values = changed(TINY, diffusion__variance=variance)
        beyond(watch, values, "train Run(cell='ddpm_eps")
        beyond(watch, values, "sample/classifier-free")
        folder = Path("results/digits/runs/ddpm_eps_eps-equivalent/seed0")
        files = [folder / "weights.safetensors", folder / "samples/classifier-free/gamma2.npz"]
        results.append([path.read_bytes() for path in files])
        files[1].unlink()
    assert results[0] == results[1]
