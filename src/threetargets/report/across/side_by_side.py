"""The tables across studies: models beside each other, and what differs between the studies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from threetargets.metrics.statistics import t_interval
from threetargets.report.across.contrasts import WEIGHTINGS, by_loss
from threetargets.report.across.studies import Model, OneStudy, Values, trained
from threetargets.report.parts.wording import (
    Table,
    Text,
    count,
    interval,
    listing,
    number,
    of,
    target,
)
from threetargets.study.values import TARGETS
from threetargets.study.values import WEIGHTINGS as ALL_WEIGHTINGS
from threetargets.units import BITS

CAPTION = (
    "The bound, bits/dim, and below it FID without guidance: mean ± half-width of the 95% t "
    "interval over seeds; bold, the lowest bound of a column, picked on these same figures. "
    "Columns are different tasks, and FIDs of different studies do not compare, because each is "
    "measured by a judge of its own. Native: the squared error of the target itself, also where a "
    "study calls it by the target's name, as in eps-equivalent."
)
REST = "Models of one study alone, and studies without diffusion models; the same figures."
SETTINGS = "What tells the studies apart, from each report's setting.json; commits are shortened."
GUESSED = (
    " Marked with *: the report has none, and this is from its parameter file as it stands now, "
    "but for the variance of the bound: the fitted one that its figures have."
)


def _place(name: str, known: Sequence[str]) -> tuple[int, str]:
    return (known.index(name) if name in known else len(known), name)


def _order(one: Model) -> tuple[object, ...]:
    """By weighting, the three of the picture first, then target; autoencoders last."""
    weightings = [*WEIGHTINGS, *(w for w in ALL_WEIGHTINGS if w not in WEIGHTINGS)]
    where = (_place(one.weighting, weightings), _place(one.target, TARGETS))
    more = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", one.more)]
    return (not one.target, *where, more, one.skip, len(one.kind), one.kind)


def models(studies: list[OneStudy]) -> list[Model]:
    """All of them, in the order of the table."""
    return sorted({one for s in studies for one in (*s.bounds, *s.fids)}, key=_order)


def label(one: Model) -> str:
    """A row's name: x₀ · elbo · input skip, or VAE."""
    skip = ["input skip"] if one.skip else []
    if not one.target:
        return " · ".join(filter(None, [one.kind.upper(), one.more]))
    return " · ".join(filter(None, [target(one.target), one.weighting, *skip, one.more]))


def _figure(values: Values, seeds: int) -> str:
    """mean ± half-width, with what is missing."""
    some = t_interval([values[s] for s in sorted(values)])
    text = number(some.mean, 4) if some.n == 1 else interval(some)
    return text if some.n == seeds else f"{text} ({of(some.n, 'seed')} of {seeds})"


def _cell(study: OneStudy, one: Model, lowest: float | None) -> Text:
    bound, fid = study.bounds.get(one, {}), study.fids.get(one, {})
    below = f"FID {_figure(fid, study.seeds)}" if fid else ""
    if not bound:
        return Text("", "", below)
    mean = sum(bound.values()) / len(bound)
    return Text(_figure(bound, study.seeds), "best" if mean == lowest else "", below)


def _lowest(study: OneStudy, rows: list[Model]) -> float | None:
    means = [sum(v.values()) / len(v) for one, v in study.bounds.items() if one in rows]
    return min(means, default=None)


def _has(study: OneStudy, one: Model) -> bool:
    return one in study.bounds or one in study.fids


def _head(study: OneStudy) -> str:
    unit = [study.unit.name] if study.unit != BITS else []
    return ", ".join([study.name, *unit, *(["one seed"] if study.seeds == 1 else [])])


def _table(
    name: str, title: str, rows: list[Model], columns: list[OneStudy], caption: str
) -> Table | None:
    if not rows:
        return None
    lowest = [_lowest(s, rows) for s in columns]
    body = tuple(
        (
            Text(label(one)),
            *(_cell(s, one, least) for s, least in zip(columns, lowest, strict=True)),
        )
        for one in rows
    )
    numeric = frozenset(range(1, len(columns) + 1))
    head = ("model", *map(_head, columns))
    return Table(name, title, head, body, caption, numeric=numeric)


def _repeated(columns: list[OneStudy], shared: list[Model], rows: list[Model]) -> list[OneStudy]:
    """Those whose shared models another one of the rest has too, with these seeds; small ones
    first."""
    whole = {s.name: trained(s.fids.get(one, {}) for one in rows) for s in columns}
    repeated = list[OneStudy]()
    for study in sorted(columns, key=lambda study: len(whole[study.name])):
        mine = trained(study.fids.get(one, {}) for one in shared)
        others = (s for s in columns if s is not study and s not in repeated)
        if mine and any(mine <= whole[other.name] for other in others):
            repeated.append(study)
    return [study for study in columns if study in repeated]


def tables(studies: list[OneStudy]) -> tuple[Table | None, Table | None]:
    """The models that two studies with diffusion models or more have, without studies whose
    figures are all in another one; and all other models."""
    studies = [replace(s, bounds=by_loss(s.bounds), fids=by_loss(s.fids)) for s in studies]
    with_targets = [s for s in studies if any(one.target for one in s.bounds)]
    rows = models(studies)
    shared = [one for one in rows if sum(_has(s, one) for s in with_targets) > 1]
    columns = [s for s in with_targets if any(_has(s, one) for one in shared)]
    repeated = _repeated(columns, shared, rows)
    columns = [s for s in columns if s not in repeated]
    studies = [s for s in studies if s not in repeated]
    rest = [one for one in rows if any(_has(s, one) for s in studies if s not in columns)]
    rest = [one for one in rows if one not in shared or one in rest]
    others = [s for s in (*studies, *repeated) if any(_has(s, one) for one in rest)]
    names = listing([s.name for s in repeated])
    aside = f" Left out, because another column has all of it: {names}." if repeated else ""
    return (
        _table("side-by-side", "Side by side", shared, columns, CAPTION + aside),
        _table("other-models", "All other models", rest, others, REST),
    )


def lowest(table: Table | None) -> str:
    """Which of the table's models has the lowest bound in each study; empty without a table."""
    if table is None:
        return ""
    where: dict[str, list[str]] = {}
    for row in table.rows:
        columns = [h for h, one in zip(table.head, row, strict=True) if one.kind == "best"]
        if columns:
            where[row[0].text] = [column.partition(",")[0] for column in columns]
    parts = [f"{name} in {listing(columns)}" for name, columns in where.items()]
    return f"Lowest bound of the models below: {'; '.join(parts)}." if parts else ""


def _facts(study: OneStudy) -> tuple[Text, ...]:
    known = study.setting
    name = Text(f"{study.name}*" if study.guessed else study.name)
    commit = study.commit or "–"
    if known is None:
        return (name, *([Text("–")] * 7), Text(str(study.seeds)), Text(commit))
    images = "–"
    if known.images and known.levels:
        size = "×".join(map(str, known.images[1:]))
        images = f"{size}{', colour' if known.images[0] > 1 else ''}, {known.levels} levels"
    seeds = Text(str(len(known.seeds)))
    process = known.process
    if process is None:
        of_process = ["–"] * 5
    else:
        low = f"{process.log_snr_min:g}".replace("-", "−")
        high = ", ".join(f"{end:g}".replace("-", "−") for end in _ends(study))
        of_process = [
            str(process.steps),
            f"{high} to {low}",
            study.variance or "–",
            process.network.words + (", input skip" if process.network.input_skip else ""),
            count(process.images_seen),
        ]
    data = Text(known.data or "–")
    return (name, data, Text(images), *map(Text, of_process), seeds, Text(commit))


HEAD = (
    *("study", "data", "images", "T", "log-SNR", "variance of the bound", "network"),
    *("images seen", "seeds", "commit"),
)


def differ(studies: list[OneStudy]) -> str:
    """In what the studies that have a diffusion process differ; empty with fewer than two."""
    known = [s.setting for s in studies if s.setting and s.setting.process]
    if len(known) < 2:
        return ""
    ends = [end for s in studies if s.setting in known for end in _ends(s)]
    seen = [s.process.images_seen for s in known if s.process]
    seeds = [len(s.seeds) for s in known]
    low, high = (f"{end:g}".replace("-", "−") for end in (min(ends), max(ends)))
    data = {s.data for s in known}
    parts = [
        *([f"data ({of(len(data), 'set')})"] if len(data) > 1 else []),
        *([f"finest noise (log-SNR {low} to {high})"] if low != high else []),
        *([f"images seen ({count(min(seen))} to {count(max(seen))})"] if len({*seen}) > 1 else []),
        *([f"seeds ({min(seeds)} to {max(seeds)})"] if len({*seeds}) > 1 else []),
    ]
    differ = f"The studies differ in {listing(parts)}; only" if parts else "Only"
    return f"{differ} differences within a study are compared."


def _ends(study: OneStudy) -> list[float]:
    """The log-SNRs at t = 0."""
    process = study.setting.process if study.setting else None
    return sorted({*study.ends.values()} or {*([process.log_snr_max] if process else [])})


def settings(studies: list[OneStudy]) -> Table:
    """A row for each study."""
    caption = SETTINGS + (GUESSED if any(s.guessed for s in studies) else "")
    rows = tuple(_facts(study) for study in studies)
    numeric = frozenset({3, 7, 8})
    title = "What differs between the studies"
    return Table("settings", title, HEAD, rows, caption, numeric=numeric)
