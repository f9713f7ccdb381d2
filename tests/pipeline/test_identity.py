"""What makes a job stale, and what does not: edits of the code, of a copy of the package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline.conftest import ROOT

from threetargets.pipeline import digest

SCRIPT = """
import json, sys
from threetargets import study
from threetargets.pipeline import jobs
from threetargets.pipeline.identity import identity
chosen = study.load(sys.argv[1])
listed = [job for job in jobs.jobs(chosen) if job.stage not in ("track", "report", "index")]
print(json.dumps({
    "/".join([job.stage, *([job.run.cell, str(job.run.seed)] if job.run else []), job.guidance]):
    identity(chosen, job.stage, job.run, job.guidance) for job in listed
}))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, to be edited."""
    shutil.copytree(ROOT / "src" / "threetargets", tmp_path / "src" / "threetargets")
    return tmp_path / "src" / "threetargets"


def identities(package: Path, parameters: Path = ROOT / "config" / "smoke.yaml") -> dict[str, str]:
    """Of every job of the smoke study, or of another one, but the report, by its name."""
    call = [sys.executable, "-c", SCRIPT, str(parameters)]
    env = {**os.environ, "PYTHONPATH": str(package.parent)}
    done = subprocess.run(call, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture
def before(package: Path) -> Iterator[dict[str, str]]:
    yield identities(package)


def edit(package: Path, file: str, old: str, new: str) -> None:
    path = package / file
    text = path.read_text()
    assert old in text, f"{file} has no {old!r}"
    path.write_text(text.replace(old, new, 1))


def changed(package: Path, before: dict[str, str]) -> set[str]:
    after = identities(package)
    assert before.keys() <= after.keys()
    return {name for name in before if before[name] != after[name]}


TARGET = """
def residual_space(a, s, data_std):
    return Pair(helped(a), -torch.ones_like(a))


def helped(a):
    return torch.ones_like(a)


"""
NOTHING = {
    "a comment": ("training/loop.py", "from __future__", "# Said again.\nfrom __future__"),
    "a docstring": ("diffusion/target.py", '"""', '"""Another way to say it. '),
    "a message of a download": ("data/download.py", "def ", "HOST_IS_AWAY = 'away'\n\n\ndef "),
    "a new target": ("diffusion/target.py", "TARGETS: dict", f"{TARGET}TARGETS: dict"),
    "a new weighting": (
        "diffusion/weighting.py",
        'WEIGHTINGS: dict[str, Weighting] = {\n    "native": native,',
        "def squared(target, table, i):\n    return table.log_snr[i] ** 2\n\n\n"
        'WEIGHTINGS: dict[str, Weighting] = {\n    "squared": squared,\n    "native": native,',
    ),
    "a new sampler": ("diffusion/sampler.py", '"heun": heun', '"heun": heun, "again": heun'),
    "a new schedule": (
        "diffusion/schedule.py",
        '"cosine": Cosine,',
        '"cosine": Cosine,\n    "again": Cosine,',
    ),
    "a new network": (
        "networks/registry.py",
        '"mlp": mlp.Denoiser,',
        '"mlp": mlp.Denoiser, "again": mlp.Denoiser,',
    ),
    "a new kind of guidance": (
        "diffusion/guidance.py",
        '    "interval": Kind(',
        '    "again": Kind(build=_again, guide="", reads=""),\n    "interval": Kind(',
    ),
    "a new data set": (
        "data/sources.py",
        '    "digits": Source(',
        '    "again": Source(levels=3, classes=2, pools=((9, OFFICIAL),)),\n    "digits": Source(',
    ),
    "a label in the report": ("families/diffusion/named.py", '"eps": "ε"', '"eps": "noise"'),
}


@pytest.mark.parametrize("what", NOTHING)
def test_what_changes_no_number_makes_nothing_stale(
    what: str, package: Path, before: dict[str, str]
) -> None:
    edit(package, *NOTHING[what])
    if what == "a new target":
        entry = '    "x0": Target(x0_space),'
        edit(
            package,
            "diffusion/target.py",
            entry,
            f'    "residual": Target(residual_space),\n{entry}',
        )
    if what == "a new kind of guidance":
        entry = "def _in_interval("
        edit(
            package,
            "diffusion/guidance.py",
            entry,
            f"def _again(of):\n    return conditional(of.model, of.labels)\n\n\n{entry}",
        )
    # The calibration measures every entry of the registries: a new one, too.
    assert changed(package, before) <= ({"calibrate/"} if "a new" in what else set())


def test_a_new_family_makes_nothing_stale(package: Path, before: dict[str, str]) -> None:
    shutil.copytree(package / "families" / "autoencoder", package / "families" / "again")
    for name in ("spec", "model", "sampling", "likelihood", "operations"):
        path = package / "families" / "again" / f"{name}.py"
        path.write_text(path.read_text().replace("families.autoencoder", "families.again"))
    edit(package, "families/again/spec.py", 'KINDS = ("vae", "hvae")', 'KINDS = ("again",)')
    edit(
        package,
        "families/again/spec.py",
        'BLOCKS = {"vae": Family, "hvae": Family}',
        'BLOCKS = {"again": Family}',
    )
    edit(
        package, "families/__init__.py", '    "classifier",\n', '    "classifier",\n    "again",\n'
    )
    assert changed(package, before) == set()


def test_an_edit_of_a_target_leaves_other_targets_and_families(
    package: Path, before: dict[str, str]
) -> None:
    edit(
        package,
        "diffusion/target.py",
        "return Pair(1.0 / a, -s / a)",
        "return Pair(1.0 / a, -1.0 * s / a)",
    )
    stale = changed(package, before)
    assert {name for name in stale if "ddpm_eps" in name} == {n for n in before if "ddpm_eps" in n}
    rest = {name for name in stale if "ddpm_eps" not in name}
    assert rest == {"calibrate/"}  # it measures every target


def test_an_edit_of_the_loop_trains_everything_again(package: Path, before: dict[str, str]) -> None:
    edit(
        package,
        "training/loop.py",
        "from __future__ import annotations",
        "from __future__ import annotations\n\nFURTHER = 1",
    )
    stale = changed(package, before)
    assert {
        name for name in before if name.startswith(("train/", "sample/", "likelihood/"))
    } <= stale
    assert not {"prepare/", "calibrate/"} & stale


def test_an_edit_of_how_samples_are_measured_leaves_the_models(
    package: Path, before: dict[str, str]
) -> None:
    edit(
        package,
        "metrics/accuracy.py",
        "from __future__ import annotations",
        "from __future__ import annotations\n\nFURTHER = 1",
    )
    stale = changed(package, before)
    assert stale and all(name.startswith("evaluate/") for name in stale)


def test_reading_a_split_imports_no_downloader() -> None:
    code = (
        "import sys, threetargets.data.read\n"
        "print(sorted({'pooch', 'requests', 'urllib3', 'sklearn', 'threetargets.data.download',"
        " 'threetargets.data.sources'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_report_depends_on_every_file_of_its_own() -> None:
    """Topics are loaded by name, from folders in folders."""
    known = set(digest.modules("report"))
    package = ROOT / "src" / "threetargets"
    own = {str(p.relative_to(package)) for p in (package / "report" / "topics").rglob("*.py")}
    assert "report/topics/of_experiments/manifold/figures.py" in own and own <= known
