"""Absorbing diffusion of binarised MNIST beside published likelihoods, in nats."""

from __future__ import annotations

from dataclasses import dataclass

from threetargets.experiments.discrete.spec import MNIST_SIDE, Binary
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.drawing import Plot, canvas, svg
from threetargets.report.parts.image_rows import draw_rows
from threetargets.report.parts.of_experiments import Read
from threetargets.report.parts.wording import Table, Text, count
from threetargets.report.reading.collect import Results

STATIC, ANEW = "once", "anew in each epoch"


@dataclass(frozen=True)
class Published:
    """-log p of test images, nats; of an ensemble or a mean of orders where it says so."""

    model: str
    nats: tuple[float, ...]
    orders: str
    binarised: str
    source: str


RAIKO = "Raiko et al. 2014, arXiv:1406.1485; README of github.com/yaoli/nade_k"
HOTAJ = "replication: README of github.com/EugenHotaj/pytorch-generative"
PUBLISHED = (
    Published("EoNADE", (85.10,), "ensemble", STATIC, "Uria et al. 2014, arXiv:1310.1757"),
    Published("NADE-k, two hidden layers", (87.13,), "mean of 10", STATIC, RAIKO),
    Published("NADE-k, one hidden layer", (89.43,), "mean of 10", STATIC, RAIKO),
    Published("MADE", (88.04,), "", STATIC, "Germain et al. 2015, arXiv:1502.03509"),
    Published("MADE", (84.87,), "", ANEW, HOTAJ),
    Published("PixelCNN", (81.45,), "one", ANEW, HOTAJ),
    Published("gated PixelCNN", (81.50,), "one", ANEW, HOTAJ),
    Published(
        "Bayesian flow network, 10, 25, 50, 100 steps",
        (95.21, 84.40, 81.06, 79.46),
        "none",
        "at random",
        "Graves et al. 2023, Bayesian flow networks",
    ),
)
"""Of masked diffusion no figure on this data was to be had."""
NEAREST = PUBLISHED[1:3]
"""Trained for any order and measured by a mean over orders, on these images."""


def beside(results: Results, name: str, chosen: Binary) -> Table:
    own = Read(results, name)
    rows = [
        (
            Text("absorbing diffusion, this study"),
            own.entry("mnist/absorbing"),
            Text("mean of all"),
            Text(STATIC),
            Text(""),
        ),
        (
            Text("each pixel's share of white"),
            own.entry("mnist/histogram"),
            Text("any"),
            Text(STATIC),
            Text(""),
        ),
        *(
            (
                Text(one.model),
                Text(", ".join(f"{v:.2f}" for v in one.nats)),
                Text(one.orders or "not on record"),
                Text(one.binarised),
                Text(one.source),
            )
            for one in PUBLISHED
        ),
    ]
    seen = chosen.training.steps * chosen.training.batch
    caption = (
        f"−log p of test images, nats; here its bound for T → ∞ on {count(chosen.split.test)} "
        f"images, {chosen.draws} numbers of masked pixels for each, of a U-Net on 2x2 patches "
        f"that saw {count(seen)} training images ({seen / chosen.split.train:.2g} epochs). "
        f"{spread(results)}; of masked diffusion no published figure on this data was to be had."
    )
    head = ("model", "nats", "orders of pixels", "binarised", "source")
    made = commands(results, "experiment")
    return Table(
        "discrete-mnist", "Binarised MNIST", head, tuple(rows), caption, made, frozenset({1})
    )


def plots(results: Results, name: str, chosen: Binary) -> tuple[Plot, ...]:
    """Samples above images of the first seed that left any."""
    had = Read(results, name).arrays()
    if had is None:
        return ()
    seed, arrays = had
    shown = {"absorbing": arrays["mnist"], "data": arrays["mnist_data"]}
    with canvas("discrete-mnist", 1, 1, 9.4, 1.4) as (figure, axes):
        draw_rows(axes[0, 0], shown, MNIST_SIDE, len(arrays["mnist"]))
        drawn = svg(figure)
    caption = f"Seed {seed}: samples by {chosen.steps} steps, and test images."
    rows = [
        {"row": which, "image": j, "white": float(image.mean())}
        for which, some in shown.items()
        for j, image in enumerate(some)
    ]
    made = commands(results, "experiment")
    return (Plot("discrete-mnist", "Binarised MNIST", drawn, rows, caption, made),)


def sentence(results: Results, name: str) -> str:
    near = " and ".join(f"{one.nats[0]:.2f}" for one in NEAREST)
    return (
        f"Binarised MNIST: absorbing {Read(results, name).words('mnist/absorbing')} nats, mean of "
        f"all orders; NADE-k, of any order too and trained longer, {near}."
    )
