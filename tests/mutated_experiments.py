"""Breaks of the experiments, as in mutations.py: (file, text, its replacement)."""

MUTATIONS = [
    ("experiments/score_sde/equations.py", "math.sqrt(2 * rate)", "math.sqrt(rate)"),
    ("experiments/score_sde/norms.py", "below < 0.5, middle, low", "below < 0.4, middle, low"),
    ("experiments/score_sde/solvers.py", "score, x, t, 1.0)", "score, x, t, 0.5)"),
    ("experiments/langevin_density/chains.py", "+ back - forth", "+ forth - back"),
    ("experiments/langevin_density/chains.py", "(2 * diffusion * width)", "(diffusion * width)"),
    ("experiments/langevin_density/energy.py", "(slope**2 / 2 + bend)", "(slope**2 + bend)"),
    ("experiments/langevin_density/spec.py", "(1 - kept**2)", "(1 - kept)"),
    ("experiments/gradient_flow/moves.py", "return -predictor", "return predictor"),
    ("experiments/reverse_kernel/measure.py", "* (1 - beta))", "* (1 - beta) ** 2)"),
    ("experiments/reverse_kernel/regressions.py", "mean + q.C.sqrt() *", "mean + q.C *"),
    ("experiments/reverse_kernel/regressions.py", "* (x - s * out) / a", "* (x - out) / a"),
    ("experiments/reverse_kernel/regressions.py", "/ (2 * constants(", "/ (constants("),
    ("experiments/gradient_flow/moves.py", "yield Move(same, x, l_s)", "yield Move(x, x, l_s)"),
    ("experiments/discrete/corruption.py", "kept = alpha_t / alpha_s", "kept = alpha_t"),
    (
        "experiments/discrete/corruption.py",
        "source, dtype=torch.float64)",
        "source, dtype=torch.float32)",
    ),
    (
        "experiments/reinforce/measure.py",
        "lambda k: model.elbo(x).mean(), some, 1).square()",
        "lambda k: model.elbo(x[: len(x) // 2]).mean(), some, 1).square()",
    ),
    ("report/parts/drawing.py", "& (high > 0), edge, low)", "& (high > 0), mean / 2, low)"),
    ("report/parts/verdicts.py", "one < alpha / 2 for one in p", "one < alpha for one in p"),
    ("report/parts/of_experiments.py", "b.complete and kept", "b.complete"),
    (
        "experiments/discrete/enumeration.py",
        "float((chance * each).sum()) / node",
        "float((chance * each).sum())",
    ),
    ("experiments/inpainting/filling.py", "x = (1 - lost).sqrt() * x", "x = x"),
    ("experiments/inpainting/imputation.py", "gain - had)", "gain)"),
    (
        "experiments/reinforce/estimators.py",
        "f = (log_p - log_q).detach()\n    return",
        "f = log_p.detach()\n    return",
    ),
    ("experiments/reinforce/gaussian_vae.py", "- len(s2) - torch.log", "- torch.log"),
    (
        "experiments/amortised/inference.py",
        "0.5 * noise.square().sum(-1) + log_det",
        "0.5 * noise.square().sum(-1)",
    ),
    (
        "experiments/amortised/linear_decoder.py",
        "p.diagonal().rsqrt()",
        "p.inverse().diagonal().sqrt()",
    ),
]
