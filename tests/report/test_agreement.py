"""What the page across studies says: which target where, and what the weighting is worth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report.test_across import BPD, EQUIVALENT, known, pair, put, read

from threetargets.report.across import agreement, contrasts
from threetargets.report.across.contrasts import BOUND, TIE


def test_the_headline_counts_studies_and_noise_tells_them_apart(tmp_path: Path) -> None:
    """Two studies against one at elbo; a tie needs the margin, which a setting brings."""
    wobble = np.array([-0.001, 0.0, 0.001])
    for name, effect, end in (("a", -0.3, 4.0), ("b", 0.3, 9.0), ("c", 0.5, 11.0)):
        rows = pair(name, list(2 + effect + wobble), [2.0] * 3, "bound_bpd")
        rows += pair(name, list(2 + 0.01 + wobble), [2.0] * 3, "bound_bpd", "native")
        put(tmp_path, name, rows)
        known(tmp_path, name, log_snr_max=end)
    some = contrasts.contrasts(read(tmp_path))
    assert {c.verdict for c in some if c.weighting == "native"} == {TIE}
    sentence = agreement.headline(some)
    assert "at native a tie (3 of 3 studies)" in sentence
    assert "at elbo x₀ where the finest noise is at log-SNR 4, ε where it is at 9 to 11" in sentence
    (apart,) = agreement.tell_apart(some)
    assert "log-SNR 4 (1 case), ε where it is at 9 to 11 (2 cases)" in apart


@pytest.mark.parametrize(
    ("effects", "words"),
    [
        ([-0.3, 0.3, 0.5], "at elbo ε (2 of 3 studies, x₀ 1)."),
        ([-0.3, 0.3], "at elbo it depends (x₀ 1, ε 1)."),
        ([-0.3, -0.3, None], "at elbo x₀ (2 of 3 studies, undecided 1)."),
        ([None], "at elbo undecided (1 study)."),
    ],
)
def test_the_headline_where_the_noise_is_not_known(
    tmp_path: Path, effects: list[float | None], words: str
) -> None:
    """None: an effect whose interval is wide."""
    for k, effect in enumerate(effects):
        wobble = np.array([-0.001, 0.0, 0.001]) if effect else np.array([-1.0, 0.0, 1.0])
        put(tmp_path, f"s{k}", pair(f"s{k}", list(2 + (effect or 0) + wobble), [2.0] * 3, BPD))
    assert agreement.headline(contrasts.contrasts(read(tmp_path))).endswith(words)


def test_the_weighting_is_told_from_both_targets(tmp_path: Path) -> None:
    """One study gains .5 (x0) and .25 (eps), the other nothing that is sure with eps."""
    wobble = np.array([-0.001, 0.0, 0.001])
    for name, worse in (("a", wobble + 1.25), ("b", np.array([0.0, 1.0, 2.0]))):
        rows = pair(name, [1.0] * 3, [1.0] * 3, BPD)
        put(tmp_path, name, rows + pair(name, list(1.5 + wobble), list(worse), BPD, EQUIVALENT))
    some = contrasts.contrasts(read(tmp_path))
    assert "in 1 of the 2 that compare them, by 0.25 to 0.50 bits" in agreement.weighting_first(
        some
    )
    assert not agreement.weighting_first([c for c in some if c.weighting == "elbo"])


def test_of_nested_studies_the_one_with_more_seeds_counts(tmp_path: Path) -> None:
    """Equal to nine digits is the same training; a study without FIDs is nobody's part."""
    fids = [0.5, 0.7, 0.6, 0.8]
    for name, count, off in (("a", 3, 1e-12), ("b", 4, 0.0), ("c", 3, 1e-4)):
        rows = pair(name, [1.0] * count, [2.0] * count, BPD)
        rows += pair(name, [f + off for f in fids[:count]], fids[:count], "fid")
        put(tmp_path, name, rows)
    put(tmp_path, "d", pair("d", [1.0, 1.1], [2.0, 2.0], BPD))
    shown = contrasts.contrasts(read(tmp_path))
    assert [c.case.study.name for c in shown if c.measure == BOUND] == ["b", "c", "d"]
