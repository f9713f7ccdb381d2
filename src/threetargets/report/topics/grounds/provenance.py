"""What the numbers rest on: commit, configuration, packages, machine, data, and whether MLflow has
the same figures."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from threetargets.pipeline.digest import code_digest
from threetargets.pipeline.identity import identity
from threetargets.report.parts.topic import Section, Topic
from threetargets.report.parts.wording import Table, Text, of
from threetargets.report.reading.collect import Results, places
from threetargets.report.reading.tracked import Mirror


def configuration_digest(results: Results) -> str:
    """16 hexadecimal digits: SHA-256 over every parameter of the study."""
    text = json.dumps(results.study.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _distinct(values: Iterable[Any]) -> Text:
    """The values with how many records have each, the most frequent first; one value stands
    alone."""
    counts = Counter(str(v) for v in values if v not in (None, ""))
    if not counts:
        return Text("not recorded", "missing")
    if len(counts) == 1:
        return Text(next(iter(counts)))
    return Text(
        "; ".join(
            f"{value} ({of(n, 'record')})"
            for value, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ),
        "holes",
    )


def stale(results: Results) -> int:
    """Records whose identity is not the one that the present parameters and code give."""
    return sum(
        record.identity != identity(results.study, place.stage, place.run, place.guidance)
        for place, record in results.records.items()
    )


def tracking_state(results: Results, mirror: Mirror) -> Text:
    """One line on MLflow: what was compared, or why it was not."""
    if not results.tracking:
        return Text("no tracking.json: figures were not compared with MLflow", "missing")
    if mirror.note:
        return Text(f"{mirror.note}: figures were not compared", "missing")
    sentence = (
        f"experiment {results.tracking.get('experiment', '')}: "
        f"{of(mirror.compared, 'figure')} compared, all agree"
    )
    if mirror.absent:
        sentence += f"; {mirror.absent} not in MLflow"
    state = str(results.tracking.get("state", "unknown"))
    if state != "complete":
        reason = str(results.tracking.get("reason", ""))
        sentence += f"; the mirror is {state}{': ' + reason if reason else ''}"
    return Text(sentence, "" if state == "complete" and not mirror.absent else "holes")


def calibration_state(results: Results) -> Text:
    """Whether the calibration is of the present code."""
    if results.calibration is None:
        return Text("missing", "missing")
    digest = str(results.calibration.provenance.get("code_digest", ""))
    if digest != code_digest("calibrate"):
        return Text(f"code {digest}, which is not the present code", "holes")
    return Text(f"code {digest}")


TABLE_CAPTION = (
    "Collected from the records of all stages; where records differ, every value is shown "
    "with the number of records that have it."
)


def _of_data(manifest: dict[str, Any]) -> list[tuple[str, Text]]:
    """What the images were, and where they came from."""
    splits = manifest.get("splits", {})
    source = manifest.get("source", {})
    rows_in_words = (
        source
        if isinstance(source, str)
        else ", ".join(f"{k}: {v}" for k, v in source.items() if isinstance(v, str | int | float))
    )
    return [
        (
            "data",
            Text(
                f"{manifest.get('name', '')}, "
                + ", ".join(f"{k} {v.get('n')}" for k, v in splits.items())
            ),
        ),
        ("data digest", Text(str(manifest.get("digest", "")))),
        ("data source", Text(rows_in_words or "not recorded", "" if rows_in_words else "missing")),
    ]


def table(results: Results, mirror: Mirror) -> Table:
    """The provenance, one fact a row."""
    study, manifest = results.study, results.manifest
    sources = [r.provenance for r in results.records.values()]
    packages = [
        " ".join(f"{k} {v}" for k, v in sorted(p.get("packages", {}).items())) for p in sources
    ]
    changed = sum(bool(p.get("modified")) for p in sources)
    commit = _distinct(p.get("commit") for p in sources)
    expected = len(list(places(study)))
    old = stale(results)
    rows = [
        ("commit", commit),
        (
            "uncommitted changes",
            Text("none") if not changed else Text(f"in {of(changed, 'record')}", "holes"),
        ),
        ("configuration", Text(configuration_digest(results))),
        (
            "records",
            Text(
                f"{len(results.records)} of {expected} expected",
                "" if len(results.records) == expected else "holes",
            ),
        ),
        (
            "up to date",
            Text("every record is of these parameters and this code")
            if not old
            else Text(
                f"{of(old, 'record')} of other parameters or code than the present ones", "holes"
            ),
        ),
        *(_of_data(manifest) if study.cells else []),
        ("python", _distinct(p.get("python") for p in sources)),
        ("packages", _distinct(packages)),
        ("platform", _distinct(p.get("platform") for p in sources)),
        ("processor", _distinct(p.get("processor") for p in sources)),
        ("cores", _distinct(p.get("cores") for p in sources)),
        ("device", _distinct(p.get("device") for p in sources)),
        ("threads of a job", _distinct(p.get("threads") for p in sources)),
        (
            "time in all stages",
            Text(f"{sum(r.seconds for r in results.records.values()):,.0f} s".replace(",", " ")),
        ),
        ("calibration", calibration_state(results)),
        ("MLflow", tracking_state(results, mirror)),
    ]
    caption = TABLE_CAPTION
    return Table(
        "provenance", "Provenance", ("what", "value"), tuple((Text(k), v) for k, v in rows), caption
    )


def sections(results: Results, mirror: Mirror) -> list[Section]:
    commits = {r.provenance.get("commit") for r in results.records.values()} - {None, ""}
    lead = f"{of(len(results.records), 'record')}, made at {of(len(commits), 'commit')}."
    return [Section("provenance", "Provenance", lead, (table(results, mirror),))]


TOPIC = Topic("provenance", sections)
