"""Breaks of the families of models, as in mutations.py: (file, text, its replacement)."""

MUTATIONS = [
    (
        "families/autoencoder/model.py",
        "(torch.logsumexp(weights, 0) - math.log(self.samples))",
        "weights.mean(0)",
    ),
    (
        "families/autoencoder/model.py",
        "layers.append((mean + torch.exp(log_std) * eps,",
        "layers.append((mean + torch.exp(2 * log_std) * eps,",
    ),
    (
        "families/autoencoder/model.py",
        "bottom = [one.repeat(samples, 1)",
        "bottom = [one.repeat_interleave(samples, 0)",
    ),
    (
        "families/autoencoder/model.py",
        "log_density(z, mean, log_std) - self.log_prior",
        "log_density(z, mean, log_std) + self.log_prior",
    ),
    (
        "families/autoencoder/model.py",
        "above = None if top else layers[index + 1][0]",
        "above = None",
    ),
    (
        "families/autoencoder/model.py",
        "each, closed_form=False, bottom",
        "each, closed_form=True, bottom",
    ),
    (
        "families/diffusion/model.py",
        "loss = (weight * eps_error**2)",
        "loss = (weight * eps_error)",
    ),
    ("families/diffusion/model.py", "return self.table.steps * loss", "return loss"),
    ("families/diffusion/model.py", "first = i == 1", "first = i == 2"),
    ("families/diffusion/noisy_labels.py", "chance < share, drawn", "chance > share, drawn"),
    ("families/diffusion/noisy_labels.py", "(which * classes)", "(which * (classes - 1))"),
    ("families/diffusion/noisy_labels.py", '"label-noise", n)', '"label-noise", n % 7)'),
    ("families/diffusion/model.py", ".label_noise, run.seed)", ".label_noise, 0)"),
    ("families/diffusion/spec.py", "(1.0 - chosen.label_noise)", "(1.0 + chosen.label_noise)"),
    ("report/topics/of_guidance/label_claims.py", "(real + chance) / 2", "real / 2"),
    ("report/topics/of_guidance/label_claims.py", "[a / 2 - b for", "[a - b for"),
    ("families/classifier/model.py", "torch.log_softmax(", "torch.softmax("),
    (
        "families/classifier/model.py",
        "known = None if self.noisy is None else",
        "known = None if self.noisy is not None else",
    ),
    ("families/diffusion/sampling.py", 'precision == "bf16"', 'precision == "fp32"'),
]
