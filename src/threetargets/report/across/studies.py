"""Every study under reports/, from its metrics.csv, its setting and the commit of its provenance.

These files come out of git and may be of another version, damaged or no study at all: what cannot
be read is named and left out.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from threetargets import study as parameters
from threetargets.errors import DataError, MissingInput, UserError
from threetargets.families.diffusion.spec import FITTED
from threetargets.files import read_json
from threetargets.pipeline.cells import FLOOR
from threetargets.report.reading.setting import Setting, setting
from threetargets.study.schema import OWN_FOLDERS
from threetargets.units import BITS, NATS, Unit

CHOOSING = "learning-rates"
"""The study that chooses parameters on seeds that are not reported: not compared, but named."""
ASIDE = (*OWN_FOLDERS, "smoke", CHOOSING)
"""Folders under reports/ whose studies are not compared: also the page's own, and what git
ignores."""
NEEDED = ("study", "model", "target", "weighting", "seed", "guidance", "gamma", "metric", "value")
NEEDED_TOO = ("extractor", "status")
UNITS = (BITS, NATS)
BOUNDS = {f"bound_{unit.suffix}": unit for unit in UNITS}
LARGEST = 1e12
"""No figure is as large as this."""

Values = dict[int, float]
"""By seed."""


class Model(NamedTuple):
    """A row of the table: a model, whatever the study. `more` is in what else it differs from its
    study's own, in words; target and weighting are empty of an autoencoder."""

    kind: str
    target: str
    weighting: str
    skip: bool = False
    more: str = ""


@dataclass(frozen=True)
class OneStudy:
    """What a report says: figures by model and seed, what it was, and how that is known. `variance`
    is that of the bounds of diffusion models, empty where it is not known; `ends` is the log-SNR
    at t = 0 of models whose own it is; `floor` is the FID of real images, 0 where there is none."""

    name: str
    setting: Setting | None
    guessed: str
    commit: str
    unit: Unit
    variance: str
    bounds: dict[Model, Values]
    fids: dict[Model, Values]
    ends: dict[str, float]
    floor: float = 0.0

    @property
    def skips(self) -> bool:
        """Whether its own network has an input skip."""
        process = self.setting.process if self.setting else None
        return bool(process and process.network.input_skip)

    @property
    def seeds(self) -> int:
        """How many the figures have; of a study without bounds those of its setting."""
        most = max((len(values) for values in self.bounds.values()), default=0)
        return most or (len(self.setting.seeds) if self.setting else 0)


def trained(some: Iterable[Values]) -> frozenset[tuple[int, str]]:
    """What tells the trainings behind FIDs from others: the FIDs by seed, to nine digits, since
    other code may have added them up in another order."""
    return frozenset((seed, f"{fid:.9g}") for fids in some for seed, fid in fids.items())


def _table(path: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv. Raises DataError, one line."""
    try:
        lines = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), strict=True)
        rows = list(lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: not a table in UTF-8 ({reason}); make its report again") from None
    missing = [c for c in (*NEEDED, *NEEDED_TOO) if c not in (lines.fieldnames or [])]
    if missing:
        raise DataError(f"{path}: lacks the column {missing[0]}; make its report again")
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise DataError(
                f"{path}: row {number} has not as many fields as the header; make its report again"
            )
    return rows


def _number(path: Path, row: int, line: dict[str, str]) -> tuple[int, float]:
    try:
        seed, value = int(line["seed"]), float(line["value"])
    except ValueError:
        seed, value = 0, math.nan
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise DataError(
            f"{path}: row {row}: expected a whole seed and a finite value, found "
            f"{line['seed'][:20]!r} and {line['value'][:20]!r}; make its report again"
        )
    return seed, value


def _variant(line: dict[str, str]) -> tuple[str, str]:
    """(kind, variant) of the column `model`: the kind alone, or a whole name that ends with one."""
    name, own = line["model"], f"_{line['target']}_{line['weighting']}"
    if line["target"]:
        kind, named, rest = name.partition(own)
        return kind, rest.removeprefix("_") if named else ""
    kind, _, rest = name.partition("_")
    return kind, rest


def _model(line: dict[str, str], known: Setting | None) -> tuple[Model, str]:
    kind, variant = _variant(line)
    if not line["target"] or known is None or known.process is None:
        return Model(kind, line["target"], line["weighting"], False, variant), variant
    process = known.process
    one = Model(
        *(kind, line["target"], line["weighting"], process.skips(variant)), process.differs(variant)
    )
    return one, variant


def _variance(rows: list[dict[str, str]], known: Setting | None, guessed: str) -> str:
    """The reverse variance of a study's bounds: what its setting says; of a report without one the
    last fitted one that its figures have, since its parameter file may have changed."""
    if known and known.process and not guessed:
        return known.process.bound_variance
    metrics = {line["metric"] for line in rows}
    fitted = [v for v in FITTED if any(f"bound_{v}_{unit.suffix}" in metrics for unit in UNITS)]
    return fitted[-1] if fitted else ""


def _as_bound(rows: list[dict[str, str]], variance: str) -> list[dict[str, str]]:
    """With the bounds of diffusion models under this reverse variance in the place of theirs."""
    of = {f"bound_{variance}_{unit.suffix}": f"bound_{unit.suffix}" for unit in UNITS}
    kept = []
    for line in rows:
        own = bool(line["target"]) and line["metric"] in BOUNDS
        kept.append(line | {"metric": "" if own else of.get(line["metric"], line["metric"])})
    return kept


def _shown(rows: list[dict[str, str]]) -> Iterator[tuple[int, dict[str, str]]]:
    """With their numbers, the rows of bound and FID without guidance; of a model that is another
    one of another target by construction only the other."""
    for number, line in enumerate(rows, 2):
        plain = line["guidance"] in ("", "none") and line["gamma"] in ("", "1")
        other = [*(line.get("trained_as") or "").split("_"), ""][1]
        twin = bool(other) and other != line["target"]
        asked = line["metric"] in BOUNDS or line["metric"] == "fid"
        if plain and asked and not twin and line["status"] == "ok" and line["model"] != FLOOR:
            yield number, line


def _floor(path: Path, rows: list[dict[str, str]], extractor: str) -> float:
    """The mean FID of real images over their draws, by this extractor."""
    of = [
        _number(path, number, line)[1]
        for number, line in enumerate(rows, 2)
        if (line["model"], line["metric"], line["extractor"]) == (FLOOR, "fid", extractor)
        and line["status"] == "ok"
    ]
    return sum(of) / len(of) if of else 0.0


def _setting(folder: Path, config: list[Path]) -> tuple[Setting | None, str]:
    """From setting.json, else from the parameter file that names the study, with that file."""
    path = folder / "setting.json"
    if path.exists():
        try:
            known = Setting.model_validate(read_json(path))
        except ValidationError as error:
            key = ".".join(map(str, error.errors()[0]["loc"])) or "it"
            raise DataError(f"{path}: {key} is not as expected; make its report again") from None
        if known.study != folder.name:
            raise DataError(f"{path}: of study {known.study}; make the report of its folder again")
        return known, ""
    for file in config:
        try:
            chosen = parameters.load(file)
        except UserError:
            continue  # what is wrong in a parameter file is said where it is used
        if chosen.study == folder.name:
            return setting(chosen), str(file)
    return None, ""


def _commit(folder: Path) -> str:
    """Of the provenance, shortened, with whether something was not committed; empty if unknown."""
    path = folder / "figures" / "table-provenance.csv"
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error):
        return ""
    facts = {line[0]: line[1] for line in lines if len(line) == 2}
    short = re.sub(r"\b([0-9a-f]{10})[0-9a-f]{30}\b", r"\1", facts.get("commit", ""))
    changed = facts.get("uncommitted changes", "none")
    return short if changed == "none" else f"{short}; uncommitted changes {changed}"


def read(folder: Path, config: list[Path]) -> OneStudy:
    """One study. Raises DataError, and MissingInput where there is no metrics.csv."""
    path = folder / "metrics.csv"
    if not path.is_file():
        raise MissingInput(f"{folder}: no metrics.csv, so it is no report of a study")
    rows = _table(path)
    others = {line["study"] for line in rows} - {folder.name}
    if others or not rows:
        holds = f"the study {min(others)[:40]!r}" if others else "no figures"
        raise DataError(f"{path}: holds {holds}; expected {folder.name!r}, as its folder is called")
    known, guessed = _setting(folder, config)
    variance = _variance(rows, known, guessed)
    rows = _as_bound(rows, variance) if guessed and variance else rows
    bounds: dict[Model, Values] = {}
    fids: dict[Model, Values] = {}
    ends: dict[str, float] = {}
    units: set[Unit] = set()
    extractor = ""
    for number, line in _shown(rows):
        seed, value = _number(path, number, line)
        one, variant = _model(line, known)
        if line["metric"] in BOUNDS:
            units.add(BOUNDS[line["metric"]])
            kept = bounds
        else:
            extractor = extractor or line["extractor"]
            kept = fids
            if line["extractor"] != extractor:
                continue
        if seed in kept.setdefault(one, {}):
            raise DataError(
                f"{path}: row {number}: a second {line['metric']} of one model and seed; make its "
                "report again"
            )
        kept[one][seed] = value
        if known and known.process and line["target"]:
            ends[one.more] = known.process.ends(variant)
    if len(units) > 1:
        raise DataError(f"{path}: bounds in {BITS.name} and in {NATS.name}; make its report again")
    unit = next(iter(units), BITS)
    of_study = (folder.name, known, guessed, _commit(folder), unit, variance)
    return OneStudy(*of_study, bounds, fids, ends, _floor(path, rows, extractor))


def read_all(reports: Path, config: list[Path]) -> tuple[list[OneStudy], list[UserError]]:
    """Every study in the folder by name, and why others are left out. Raises MissingInput without
    the folder."""
    if not reports.is_dir():
        raise MissingInput(f"{reports}: no such folder; run a study first, or name another one")
    studies, left_out = [], list[UserError]()
    for folder in sorted(reports.iterdir()):
        if folder.name in ASIDE or folder.name.startswith(".") or not folder.is_dir():
            continue
        try:
            studies.append(read(folder, config))
        except UserError as error:
            left_out.append(error)
    return studies, left_out
