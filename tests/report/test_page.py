"""The page: whole, self-contained, escaped, the same twice, and honest about what is not there."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from report import synthetic
from report.conftest import Full, checked, read


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
    assert "@import" not in text and "mathdefault" not in text
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
