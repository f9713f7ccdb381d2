"""The tables of the density ladder."""

from __future__ import annotations

from threetargets.experiments.density_ladder.spec import (
    ENERGIES,
    SIZES,
    DensityLadder,
    machines,
    models,
)
from threetargets.experiments.digit_sizes import PIXELS
from threetargets.report.parts.captions import commands, spread
from threetargets.report.parts.of_experiments import Read
from threetargets.report.parts.wording import Table, Text, count, number
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_experiments.density_ladder.ladder_labels import (
    ENERGIES as OF_ENERGIES,
)
from threetargets.report.topics.of_experiments.density_ladder.ladder_labels import (
    NAME,
    TRAINED,
    operations,
    rung,
)


def _kind(own: Read, model: str, size: str) -> str:
    """How its -log p is come by."""
    if model in ("mixture", "nade"):
        return "exact"
    if size == "counted":
        return "exact, a sum"
    return f"annealed ± {number(own.interval(f'{size}/{model}/stderr').mean, 2)}"


def ladder(results: Results, chosen: DensityLadder) -> Table:
    own = Read(results, NAME)
    plain = (own.entry("pixels/test"), own.entry("pixels/train"))
    rows: list[tuple[Text, ...]] = [
        (
            *(Text("independent pixels"), Text(str(PIXELS)), *plain),
            *(Text("exact"), Text("1"), Text(str(PIXELS))),
        )
    ]
    for size in SIZES:
        for model in models(size):
            machine = model in machines(size)
            rows.append(
                (
                    Text(rung(chosen, model, size)),
                    Text(str(chosen.hidden.parameters(model, size))),
                    *(own.entry(f"{size}/{model}/{part}") for part in ("test", "train")),
                    Text(_kind(own, model, size)),
                    own.entry(f"{size}/{model}/sweeps") if machine else Text("1"),
                    Text(count(operations(chosen, model, size))),
                )
            )
    walking = chosen.walking
    caption = (
        f"8x8 digits, white from level 8 on, {chosen.split.train} training and "
        f"{chosen.split.test} test images, nats an image; log Z of an RBM by a sum over "
        f"{2**chosen.hidden.counted} states or by annealing (± its standard error), and sweeps for "
        f"a fresh sample by the autocorrelation of all pixels over {walking.chains} chains of "
        f"{walking.sweeps}. {spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("model", "parameters", "test", "train", "−log p is")
    more = ("passes for a sample", "products each")
    numeric = frozenset({1, 2, 3, 5, 6})
    return Table(
        "density-ladder", "−log p of digits", head + more, tuple(rows), caption, made, numeric
    )


def plane(results: Results, chosen: DensityLadder) -> Table:
    own = Read(results, NAME)
    entropy = own.interval("plane/entropy").mean
    labels = {
        "gaussian": "Gaussian",
        "mixture": f"mixture of {len(chosen.plane.weights)} Gaussians, EM",
        **{how: OF_ENERGIES[how] for how in ENERGIES},
    }
    rows = tuple(
        (
            Text(label),
            own.entry(f"plane/{name}/excess"),
            own.entry(f"plane/{name}/share") if name != "gaussian" else Text("1"),
        )
        for name, label in labels.items()
    )
    caption = (
        f"{chosen.plane.points} draws of a known density with entropy {number(entropy, 4)} nats: "
        "what −E log q is above it, log Z and all integrals by sums over a grid. "
        f"{spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("model", "−E log q − entropy, nats", "of the Gaussian's")
    return Table("ladder-plane", "A known density", head, rows, caption, made, frozenset({1, 2}))


def gradients(results: Results, chosen: DensityLadder) -> Table:
    """Of the machines whose states are counted."""
    own, rows = Read(results, NAME), []
    for how in machines("counted"):
        share, cosine = f"counted/{how}/share", f"counted/{how}/cosine"
        rows.append(
            (
                Text(TRAINED[how]),
                own.entry(share) if how != "exact" else Text("1"),
                own.entry(cosine) if how.startswith("cd") else Text("1" if how == "exact" else "–"),
                own.entry(f"counted/{how}/annealed"),
                own.entry(f"counted/{how}/stderr"),
            )
        )
    annealing = chosen.annealing
    caption = (
        f"RBM of {chosen.hidden.counted} hidden units: share of the exact gradient's gain in log p "
        f"of training images, cosine with it (mean over {chosen.boltzmann.points} places of its "
        f"own training), and log Z by annealing ({annealing.levels} temperatures, "
        f"{annealing.runs} runs) less the exact one, nats. {spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("trained by", "share of the gain", "cosine", "annealing − exact", "its standard error")
    title = "Sampled against exact gradients"
    numeric = frozenset({1, 2, 3, 4})
    return Table("ladder-gradients", title, head, tuple(rows), caption, made, numeric)


def ratio(results: Results, chosen: DensityLadder) -> Table:
    own = Read(results, NAME)
    rows = [
        (Text(str(k)), own.entry(f"ratio/bias_k{k}"), own.entry(f"ratio/std_k{k}"))
        for k in sorted(chosen.ratio.draws)
    ]
    caption = (
        f"Gradient of log p(x) by k draws of a latent of {chosen.ratio.states} states, the same in "
        "numerator and denominator, over the length of the exact gradient; the mean over all "
        f"draws is summed out. {spread(results)}."
    )
    made = commands(results, "experiment")
    head = ("k", "bias", "standard deviation")
    title = "Ratio of integrals"
    return Table("ladder-ratio", title, head, tuple(rows), caption, made, frozenset({0, 1, 2}))


PUBLISHED = (
    ("NADE-k, 1 hidden layer", "89.43", "Raiko et al. 2014, arXiv:1406.1485; the authors' README"),
    ("NADE-k, 2 hidden layers", "87.13", "the same"),
    ("EoNADE, 2 hidden layers, 128 orders", "85.10", "Raiko et al. 2014, arXiv:1406.1485"),
    (
        "VAE, 1 stochastic layer, IWAE bound of 5000",
        "88.71",
        "Burda et al. 2016, arXiv:1509.00519, fixed binarisation",
    ),
)


def published() -> Table:
    """Of another data set."""
    rows = tuple((Text(model), Text(nats), Text(source)) for model, nats, source in PUBLISHED)
    caption = (
        "Binarised MNIST: another data set, 784 pixels and 50 000 training images or more, so that "
        "no figure here is comparable in size with those above; nats an image, as published."
    )
    head = ("model", "−log p or bound, MNIST", "source")
    title = "Published, on binarised MNIST"
    return Table("ladder-published", title, head, rows, caption, (), frozenset({1}))
