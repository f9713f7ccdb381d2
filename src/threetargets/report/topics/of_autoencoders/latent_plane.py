"""The manifold that a two-dimensional latent space is: the decoder's mean image at the quantiles of
the prior."""

from __future__ import annotations

from threetargets.families.autoencoder import spec as autoencoder
from threetargets.report.parts.captions import commands
from threetargets.report.parts.drawing import Plot
from threetargets.report.parts.wording import cell
from threetargets.report.reading.collect import Results
from threetargets.report.topics.of_guidance.drawn_samples import picture

PLOTS_CAPTION = (
    "{cell}, seed {seed}. Mean images of p(x | z) at z = Φ⁻¹(u), u on a grid of {side} × "
    "{side} even places of the unit square (Kingma & Welling 2014, Fig. 4)."
)


def plots(results: Results) -> tuple[Plot, ...]:
    """One for each autoencoder of two latents whose weights are there."""
    drawings = []
    known = autoencoder.cells(results.study)
    for (name, seed), images in ((k, v) for k, v in results.pictures.items() if k[0] in known):
        side = round(len(images) ** 0.5)
        rows = [images[i * side : (i + 1) * side] for i in range(side)]
        have = [
            {"cell": name, "seed": seed, "row": i, "images": len(row)} for i, row in enumerate(rows)
        ]
        caption = PLOTS_CAPTION.format(cell=cell(name), seed=seed, side=side)
        made = commands(results, "train")
        drawings.append(
            Plot(
                f"manifold-{name}",
                "Manifold",
                picture(results, rows),
                have,
                caption,
                made,
                wide=False,
            )
        )
    return tuple(drawings)
