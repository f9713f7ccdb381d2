"""Break one formula at a time and see that some test fails: `python tests/mutations.py [--jobs 2]`.

Each entry is (file, text that occurs in it once, what it is changed to). The tests run in a copy of
the working tree; a mutation that no test notices is a survivor, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mutated_experiments
import mutated_families
import mutated_networks
import mutated_verdicts
from mutated_suites import SUITES

ROOT = Path(__file__).parents[1]
PACKAGE = "src/threetargets"
MUTATIONS = [
    (
        "report/across/contrasts.py",
        "return [a - b for a, b in both]",
        "return [b - a for a, b in both]",
    ),
    ("report/across/contrasts.py", "math.log(a - floor) - math", "math.log(b - floor) - math"),
    ("report/across/contrasts.py", "1 - alpha / max(1, several)", "1 - alpha"),
    ("report/across/contrasts.py", "FIRST if interval.mean < 0", "FIRST if interval.mean > 0"),
    ("metrics/factors.py", "(1 - seeds) * one[some]", "one[some]"),
    ("metrics/factors.py", "np.delete(values, seed, -1)", "values[..., : seed + 1]"),
    (
        "report/across/contrasts.py",
        "first[s], second[s]) for s in",
        "first[s], second[0]) for s in",
    ),
    ("diffusion/kernel.py", "return a * x0 + s * eps", "return a * x0 - s * eps * s"),
    (
        "diffusion/kernel.py",
        "return -torch.sigmoid(-log_snr_t) *",
        "return -torch.sigmoid(log_snr_t) *",
    ),
    ("diffusion/kernel.py", "ratio = log_snr_t - log_snr_s", "ratio = log_snr_s - log_snr_t"),
    ("diffusion/kernel.py", "a_s / a_t * torch.exp(ratio)", "a_t / a_s * torch.exp(ratio)"),
    ("diffusion/kernel.py", "-(s_s**2) * torch.expm1(ratio)", "-s_s * torch.expm1(ratio)"),
    ("diffusion/schedule.py", "return -2.0 * torch.log(torch.tan(", "return -torch.log(torch.tan("),
    ("diffusion/schedule.py", "* u**2 / 2)", "* u**2)"),
    ("diffusion/schedule.py", "torch.arange(1, steps + 1", "torch.arange(0, steps"),
    ("diffusion/schedule.py", "torch.log1p(-betas.double())", "-betas.double()"),
    ("diffusion/target.py", "(1.0 - a * c_skip) / c_out", "(1.0 - c_skip) / c_out"),
    ("diffusion/target.py", "-s * c_skip / c_out", "s * c_skip / c_out"),
    ("diffusion/target.py", "((1.0 - a * c_skip) / s)", "((1.0 - c_skip) / s)"),
    ("diffusion/target.py", "- (a * c_out / s)", "- (c_out / s)"),
    ("diffusion/target.py", "return a * self.x0_error(a, s) / s", "return self.x0_error(a, s) / s"),
    ("diffusion/target.py", "Pair(1.0 / a, -s / a)", "Pair(1.0 / a, s / a)"),
    ("diffusion/target.py", "Pair(1.0 / a, s**2 / a)", "Pair(1.0 / a, s**2)"),
    ("diffusion/target.py", "Pair(a, -s)", "Pair(a, s)"),
    ("diffusion/target.py", "Pair(1.0 / (a + s), -s / (a + s))", "Pair(a / (a + s), -s / (a + s))"),
    ("diffusion/target.py", "Pair(a * data_std**2 / total", "Pair(a * data_std / total"),
    (
        "diffusion/weighting.py",
        "torch.exp(-table.log_snr[i]), max",
        "torch.exp(table.log_snr[i]), max",
    ),
    ("diffusion/weighting.py", "sigmoid(2.0 - table", "sigmoid(table"),
    ("diffusion/weighting.py", "+ variance) / variance", "+ variance) * variance"),
    (
        "diffusion/weighting.py",
        "(*signal_noise(table.log_snr[i])) ** 2",
        "(*signal_noise(table.log_snr[i]))",
    ),
    ("diffusion/weighting.py", "0.5 * torch.expm1(", "torch.expm1("),
    ("diffusion/weighting.py", "return torch.exp(-table", "return torch.exp(-0.5 * table"),
    ("diffusion/weighting.py", "return 1.0 + torch.exp(-table", "return 1.0 + torch.exp(table"),
    (
        "diffusion/weighting.py",
        "table.log_snr[i - 1] - table.log_snr[i])",
        "table.log_snr[i - 1] - table.log_snr[i - 2])",
    ),
    ("networks/skip.py", "(x.ndim - 1)) * x, x", "(x.ndim - 1)) + x, x"),
    (
        "likelihood/learned.py",
        "share * large + (1.0 - share) * small",
        "share * small + (1.0 - share) * large",
    ),
    ("likelihood/learned.py", "x0_hat.detach()", "x0_hat"),
    ("likelihood/denoised.py", "+= part.cpu() / draws", "+= part.cpu()"),
    ("likelihood/denoised.py", "Bound(prior, self.own[:, 1:]", "Bound(prior, self.own[:, :-1]"),
    ("study/counts.py", "_log_ways(sizes) - math.lgamma(parts + 1)", "_log_ways(sizes)"),
    ("study/counts.py", "chosen.neighbours >= images", "chosen.neighbours > images"),
    ("likelihood/fitted.py", "torch.exp(low + high)", "torch.exp(0.5 * (low + high))"),
    ("metrics/factors.py", "others = tuple(a for a in axes if a not in some)", "others = some"),
    ("diffusion/times.py", "1.0 / (table.steps * p[i - 1])", "1.0 / p[i - 1]"),
    ("diffusion/times.py", "right=True", "right=False"),
    ("diffusion/times.py", "rest = (1.0 - DECODER_SHARE) * width", "rest = DECODER_SHARE * width"),
    ("diffusion/guidance.py", "torch.lerp(eps_u, eps_c, gamma)", "torch.lerp(eps_c, eps_u, gamma)"),
    ("diffusion/guidance.py", "eps = eps - gamma * s *", "eps = eps + gamma * s *"),
    (
        "diffusion/guidance.py",
        "gamma * s * log_probability_gradient",
        "gamma * log_probability_gradient",
    ),
    (
        "diffusion/guidance.py",
        "Prediction((x_t - s * eps) / a, eps)",
        "Prediction((x_t + s * eps) / a, eps)",
    ),
    (
        "diffusion/predictor.py",
        "Prediction(x0, (x_t - a * x0) / s)",
        "Prediction(x0, x_t - a * x0)",
    ),
    (
        "diffusion/sampler.py",
        "mean = q.A * predictor(x, l_t).x0 + q.B * x",
        "mean = q.B * predictor(x, l_t).x0 + q.A * x",
    ),
    ("diffusion/sampler.py", "mean + sigma2.sqrt() * noise()", "mean + sigma2 * noise()"),
    ("diffusion/sampler.py", "variance = eta**2 *", "variance = eta *"),
    ("diffusion/sampler.py", "(s_s**2 - variance)", "(s_s**2 + variance)"),
    (
        "diffusion/sampler.py",
        "torch.exp(-l_s / 2) - torch.exp(-l_t / 2)",
        "torch.exp(-l_s) - torch.exp(-l_t)",
    ),
    ("diffusion/sampler.py", "(first + predictor(euler, l_s).eps) / 2", "first"),
    ("likelihood/gaussian.py", "- 0.5 * math.log(2 * math.pi)", "+ 0.5 * math.log(2 * math.pi)"),
    ("likelihood/gaussian.py", "0.5 * (torch.expm1(2 * log_std)", "0.5 * (torch.expm1(log_std)"),
    (
        "likelihood/gaussian.py",
        "dims * (ratio - 1 - torch.log(ratio))",
        "dims * (ratio - 1 + torch.log(ratio))",
    ),
    ("likelihood/decoders.py", "2 * (k + 1) / count - 1)", "2 * (k + 0.5) / count - 1)"),
    ("likelihood/decoders.py", "upper = (z_low + z_high) > 0", "upper = (z_low + z_high) > 1e9"),
    ("likelihood/decoders.py", "2.0 / count * inverse", "1.0 / count * inverse"),
    ("likelihood/bound.py", "return kl_to_standard(a * x0,", "return kl_to_standard(x0,"),
    ("likelihood/bound.py", "kl_isotropic(q.A**2 * squared", "kl_isotropic(q.B**2 * squared"),
    ("likelihood/bound.py", "optimal = q.C + q.A**2 * mse", "optimal = q.C + q.A * mse"),
    (
        "likelihood/denoised.py",
        "torch.exp(self.table.log_snr[1:])",
        "torch.exp(-self.table.log_snr[1:])",
    ),
    ("likelihood/ode.py", "- x0[0].numel() * torch.log(s)", "+ x0[0].numel() * torch.log(s)"),
    (
        "likelihood/bound.py",
        "return self.prior + self.denoising.sum(1) + self.decoder",
        "return self.denoising.sum(1) + self.decoder",
    ),
    (
        "likelihood/bound.py",
        "torch.where(i <= 1, small, large)",
        "torch.where(i <= 2, small, large)",
    ),
    ("likelihood/importance.py", "return running - math.log(k)", "return running"),
    ("likelihood/importance.py", "torch.logaddexp(running, part)", "torch.maximum(running, part)"),
    ("likelihood/ode.py", "0.5 * (s**2 * x - s * eps)", "0.5 * (s**2 * x + s * eps)"),
    ("likelihood/ode.py", "return prior + gained", "return prior - gained"),
    (
        "likelihood/ode.py",
        "dims * math.log(a * 2.0 / count)",
        "dims * math.log(2.0 * a / (count - 1))",
    ),
    (
        "likelihood/two_sided.py",
        "predictor(after, table.log_snr[i + 1])",
        "predictor(before, table.log_snr[i])",
    ),
    (
        "likelihood/two_sided.py",
        "(dims * (std**2 - 1 - 2 * std.log())",
        "(dims * (std**2 - 1 - std.log())",
    ),
    ("likelihood/two_sided.py", "last = 0.5 * (", "last = 0.25 * ("),
    (
        "likelihood/two_sided.py",
        "kl_isotropic(total((mean - guess) ** 2)",
        "kl_isotropic(0.5 * total((mean - guess) ** 2)",
    ),
    ("likelihood/two_sided.py", "(1.0 - step).sqrt() * after", "(1.0 - step) * after"),
    ("likelihood/ode.py", "x = a * dequantised", "x = dequantised"),
    ("diffusion/times.py", "torch.cat([width[:1], width])", "torch.cat([width[-1:], width])"),
    ("likelihood/gradients.py", "(len(values) - 1)", "len(values)"),
    (
        "likelihood/decoders.py",
        "torch.sigmoid(-parameters.squeeze(1)",
        "torch.sigmoid(parameters.squeeze(1)",
    ),
    (
        "likelihood/decoders.py",
        "return -total(\n            F.binary_cross_entropy",
        "return total(\n            F.binary_cross_entropy",
    ),
    ("likelihood/decoders.py", "torch.stack([k * p for k, p", "torch.stack([(k + 1) * p for k, p"),
    ("doctor/rates.py", "return calls * operations /", "return (calls + 1) * operations /"),
    ("doctor/rates.py", "step(0), one * settings.batch", "step(0), one"),
    ("doctor/work.py", "return of_two / 2 * families", "return of_two * families"),
    ("doctor/card.py", "// need", "// CONTEXT"),
    (
        "diffusion/guidance.py",
        "return ends[0] <= float(log_snr) < ends[1]",
        "return ends[0] < float(log_snr) <= ends[1]",
    ),
    (
        "diffusion/guidance.py",
        "(free if within(ends, log_snr) else own)",
        "(own if within(ends, log_snr) else free)",
    ),
    ("diffusion/guidance.py", "torch.lerp(weaker, own, gamma)", "torch.lerp(own, weaker, gamma)"),
    (
        "diffusion/guidance.py",
        "autoguided(of.model, of.weak, of.labels, of.gamma)",
        "autoguided(of.weak, of.model, of.labels, of.gamma)",
    ),
    *mutated_families.MUTATIONS,
    *mutated_experiments.MUTATIONS,
    *mutated_networks.MUTATIONS,
    *mutated_verdicts.MUTATIONS,
]


def survives(number: int, file: str, old: str, new: str) -> str:
    """An empty string where some test fails; else what survived, or why the mutation could not be
    made."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("src", "tests", "config", "params.yaml", "pyproject.toml"):
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, Path(folder) / name)
        path = Path(folder) / PACKAGE / file
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            return f"{file}: {old!r} occurs {text.count(old)} times, expected once"
        path.write_text(text.replace(old, new), encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": str(Path(folder) / "src"), "OMP_NUM_THREADS": "1"}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            *SUITES[file.split("/")[0]],
        ]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        failed = next(
            (line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), ""
        )
        print(
            f"{number + 1}/{len(MUTATIONS)} {file}: {new!r}: {failed[:110] or 'SURVIVED'}",
            flush=True,
        )
        return "" if done.returncode == 1 else f"{file}: {old!r} -> {new!r}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    with ThreadPoolExecutor(parser.parse_args().jobs) as pool:
        found = [
            s for s in pool.map(lambda n: survives(n, *MUTATIONS[n]), range(len(MUTATIONS))) if s
        ]
    print(f"{len(MUTATIONS)} mutations, {len(found)} survivors", *found, sep="\n  ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
