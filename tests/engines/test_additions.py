"""A family, a metric, a topic and a claim, each added by its files and one line of a registry in a
copy of the project: the study runs with them, and they are in the report."""

from __future__ import annotations

import csv
from pathlib import Path

import yaml
from engines.conftest import Clone, clone, micro

METRIC = '''"""How far the features are from their mean."""

from threetargets.metrics.fidelity import Sight
from threetargets.pipeline.records import Figure


def spread(sight: Sight) -> Figure:
    """The root of the mean squared distance of the features to their mean."""
    centred = sight.features - sight.features.mean(0)
    value = float(centred.square().sum(1).mean().sqrt())
    return Figure("feature_spread", value, n=len(centred))
'''
TOPIC = '''"""Whether a topic that is added is shown."""

from threetargets.report.parts.topic import KASY, Claim, Section, Topic
from threetargets.report.parts.verdicts import Finding
from threetargets.report.parts.wording import Table, Text

ROWS = ((Text("added"),),)


def decide(results):
    return Finding("reproduced", f"{len(results.study.cells)} cells")


def sections(results, mirror):
    table = Table("addition", "Addition", ("what",), ROWS, "Nothing but this.")
    return [Section("addition", "An added topic", "", (table,))]


CLAIM = Claim("added-claim", "What is added is decided.", KASY, "None.", "Always.", decide)
TOPIC = Topic("addition", sections, (CLAIM,), lambda results: ["The added topic speaks."])
'''


def add_family(tree: Clone) -> None:
    """A second name for the autoencoder: its folder and a line."""
    families = tree.folder / "src/threetargets/families"
    (families / "again").mkdir()
    for module in (families / "autoencoder").glob("*.py"):
        text = module.read_text()
        for old, new in (
            ("families.autoencoder", "families.again"),
            ('NAME = "autoencoder"', 'NAME = "again"'),
            ('KINDS = ("vae", "hvae")', 'KINDS = ("again",)'),
            ('NAMES = {"vae": "VAE", "hvae": "HVAE"}', 'NAMES = {"again": "Again"}'),
            ('BLOCKS = {"vae": Family, "hvae": Family}', 'BLOCKS = {"again": Family}'),
        ):
            text = text.replace(old, new)
        (families / "again" / module.name).write_text(text)
    last = '    "classifier",\n'
    tree.edit("src/threetargets/families/__init__.py", last, f'{last}    "again",\n')


def add_metric(tree: Clone) -> None:
    (tree.folder / "src/threetargets/metrics/feature_spread.py").write_text(METRIC)
    entry = '"feature_spread": Metric("spread", "", "features", "feature_spread:spread")'
    first = "SAMPLES: dict[str, Metric] = {\n"
    tree.edit("src/threetargets/metrics/catalogue.py", first, f"{first}    {entry},\n")


def add_topic(tree: Clone) -> None:
    (tree.folder / "src/threetargets/report/topics/addition.py").write_text(TOPIC)
    last = '    "of_models.costs",\n)'
    new = '    "of_models.costs",\n    "addition",\n)'
    tree.edit("src/threetargets/report/topics/__init__.py", last, new)


def test_each_is_added_in_its_place_and_appears_in_the_report(tmp_path: Path) -> None:
    tree = clone(tmp_path / "tree")
    add_family(tree)
    add_metric(tree)
    add_topic(tree)
    values = micro()
    values["cells"] = ["again", "again_small", *values["cells"]]
    values["again"] = {**values["vae"], "variants": {"small": {"latents": [2]}}}
    values["training"]["again"] = values["training"]["vae"]
    usual = ["fid", "kid", "precision", "recall", "accuracy", "entropy"]
    values["evaluation"]["metrics"] = [*usual, "feature_spread"]
    (tree.folder / "params.yaml").write_text(yaml.safe_dump(values))
    tree.run("snakemake", "--cores", "2", "--quiet", "all")

    folder = tree.folder / "reports" / "micro"
    text = (folder / "report.md").read_text()
    assert "Again" in text and "Again · small" in text
    assert "spread" in text and "| feature_spread |" not in text
    assert "## An added topic" in text and "The added topic speaks." in text
    assert "| added-claim | reproduced |" in text
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    spread = [row for row in rows if row["metric"] == "feature_spread"]
    assert {row["model"] for row in spread} == {"again", "again_small", "vae", "ddpm", "data"}
    assert all(float(row["value"]) > 0 and row["status"] == "ok" for row in spread)
    assert {row["status"] for row in rows if row["metric"] == "bound_bpd"} == {"ok"}
