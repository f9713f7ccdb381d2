"""The page: whole, self-contained, escaped, the same twice, and honest about what is not there."""

import base64
import csv
import io
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from report import synthetic
from report.conftest import ROOT, SMALL

from threetargets.errors import DataError
from threetargets.files import write_arrays
from threetargets.pipeline import paths
from threetargets.pipeline.cells import Run
from threetargets.report import page
from threetargets.report.reading import calibrated, collect
from threetargets.report.reading.collect import Results
from threetargets.report.reading.tracked import Mirror
from threetargets.report.topics import drawn_samples as samples
from threetargets.study import load

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


def test_the_page_needs_nothing_but_itself(full: Full) -> None:
    folder, html = full
    assert not html.tags & {"script", "link", "iframe", "object", "img"}
    for address in html.addresses:
        inside = address.startswith("#") and address[1:] in html.ids
        assert (
            inside or address.startswith("data:image/png;base64,") or (folder / address).is_file()
        ), address
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    assert len(text) < 3_000_000


def test_identifiers_are_unique_and_every_clip_path_is_there(full: Full) -> None:
    folder, html = full
    assert len(set(html.ids)) == len(html.ids)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(html.ids)


def test_the_answer_comes_first_and_names_the_holes(full: Full) -> None:
    _, html = full
    text = " ".join("".join(html.text).split())
    first = text[: text.index("Models by their bound")]
    for said in ("lowest bound", "lowest FID", "floor", "Cost:", "How sure: 3 seeds"):
        assert said in first
    assert "raw score · native, seed 1: failed in train: loss is not finite at step 2900." in first
    assert "x₀ · elbo, seed 2: missing train, sample, likelihood and evaluate." in first
    assert "nan" not in text.lower().split()


def test_the_floor_on_the_test_split_has_its_own_error_and_no_interval_over_seeds(
    full: Full,
) -> None:
    folder, html = full
    text = " ".join("".join(html.text).split())
    # sqrt(0.975 * 0.025 / 500) = 0.0070, by hand
    assert "Dashed: 0.9750 ± 0.0070 (standard error over 500 test images)" in text
    assert "Real images: 0.9750 ± 0.0070 (standard error over 500 test images)" in text
    assert not re.search(r"± 0\.0+(?![0-9])", text)  # a prior term has one value for all seeds
    for metric in ("accuracy", "entropy"):
        rows = read(folder / "figures" / f"gamma-{metric}.csv")
        assert {(r["floor_low"], r["floor_high"]) for r in rows} == {("", "")}
        assert all(float(r["floor_stderr"]) > 0 for r in rows)
    assert all(r["floor_low"] for r in read(folder / "figures" / "gamma-fid.csv"))


def test_what_is_not_alike_and_what_was_changed_is_said(full: Full) -> None:
    _, html = full
    text = " ".join("".join(html.text).split())
    assert text.count("VAE and HVAE know no labels: like for like is γ = 0 under Guidance.") == 2
    assert (
        text.count("The test split is held fixed; the standard error over its 500 images is") == 4
    )
    assert "rule post hoc" in text and "(Post hoc: slightly had no size" in text
    assert "fixed before the runs" not in text
    assert "lowest FID of the diffusion models" in text
    for said in (
        "T = 250, cosine schedule, log-SNR 4 to −7",
        "seen by 15% of the training images",
        "logistic decoder",
    ):
        assert said in text
    assert "ε and score are one model by construction" in text
    assert "FID excess at elbo weighting" in text


def test_every_part_that_was_asked_for_is_there(full: Full) -> None:
    _, html = full
    sections = [
        "models",
        "grid",
        "comparisons",
        "guidance",
        "samples",
        "noise_levels",
        "training",
        "costs",
        "claims",
    ]
    sections += ["calibration", "errata"]
    assert [i for i in html.ids if i in sections] == sections
    for metric in ("fid", "accuracy", "precision", "recall", "entropy", "kid"):
        assert f"figure-gamma-{metric}" in html.ids
    for cell in ("ddpm_x0_eps-equivalent", "ddpm_score_eps-equivalent"):
        assert f"figure-samples-{cell}-classifier-free" in html.ids
    assert "figure-samples-real" in html.ids
    assert "provenance" in html.ids


def test_a_csv_lies_behind_every_figure_and_every_drawing_is_xml(full: Full) -> None:
    folder, html = full
    drawn = sorted((folder / "figures").glob("*.svg"))
    assert {f"figure-{p.stem}" for p in drawn} == {
        i for i in html.ids if re.fullmatch(r"figure-[a-z].*", i)
    } - {i for i in html.ids if i.endswith("figure_1")}
    for path in drawn:
        ElementTree.fromstring(path.read_text(encoding="utf-8"))
        lines = path.with_suffix(".csv").read_text(encoding="utf-8").splitlines()
        assert len(lines) > 1
    assert len(list((folder / "figures").glob("table-*.csv"))) >= 9


def test_the_curve_behind_the_figure_is_the_mean_of_the_tidy_table(full: Full) -> None:
    folder, _ = full
    tidy = read(folder / "metrics.csv")
    curve = read(folder / "figures" / "gamma-recall.csv")
    assert len(curve) == 2 * 3 * 7
    for row in curve:
        at = {
            "metric": "recall",
            "target": row["cell"].split("_")[1],
            "weighting": "eps-equivalent",
        }
        at |= {"guidance": row["guidance"], "gamma": row["gamma"]}
        values = [float(t["value"]) for t in tidy if all(t[k] == v for k, v in at.items())]
        assert len(values) == 3
        assert float(row["mean"]) == pytest.approx(np.mean(values))
        # t_{0.975, 2} = 4.302653, from the printed table
        width = 2 * 4.302653 * np.std(values, ddof=1) / 3**0.5
        assert float(row["high"]) - float(row["low"]) == pytest.approx(width, rel=1e-6)


def test_markdown_links_to_files_that_are_there_and_its_tables_are_square(full: Full) -> None:
    folder, _ = full
    text = (folder / "report.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 10
    assert all((folder / link).is_file() for link in links)
    width = None
    for line in text.splitlines():
        bars = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        assert width is None or bars is None or bars == width, line
        width = bars


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


def test_the_report_links_the_calibration_and_shows_the_errata(full: Full) -> None:
    folder, html = full
    assert "calibration.html" in html.addresses
    checked((folder / "calibration.html").read_text(encoding="utf-8"))
    text = " ".join("".join(html.text).split())
    assert "a mean: 0.70000 in the place of 0.50000 (corrected: 0.50000)" in text
    assert [r["rows"] for r in read(folder / "figures" / "table-calibration.csv")] == [
        "1 of 1 agree"
    ] * len(synthetic.CALIBRATED)
    assert [r["as printed"] for r in read(folder / "figures" / "table-errata.csv")] == ["σ²"]
    assert [r["meant"] for r in read(folder / "figures" / "table-slips.csv")] == ["p(y | x)"]
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert "(calibration.html)" in markdown
    assert "in the place of 0.50000" in markdown


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
