"""Pages of other studies: with one seed, without guidance, empty, damaged."""

import base64
import io
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report import synthetic
from report.conftest import ROOT, SMALL, Make, checked, read

from threetargets.errors import DataError
from threetargets.files import write_arrays
from threetargets.pipeline import paths
from threetargets.pipeline.cells import Run
from threetargets.report import page
from threetargets.report.reading import calibrated, collect
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics.of_guidance import drawn_samples as samples
from threetargets.study import load


def test_writing_twice_gives_the_same_bytes_and_leaves_nothing_behind(make: Make) -> None:
    results = make(**SMALL)
    folder = page.write(results, Mirror()).parent
    (folder / "figures" / "old.svg").write_text("left from another study")
    before = {
        p.relative_to(folder): p.read_bytes()
        for p in folder.rglob("*")
        if p.name != "old.svg" and p.is_file()
    }
    page.write(results, Mirror())
    after = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert after == before


def test_what_comes_from_files_is_escaped(make: Make) -> None:
    attack = "<script>alert(1)</script>|&"
    results = make(title=attack, **SMALL)
    results.manifest["class_names"] = ["<b>&"] * 10
    record = next(iter(results.records.values()))
    record.reason, record.status, record.command = attack, "failed", attack
    written = page.write(results, Mirror(note=attack))
    html = checked(written.read_text(encoding="utf-8"))
    assert "script" not in html.tags
    assert attack in "".join(html.text)
    lines = (written.parent / "report.md").read_text(encoding="utf-8").splitlines()
    assert not [
        line for line in lines if "<script>" in line and not line.startswith("    ")
    ]  # code blocks are literal


def test_one_seed_has_no_interval_and_says_so(make: Make) -> None:
    results = make(seeds=[0], **SMALL)
    text = "".join(checked(page.write(results, Mirror()).read_text(encoding="utf-8")).text)
    assert "no interval" in text
    assert (
        "±"
        not in text[text.index("Models by their bound") : text.index("Paired comparisons")].split(
            "±0."
        )[0]
    )


@pytest.mark.parametrize("kept", ["nothing", "one cell"])
def test_an_empty_study_is_a_page_of_holes(make: Make, kept: str) -> None:
    results = make(**SMALL)
    records = {
        p: r for p, r in results.records.items() if kept == "one cell" and p.run.cell == "vae"
    }
    shutil.rmtree(paths.results(results.study) / "runs")
    bare = Results(results.study, records, results.manifest, {})
    text = "".join(checked(page.write(bare, Mirror()).read_text(encoding="utf-8")).text)
    assert "missing" in text
    assert "Nothing failed" not in text
    assert "no tracking.json" in text


def test_a_study_without_guidance_or_diffusion_still_has_a_report(make: Make) -> None:
    results = make(cells=["vae", "hvae"], guidance={"cells": []})
    html = checked(page.write(results, Mirror()).read_text(encoding="utf-8"))
    assert "models" in html.ids
    assert "guidance" not in html.ids
    assert "Nothing failed and nothing is missing" in "".join(html.text)


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "config").glob("*.yaml")))
def test_the_other_studies_fit_the_page(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = load(ROOT / "config" / name)
    if not study.cells or study.data.name != "digits":
        pytest.skip("the made-up images are digits")
    synthetic.write_results(study, failed=None, missing=None)
    assert checked(page.write(collect.load(study), Mirror()).read_text(encoding="utf-8")).ids


def test_a_sample_grid_shows_the_right_pixels(make: Make) -> None:
    from PIL import Image

    results = make(**SMALL)
    run = Run("ddpm_eps_eps-equivalent", 0)
    levels = np.zeros((20, 1, 8, 8), dtype=np.uint8)
    labels = np.arange(20) % 10
    levels[labels == 7] = 16
    levels[17] = 5  # the second of its class is not shown
    path = paths.sample_dir(results.study, run, "classifier-free") / "gamma2.npz"
    write_arrays(path, levels=levels, labels=labels)
    plot = samples.guided(results, run.cell, "classifier-free")
    encoded = re.findall(r"base64,([^\"]+)", plot.svg)[0]
    sheet = np.array(Image.open(io.BytesIO(base64.b64decode(encoded))))
    assert sheet.shape == (4 * 9 - 1, 10 * 9 - 1)
    row = sheet[2 * 9 : 2 * 9 + 8]  # gammas 0, 1, 2, 5
    assert (row[:, 7 * 9 : 7 * 9 + 8] == 255).all()
    assert (row[:, 6 * 9 : 6 * 9 + 8] == 0).all()


def test_without_a_calibration_nothing_passes_and_the_report_says_what_is_missing(
    make: Make,
) -> None:
    results = make(**SMALL)
    folder = page.write(results, Mirror()).parent
    assert (folder / "calibration.html").exists()
    shutil.rmtree(collect.calibration_dir(results.study))
    html = checked(page.write(collect.load(results.study), Mirror()).read_text(encoding="utf-8"))
    text = " ".join("".join(html.text).split())
    assert not (folder / "calibration.html").exists()
    assert "calibration.html" not in html.addresses
    assert "Calibration: missing; the claims that it decides have no data." in text
    verdicts = {r["claim"]: r["verdict"] for r in read(folder / "figures" / "table-claims.csv")}
    decided = {verdicts[name] for name in synthetic.CALIBRATED if name}
    assert decided == {"no data", "no data (rule post hoc)"}


def test_a_disagreement_stands_on_the_first_screen(make: Make) -> None:
    results = make(**SMALL)
    values = synthetic.calibration(1.5)
    shown = values["errata"][0]["shown"][0]
    shown["printed"]["measured"] = shown["printed"]["expected"]
    results = replace(results, calibration=calibrated.of(values))
    text = "".join(checked(page.write(results, Mirror()).read_text(encoding="utf-8")).text)
    assert "check-0" in text[: text.index("Models by their bound")]
    assert "slip disagrees with what is known" in text[: text.index("Models by their bound")]


def test_a_damaged_calibration_is_named(make: Make) -> None:
    results = make(**SMALL)
    path = collect.calibration_dir(results.study) / calibrated.FILE
    for damage in ("[]", "{}", '{"checks": [{}]}', "nothing"):
        path.write_text(damage)
        with pytest.raises(DataError, match=r"calibration\.json"):
            collect.load(results.study)
