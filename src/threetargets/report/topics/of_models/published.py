"""Published likelihoods of autoencoders on binarised MNIST, beside the study's own of the same
model and data.

They are matched by what was trained (data, layers, latents, samples, tanh, Bernoulli pixels), not
by the name of a cell. How long each was trained stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from threetargets.families.autoencoder import spec as autoencoder
from threetargets.families.cell import Cell
from threetargets.metrics.statistics import t_interval
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.entries import measured
from threetargets.report.parts.measures import BOUND
from threetargets.report.parts.verdicts import paired
from threetargets.report.parts.wording import Table, Text, cell, count, number, observed
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_autoencoders.autoencoders import epochs, tightest, weighted

STATIC, DYNAMIC = "mnist-binarised", "mnist-dynamic"


@dataclass(frozen=True)
class Origin:
    """Who published a figure, and how the model was trained there."""

    label: str
    trained: str


BURDA = Origin(
    "Burda, Grosse, Salakhutdinov 2016, arXiv:1509.00519 (single runs)",
    "3280 epochs of 60 000 images, batch 20, Adam in eight stages",
)


XQDING = Origin(
    "replication: github.com/xqding/Importance_Weighted_Autoencoders",
    "not as in the paper: batch 1000, amsgrad",
)


NBIP = Origin("replication: github.com/nbip/IWAE, README", "the paper's schedule by default")


AEVB = Origin(
    "replication of Kingma & Welling 2014, Fig. 2 (address not on record; 3 seeds, kind of ± "
    "not stated)",
    "300 epochs, batch 100, Adagrad 0.01",
)


@dataclass(frozen=True)
class Published:
    """-log p (`nll`: by 5000 importance samples) or the negative ELBO (`bound`) in nats, of one
    model."""

    data: str
    latents: int
    width: int
    depth: int
    samples: int
    kind: str
    nats: float
    half: float | None
    origin: Origin


def _widths() -> list[Published]:
    widths = {
        3: (141.30, 0.40),
        5: (124.41, 0.37),
        10: (107.57, 0.17),
        20: (100.61, 0.71),
        200: (99.23, 0.04),
    }
    return [
        Published(STATIC, z, 500, 1, 1, "bound", nats, half, AEVB)
        for z, (nats, half) in widths.items()
    ]


def _weighted() -> list[Published]:
    rows = (
        (STATIC, BURDA, (88.71, 87.63, 87.10)),
        (STATIC, NBIP, (89.93, 87.65, 86.71)),
        (DYNAMIC, BURDA, (86.76, 85.54, 84.78)),
        (DYNAMIC, XQDING, (87.75, 85.46, 84.59)),
        (DYNAMIC, NBIP, (87.75, 85.50, 84.65)),
    )
    return [
        Published(data, 50, 200, 2, k, "nll", nats, None, origin)
        for data, origin, figures in rows
        for k, nats in zip((1, 5, 50), figures, strict=True)
    ]


PUBLISHED = (*_widths(), *_weighted())


def of(results: Results, name: Cell) -> list[Published]:
    """What was published of the model of a cell on this data set."""
    model = autoencoder.parameters(results.study, name)
    if (model.activation, model.decoder) not in (("tanh", "bernoulli"), ("tanh", "categorical")):
        return []
    asked = (results.study.data.name, model.latents, model.width, model.depth, model.samples)
    return [p for p in PUBLISHED if (p.data, [p.latents], p.width, p.depth, p.samples) == asked]


TABLE_CAPTION = (
    "Test images, in nats; here {lower}{spread}, of {count} training images, with AdamW, "
    "half a cosine and averaged weights. −log p is by 5000 importance samples there, and "
    "as in the table of autoencoders here."
)


def table(results: Results) -> Table:
    """One row for each published figure of a model of the study; with how much importance weighting
    gained."""
    rows, tight, by_k = [], tightest(results), weighted(results)
    first = by_k.get(1)
    for name in autoencoder.cells(results.study):
        for published in of(results, name):
            metric = BOUND.metric if published.kind == "bound" else tight
            ours = t_interval(list(results.observe(name, metric).values.values()))
            more = ours.mean - published.nats if ours.mean is not None else None
            half = f" ± {published.half:.2f}" if published.half is not None else ""
            gain, theirs = Text("", "weak"), Text("", "weak")
            if first and name in by_k.values() and name != first and published.kind == "nll":
                step = paired(results, (name, metric, "", ""), (first, metric, "", ""))
                gain = (
                    observed(results.observe(name, metric), step.interval)
                    if step
                    else Text("missing", "missing")
                )
                start = [p for p in of(results, first) if p.origin == published.origin]
                theirs = Text(number(published.nats - start[0].nats, 3)) if start else Text("–")
            rows.append(
                (
                    Text(cell(name)),
                    Text("negative ELBO" if published.kind == "bound" else "−log p"),
                    measured(results, name, metric),
                    Text(f"{epochs(results, name):.3g}"),
                    Text(f"{published.nats:.2f}{half}"),
                    Text(number(more, 3) if more is not None else "–"),
                    gain,
                    theirs,
                    Text(published.origin.label, "", published.origin.trained),
                )
            )
    here = ("model", "figure", "this study", "epochs", "published", "more here")
    head = (*here, "against k = 1, here", "there", "source and training there")
    caption = TABLE_CAPTION.format(
        lower=spread(results)[:1].lower(),
        spread=spread(results)[1:],
        count=count(results.study.data.split.train),
    )
    made = commands(results, "train", "likelihood")
    return Table(
        "published",
        "Beside published figures",
        head,
        tuple(rows),
        caption,
        made,
        frozenset(range(2, 8)),
    )
