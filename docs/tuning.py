"""What was tried before the default study was fixed, on the validation split; prints
docs/tuning.md.

Each row is one training of 1500 steps (the diffusion models of the study take 3000) of one cell
with one seed; its figure is the bound without labels on the validation images, with the standard
error over them. What a row does not name is as in params.yaml.
"""

import copy
import tempfile
from pathlib import Path

import torch
from accelerate import Accelerator

from threetargets import study
from threetargets.data.read import load_manifest, load_split
from threetargets.diffusion.guidance import conditional
from threetargets.diffusion.times import PROPOSALS, single_draw_std
from threetargets.families import spec_of
from threetargets.families.autoencoder.model import Vae
from threetargets.families.build import build
from threetargets.families.measured import mean_figure
from threetargets.levels import bits_per_dim
from threetargets.likelihood.bound import VARIANCES
from threetargets.likelihood.denoised import denoise
from threetargets.pipeline import cells
from threetargets.streams import generator
from threetargets.training.loop import train

PARAMS = "params.yaml"
STEPS = 1500


def fit(cell, **changes):
    """The trained model of `cell` under changed parameters, and the study that it belongs to."""
    values = copy.deepcopy(study.load(PARAMS).model_dump(mode="json"))
    for path, value in changes.items():
        *parents, last = path.split("__")
        section = values
        for parent in parents:
            section = section[parent]
        section[last] = value
    chosen, run = study.parse(values, PARAMS), cells.Run(cell, 0)
    manifest, images = load_manifest(chosen), load_split(chosen, "train")
    model = build(chosen, manifest, run)
    with tempfile.TemporaryDirectory() as folder:
        trained = train(
            model,
            images.images,
            images.labels,
            spec_of(run.cell).training(chosen, run.cell),
            name=cell,
            seed=0,
            identity="tuning",
            folder=Path(folder),
            validate=lambda _: 0.0,
            accelerator=Accelerator(cpu=True),
        )
    model = build(chosen, manifest, run)
    model.load_state_dict(trained.weights)
    return chosen, model.eval()


@torch.no_grad()
def validation_terms(chosen, model):
    """The bound of each validation image, bits/dim; for a diffusion model also its terms by
    level."""
    manifest, images = load_manifest(chosen), load_split(chosen, "validation")
    if isinstance(model, Vae):
        noise = [
            torch.randn(len(images.images), z, generator=generator(0, "tuning"))
            for z in model.latents
        ]
        terms = torch.stack(
            [v.double() for v in model.elbo_terms(images.images, noise).values()], 1
        )
    else:
        everything = slice(0, len(images.images))
        nulls = torch.full_like(images.labels, model.null)
        predictors = [(everything, conditional(model.conditional, nulls))]
        bound = denoise(predictors, model.table, images.images, manifest.levels, seed=0).bound(
            chosen.diffusion.variance
        )
        terms = torch.cat([(bound.decoder + bound.prior)[:, None], bound.denoising], 1)
    return bits_per_dim(terms, manifest.dims)


def row(label, cell, draws=False, **changes):
    kind = cell.split("_")[0]
    chosen, model = fit(cell, **{f"training__{kind}__steps": STEPS}, **changes)
    terms = validation_terms(chosen, model)
    figure = mean_figure("bound", terms.sum(1), "images")
    cells = [label, cell, f"{figure.value:.3f} ± {figure.stderr:.3f}"]
    if draws:
        cells += [f"{single_draw_std(terms, model.table, name):.2f}" for name in PROPOSALS]
    print(f"| {' | '.join(cells)} |", flush=True)


def main():
    torch.set_num_threads(1)
    print("# What was tuned, on the validation split\n")
    print(
        "Printed by `threetargets prepare && python docs/tuning.py` (one thread; one seed, so "
        "differences of a few"
    )
    print(
        "hundredths mean nothing). Bound in bits/dim on the validation images, ± standard "
        "error over them.\n"
    )
    print("## How the noise level is drawn for the elbo weighting\n")
    print(
        "The last columns are the standard deviation of the bound's estimate from one image "
        "and one noise level.\n"
    )
    print(
        "| time_sampling.elbo | cell | bound | " + " | ".join(f"std, {p}" for p in PROPOSALS) + " |"
    )
    print("|---|---|---|" + "---|" * len(PROPOSALS))
    for proposal in PROPOSALS:
        for cell in ("ddpm_eps_elbo", "ddpm_x0_elbo"):
            row(proposal, cell, draws=True, diffusion__time_sampling__elbo=proposal)
    print("\n## Where the schedule starts\n")
    print("| log_snr_max | cell | bound |\n|---|---|---|")
    for highest in (3.0, 4.0, 5.0, 7.0):
        for cell in ("ddpm_eps_elbo", "ddpm_x0_elbo"):
            row(f"{highest:g}", cell, diffusion__schedule__log_snr_max=highest)
    print(
        "\n4 was taken: there the noise of the first level, exp(-4/2) = 0.14, is about one "
        "level wide (2/17 = 0.12);"
    )
    print("below it the decoder does more and more of the work.\n")
    print("## The reverse variance\n")
    print("| variance | cell | bound |\n|---|---|---|")
    for variance in VARIANCES:
        for cell in ("ddpm_eps_elbo", "ddpm_x0_elbo"):
            row(variance, cell, diffusion__variance=variance)
    print()
    print("## The decoder of VAE and HVAE\n")
    print("| decoder | cell | bound |\n|---|---|---|")
    for decoder in ("gaussian", "logistic", "categorical"):
        for cell in ("vae", "hvae"):
            row(decoder, cell, **{f"{cell}__decoder": decoder})


if __name__ == "__main__":
    main()
