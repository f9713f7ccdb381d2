"""The likelihood stage on models whose every figure is known: an exact denoiser, and a decoder that
is a square."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from threetargets import study
from threetargets.data.read import Images
from threetargets.diffusion.schedule import table
from threetargets.diffusion.target import Prediction
from threetargets.families import build as models
from threetargets.families.autoencoder import likelihood as autoencoder
from threetargets.families.autoencoder.likelihood import gradient_figures
from threetargets.families.diffusion import likelihood as diffusion
from threetargets.families.diffusion import process as processes
from threetargets.families.diffusion.likelihood import _between, _cut_anew
from threetargets.likelihood.bound import FITTED, VARIANCES
from threetargets.likelihood.denoised import denoise
from threetargets.likelihood.ode import dequantised
from threetargets.oracles import Gaussian
from threetargets.pipeline.cells import Run
from threetargets.streams import generator

ROOT = Path(__file__).parents[2]
MANIFEST = SimpleNamespace(shape=(1, 8, 8), levels=17, classes=10, dims=64, std=0.7)
SMALL = SimpleNamespace(shape=(1, 2, 2), levels=17, classes=10, dims=4, std=0.7)
RUN = Run("ddpm_eps_eps-equivalent", 0)


@pytest.fixture(scope="module")
def chosen():
    values = study.load(ROOT / "config/smoke.yaml").model_dump(mode="json")
    values["likelihood"] |= {
        "fit_images": 100,
        "ode": {"images": 60, "steps": 40, "probes": 0},
        "forms": {"images": 30, "draws": 40},
        "lengths": {"images": 60, "steps": [20, 80]},
        "gradients": {"images": 3, "draws": 60000},
        "curve": None,
    }
    return study.parse(values, "test")


DATA = Gaussian(
    torch.tensor([0.1, -0.2, 0.0, 0.3], dtype=torch.float64),
    0.05 * torch.eye(4, dtype=torch.float64) + 0.03,
)


@pytest.fixture(scope="module")
def exact(chosen):
    """Figures of the exact denoiser of correlated Gaussian data, on draws of that data rounded to
    levels."""
    x = DATA.draw(300, torch.Generator().manual_seed(0))
    levels = ((x + 1) * 17 / 2).floor().clamp(0, 16).to(torch.uint8).view(-1, 1, 2, 2)
    process_ = processes.forward(chosen.diffusion)

    def conditional(x_t, log_snr, labels):
        return DATA.predict(x_t, log_snr)

    model = SimpleNamespace(
        table=process_,
        null=10,
        conditional=conditional,
        variance=chosen.diffusion.variance,
        learned_variance=False,
    )
    labels = torch.zeros(200, dtype=torch.int64)
    test = Images(levels[:200], labels)
    figures, _ = diffusion.measure(chosen, SMALL, RUN, model, test, levels[200:])
    return SimpleNamespace(
        figures={f.metric: f for f in figures}, levels=levels[:200], table=process_
    )


def test_the_ode_of_an_exact_denoiser_is_the_exact_density(chosen, exact):
    """log N of the dequantised image under the noisy law of level 1, and the volume of a bin: no
    solver, no trace."""
    levels, level = exact.levels[:60], exact.table.log_snr[1]
    u = torch.rand(levels.shape, generator=generator(RUN.seed, "ode"), dtype=torch.float64)
    a = torch.sigmoid(level).sqrt()
    # The flow ends in the standard normal, which the last noisy law is not quite: a few 1e-3 at
    # log-SNR -7.
    nats = DATA.log_density(a * dequantised(levels, u, 17), level) + 4 * torch.log(a * 2 / 17)
    expected = float(-nats.mean()) / 4 / math.log(2)
    assert exact.figures["ode_bpd"].value == pytest.approx(expected, abs=3e-3)
    assert exact.figures["ode_bpd"].n == 60
    assert exact.figures["ode_half_steps_difference_bpd"].value < 1e-3


def test_the_ode_with_a_decoder_is_near_the_ode_and_below_the_bound(exact):
    """All bound one -log P. With the exact denoiser the flow loses nothing between x_1 and x_T; the
    bound does."""
    found = exact.figures
    assert (
        found["ode_decoder_bpd"].value
        < found["bound_bpd"].value + 2 * found["ode_decoder_bpd"].stderr
    )


def test_every_reverse_variance_is_reported_and_the_study_s_own_is_the_bound(chosen, exact):
    found = {v: exact.figures[f"bound_{v}_bpd"].value for v in (*VARIANCES, *FITTED)}
    assert chosen.diffusion.bound_variance == "optimal"
    assert found["optimal"] == exact.figures["bound_bpd"].value
    # On a Gaussian with an exact denoiser the fitted one beats the others, but for what it was
    # fitted on.
    for fitted in FITTED:
        assert found[fitted] < min(found[v] for v in VARIANCES) + 0.01


def test_more_steps_lower_the_bound_under_a_fixed_variance_and_change_little_under_the_fitted_one(
    exact,
):
    """The reverse steps of Gaussian data are Gaussian at any T; here correlated: an isotropic one
    costs a bit."""
    fixed = [exact.figures[f"bound_T{t}_bpd"].value for t in (20, 80)]
    fitted = [exact.figures[f"bound_T{t}_fitted_bpd"].value for t in (20, 80)]
    assert fixed[1] < fixed[0] and exact.figures["bound_T80_bpd"].n == 60
    assert fitted[0] < fixed[0] - 0.05 and abs(fitted[0] - fitted[1]) < 0.3 * (fixed[0] - fixed[1])


@pytest.mark.parametrize("variance", [*VARIANCES, *FITTED])
def test_the_decoder_is_the_study_s_at_every_length(chosen, variance):
    """A denoiser that always says the same: the decoder's term at T steps is that of the study's
    own process."""
    levels = torch.full((4, 1, 2, 2), 9, dtype=torch.uint8)

    def stubborn(x_t, log_snr):
        return Prediction(torch.full_like(x_t, 0.1), torch.zeros_like(x_t))

    whole, fine = processes.forward(chosen.diffusion), processes.refined(chosen.diffusion, 90)
    seen = [denoise([(slice(0, 4), stubborn)], t, levels, 17, seed=0) for t in (whole, fine)]
    mse = torch.full((whole.steps,), 0.1, dtype=torch.float64)
    found = _cut_anew(seen[1], variance, whole, mse, mse)
    own, other = (
        s.bound(variance, torch.full((s.table.steps,), 0.1, dtype=torch.float64)) for s in seen
    )
    torch.testing.assert_close(found - other.prior - other.denoising.sum(1), own.decoder)


def test_a_refined_process_keeps_its_ends(chosen):
    whole, fine = processes.forward(chosen.diffusion), processes.refined(chosen.diffusion, 333)
    assert fine.steps == 333
    torch.testing.assert_close(fine.log_snr[[1, -1]], whole.log_snr[[1, -1]], rtol=1e-12, atol=0)
    torch.testing.assert_close(
        processes.refined(chosen.diffusion, whole.steps).log_snr, whole.log_snr, rtol=1e-12, atol=0
    )
    mse = torch.linspace(1.0, 3.0, whole.steps, dtype=torch.float64) ** 5
    torch.testing.assert_close(_between(whole, mse, whole), mse, rtol=1e-12, atol=0)
    finer = _between(whole, mse, fine)
    assert bool((finer.diff() > 0).all())
    torch.testing.assert_close(finer[[0, -1]], mse[[0, -1]], rtol=1e-12, atol=0)
    assert not torch.allclose(
        fine.log_snr[1], table(SimpleNamespace(log_snr=lambda t: 4 - 11 * t), 333).log_snr[1]
    )


def test_both_forms_are_one_number_and_the_two_sided_one_varies_more(exact):
    found = exact.figures
    difference = found["two_sided_difference_bpd"]
    assert abs(difference.value) < 4 * difference.stderr
    assert found["two_sided_draw_variance"].value > 1.5 * found["one_sided_draw_variance"].value
    assert (
        found["two_sided_printed_difference_bpd"].value
        > 10 * found["two_sided_printed_difference_bpd"].stderr
    )


def test_gradient_variance_ratio_of_a_square_is_21_75(chosen):
    """q = N(2, 1) and log p(x | z) = z^2 in place of a trained model."""

    def posterior(image, noise):
        return [(noise[0], torch.full((1, 1), 2.0), torch.zeros(1, 1))]

    model = SimpleNamespace(
        latents=(1,), posterior=posterior, log_decoder=lambda images, z: (z**2).sum(1)
    )
    found = gradient_figures(
        chosen, Run("vae", 0), model, torch.zeros(5, 1, 8, 8, dtype=torch.uint8)
    )
    by_name = {figure.metric: figure for figure in found}
    ratio = by_name["gradient_variance_ratio_score-function"]
    assert ratio.n == 3 and abs(ratio.value - 21.75) < max(4 * ratio.stderr, 0.5)
    assert by_name["gradient_variance_ratio_score-function-baseline"].value < 0.8 * ratio.value


def test_the_bound_is_without_labels_and_the_other_with_them(chosen):
    """A network that is right about nothing but the null label: only the bound without labels is
    low."""

    def network(x, log_snr, labels):
        wrong = (labels != model.null).double()[:, None, None, None]
        return (8.0 * wrong + 0.0 * x).float()

    model = models.build(chosen, MANIFEST, RUN).eval()
    model.net = torch.nn.Identity()
    model.net.forward = network
    images = torch.full((20, 1, 8, 8), 8, dtype=torch.uint8)
    test = Images(images, torch.arange(20) % 10)
    figures, curves = diffusion.measure(chosen, MANIFEST, RUN, model, test, images)
    found = {figure.metric: figure.value for figure in figures}
    assert found["bound_given_label_bpd"] > 3 * found["bound_bpd"]
    parts = found["prior_bpd"] + found["denoising_bpd"] + found["decoder_bpd"]
    assert found["bound_bpd"] == pytest.approx(parts, rel=1e-9)
    assert found["bound_bpd"] == pytest.approx(
        sum(curves["noise_levels"]["term"]) + found["prior_bpd"], rel=1e-9
    )
    assert all(figure.n == 20 and figure.stderr is not None for figure in figures[:5])


def test_importance_weighted_figures_do_not_depend_on_the_batch(chosen):
    """101 images in batches of 32 and in one."""
    images = torch.randint(0, 17, (101, 1, 8, 8), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )
    model = models.build(chosen, MANIFEST, Run("vae", 0)).eval()
    found = []
    for batch in (32, 101):
        values = chosen.model_dump(mode="json")
        values["likelihood"] |= {"batch": batch, "gradients": {"images": 2, "draws": 10}}
        test = Images(images, torch.zeros(len(images), dtype=torch.int64))
        figures, _ = autoencoder.measure(
            study.parse(values, "test"), MANIFEST, Run("vae", 0), model, test, images[:20]
        )
        found.append([figure.value for figure in figures])
    torch.testing.assert_close(*(torch.tensor(f) for f in found), rtol=1e-6, atol=1e-6)
