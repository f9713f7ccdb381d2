"""The claims of the progressive VAE on made-up figures."""

from __future__ import annotations

import pytest
from report.made_up import results

from threetargets.report.topics.of_experiments.progressive_vae import (
    decide_decoupled,
    decide_shared,
    decide_small,
    decide_two_phases,
    decide_universal,
)


def figures(**changes: float):
    own = {"law/full": 1e-13, "law/isotropic": 0.2, "gap/L2": 1.0, "gap/L8": 0.3, "decoupled": 0.0}
    own |= {"excess/apart/t0.2": 0.01, "excess/apart/t0.5": 0.02}
    own |= {"excess/shared/t0.2": -0.01, "excess/shared/t0.5": 0.01}
    own |= {name.replace("__", "/").replace("_p", "."): v for name, v in changes.items()}
    return lambda metric, seed: (
        own.get(metric, 1.0) + 0.001 * seed * metric.startswith(("law/isotropic", "excess"))
    )


@pytest.mark.parametrize(
    ("decide", "changes", "verdict"),
    [
        (decide_universal, {}, "reproduced"),
        (decide_universal, {"law__full": 1e-6}, "not reproduced"),
        (decide_universal, {"law__isotropic": 0.0}, "inconclusive"),
        (decide_small, {}, "reproduced"),
        (decide_small, {"gap__L8": 0.6}, "inconclusive"),
        (decide_small, {"gap__L8": 1.2}, "not reproduced"),
        (decide_decoupled, {}, "reproduced"),
        (decide_decoupled, {"decoupled": 1e-4}, "not reproduced"),
        (decide_two_phases, {}, "reproduced"),
        (decide_two_phases, {"excess__apart__t0_p5": 0.2}, "not reproduced"),
        (decide_two_phases, {"excess__apart__t0_p5": 0.049}, "inconclusive"),
        (decide_shared, {}, "reproduced"),
        (decide_shared, {"excess__shared__t0_p2": 0.1}, "not reproduced"),
    ],
)
def test_the_rules(decide, changes: dict[str, float], verdict: str) -> None:
    assert decide(results("progressive_vae", figures(**changes))).verdict == verdict
    holed = decide(results("progressive_vae", figures(**changes), missing=(1,))).verdict
    assert holed == ("inconclusive" if verdict == "reproduced" else verdict)
