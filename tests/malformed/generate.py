"""Writes the malformed parameter files of this folder: `params.yaml` with one mistake each, and `expected.json`, which
says for each the key that the error has to name and a word of what it has to say.

    python tests/malformed/generate.py
"""

# ruff: noqa: E501
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PARAMS = HERE.parents[1] / "params.yaml"


@dataclass(frozen=True)
class Mistake:
    """`old` in params.yaml becomes `new`; the error names `key` and says `said`."""

    name: str
    old: str
    new: str
    key: str
    said: str = ""


VARIANCE = "  variance: fixed-large           #"
MISTAKES = (
    # keys that nobody knows, one at each level
    Mistake("unknown-key-at-the-top", "seeds: [0, 1, 2]", "seeds: [0, 1, 2]\nseed: 0", "seed", "unknown key"),
    Mistake("unknown-key-in-a-section", VARIANCE, "  varience: fixed-large\n" + VARIANCE, "diffusion.varience", "unknown"),
    Mistake("unknown-key-two-deep", "log_snr_max: 4.0", "log_snr_mix: 4.0", "diffusion.schedule.log_snr_mix", "unknown"),
    Mistake(
        "unknown-key-in-a-training", "{<<: *ddpm, steps: 1500, weight_decay: 0.1}", "{<<: *ddpm, epochs: 9}",
        "training.vae.epochs", "unknown key",
    ),
    Mistake("unknown-model-in-trainings", "  judge: {<<", "  gan: {<<: *ddpm}\n  judge: {<<", "training.gan", "unknown"),
    Mistake("key-that-is-a-number", "precision: fp32", "7: 8\nprecision: fp32", "7"),
    Mistake("wrong-indentation", "  judge_seed: 1000", "judge_seed: 1000", "judge_seed", "unknown key"),
    # keys that are missing
    Mistake("missing-at-the-top", 'title: "x0, eps or score? The 8x8 digits"\n', "", "title", "is missing"),
    Mistake("missing-in-a-section", "  draws: 1  ", "  # draws: 1  ", "likelihood.draws", "is missing"),
    Mistake("missing-two-deep", "train: 1097, ", "", "data.split.train", "is missing"),
    Mistake("missing-section", "network: {", "# network: {", "network", "is missing"),
    Mistake("missing-in-an-anchor", "    batch: 64\n", "", "training.ddpm.batch", "is missing"),
    Mistake("section-without-content", "network: {name: mlp, width: 256, depth: 3}", "network:", "network", "is missing"),
    Mistake("missing-weighting", "    native: uniform\n", "", "time_sampling", "lacks native"),
    # values of the wrong type
    Mistake("text-for-a-number", "  steps: 250  ", "  steps: many  ", "diffusion.steps", "'many'"),
    Mistake("fraction-for-a-whole-number", "  steps: 250  ", "  steps: 250.5  ", "diffusion.steps", "250.5"),
    Mistake("truth-for-a-number", "    warmup_steps: 100", "    warmup_steps: true", "training.ddpm.warmup_steps", "True"),
    Mistake("number-for-text", "study: digits  ", "study: 8  ", "study", "8"),
    Mistake("truth-for-text", "study: digits  ", "study: false  ", "study", "False"),
    Mistake("date-for-text", 'title: "x0, eps or score? The 8x8 digits"', "title: 2026-11-20", "title", "2026"),
    Mistake("text-for-truth", "  clip: true  ", '  clip: "true"  ', "sampling.clip", "'true'"),
    Mistake("number-for-a-list", "seeds: [0, 1, 2]", "seeds: 3", "seeds", "3"),
    Mistake("list-for-a-section", "network: {name: mlp, width: 256, depth: 3}", "network: [mlp, 256, 3]", "network"),
    Mistake("text-in-a-list", "latents: [24, 8]", "latents: [24, eight]", "hvae.latents.1", "'eight'"),
    Mistake("exponent-without-a-number", "learning_rate: 0.001", "learning_rate: 1.0e", "training.ddpm.learning_rate", "'1.0e'"),
    Mistake("comma-for-a-point", "  alpha: 0.05  ", "  alpha: 0,05  ", "comparison.alpha", "'0,05'"),
    # values out of range
    Mistake("negative-gamma", "gammas: [0, ", "gammas: [-1, 0, ", "guidance.gammas.0", "not negative"),
    Mistake("gamma-that-is-no-number", "gammas: [0, ", "gammas: [.nan, ", "guidance.gammas.0", "finite"),
    Mistake("infinite-learning-rate", "learning_rate: 0.001", "learning_rate: .inf", "training.ddpm.learning_rate", "finite"),
    Mistake("negative-seed", "seeds: [0, 1, 2]", "seeds: [0, 1, -2]", "seeds.2", "-2"),
    Mistake("no-batch", "    batch: 64\n", "    batch: 0\n", "training.ddpm.batch", "greater than 0"),
    Mistake("dropout-of-one", "label_dropout: 0.15", "label_dropout: 1.0", "diffusion.label_dropout", "less than 1"),
    Mistake("odd-classifier-width", "  width: 64  ", "  width: 63  ", "classifiers.width", "multiple of 2"),
    Mistake("study-that-is-a-path", "study: digits  ", "study: ../digits  ", "study", "pattern"),
    # empty and repeated
    Mistake("no-seeds", "seeds: [0, 1, 2]", "seeds: []", "seeds", "at least 1"),
    Mistake("no-gammas", "gammas: [0, 0.5, 1, 1.5, 2, 3, 5]", "gammas: []", "guidance.gammas", "at least 1"),
    Mistake("repeated-seeds", "seeds: [0, 1, 2]", "seeds: [0, 1, 1]", "seeds", "repeated"),
    Mistake("repeated-cell", "  - hvae\n", "  - hvae\n  - hvae\n", "cells", "repeated"),
    Mistake("duplicate-key", "precision: fp32", "device: cpu\nprecision: fp32", "device", "duplicate key"),
    # names that are in no registry
    Mistake("unknown-target", "  - ddpm_v_eps-equivalent\n", "  - ddpm_u_eps-equivalent\n", "cells.8", "unknown target 'u'"),
    Mistake("unknown-weighting", "  - ddpm_x0_elbo\n", "  - ddpm_x0_snr\n", "cells.4", "unknown weighting 'snr'"),
    Mistake("unknown-sampler", "  sampler: ddim  ", "  sampler: dpm  ", "sampling.sampler", "ancestral"),
    Mistake("unknown-variance", "  variance: fixed-large  ", "  variance: learned  ", "diffusion.variance", "fixed-small"),
    Mistake("unknown-data", "  name: digits  ", "  name: letters  ", "data.name", "digits"),
    # values that contradict each other
    Mistake("log-snr-upside-down", "log_snr_min: -7.0", "log_snr_min: 7.0", "log_snr_min", "smaller than log_snr_max"),
    Mistake("judge-that-is-a-guide", "judge_seed: 1000", "judge_seed: 2", "classifiers.judge_seed", "seeds"),
    Mistake(
        "guidance-of-a-cell-that-is-not-there", "cells: [ddpm_x0_eps-equivalent, ", "cells: [ddpm_v_native, ",
        "guidance.cells", "not in cells",
    ),
    Mistake("variant-that-is-not-there", "  - hvae\n", "  - hvae\n  - vae_z3\n", "cells", "vae.variants has no 'z3'"),
    Mistake("variant-of-nothing", "samples: 1, variants: {}}\nhvae", "samples: 1, variants: {z: {widht: 3}}}\nhvae", "widht", "unknown key"),
    # no YAML
    Mistake("tab-for-indentation", "  kinds: [", "\tkinds: [", "line", "not valid YAML"),
    Mistake("bracket-left-open", "seeds: [0, 1, 2]", "seeds: [0, 1, 2", "line", "not valid YAML"),
    Mistake("alias-of-nothing", "guide: {<<: *ddpm,", "guide: {<<: *dpm,", "dpm", "not valid YAML"),
)  # fmt: skip
WHOLE = (  # name, content, key, said
    ("nested-without-end", b"study: " + b"[" * 3000 + b"\n", "nested too deeply", ""),
    ("empty", b"", "mapping", "expected a mapping"),
    ("list-at-the-top", b"- study: digits\n- seeds: [0]\n", "mapping", "found list"),
    (
        "not-utf-8",
        'study: digits\ntitle: "Chiffres \xe9crits"\n'.encode("latin-1"),
        "UTF-8",
        "not a text file",
    ),
)


def main() -> None:
    text, expected = PARAMS.read_text(encoding="utf-8"), {}
    for mistake in MISTAKES:
        assert text.count(mistake.old) >= 1, mistake.name
        (HERE / f"{mistake.name}.yaml").write_text(
            text.replace(mistake.old, mistake.new, 1), encoding="utf-8"
        )
        expected[mistake.name] = {"key": mistake.key, "said": mistake.said}
    for name, content, key, said in WHOLE:
        (HERE / f"{name}.yaml").write_bytes(content)
        expected[name] = {"key": key, "said": said}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
