"""Figures by the judge, by Inception, or by both."""

import pytest
import torch
from stages.conftest import N, result

from threetargets.pipeline.cells import Run
from threetargets.stages import evaluate


@pytest.fixture
def inception(monkeypatch, tmp_path):
    """In the place of Inception: pixels and their squares, float32. Returns the images of each
    extraction."""
    seen = []

    def see(name, images, count, device, told):
        assert name == "inception-0123456789abcdef" and count == 17
        seen.append(len(images))
        told(len(images))
        x = images.flatten(1).float() / 16
        return torch.cat([x[:, ::4], x[:, ::4] ** 2], 1)

    monkeypatch.setenv("THREETARGETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        evaluate.pretrained, "obtain", lambda named, mirror: tmp_path / "weights.pth"
    )
    monkeypatch.setattr(evaluate.inception, "register", lambda path: "inception-0123456789abcdef")
    monkeypatch.setattr(evaluate.inception, "see", see)
    return seen


FIDELITY = ["fid", "fid_infinity", "kid", "precision", "recall"]


@pytest.mark.parametrize("chosen", [["judge", "inception"], ["inception"]])
def test_figures_by_each_extractor(study, inception, chosen):
    evaluation = study.evaluation.model_copy(update={"extractors": chosen})
    both, run = study.model_copy(update={"evaluation": evaluation}), Run("data", 0)
    evaluate.run(study, run, params="p.yaml", threads=1)
    before = result(study, run).figures
    evaluate.run(both, run, params="p.yaml", threads=1)
    after = result(study, run).figures
    judged = [f for f in after if f.extractor.startswith("judge")]
    assert judged == [f for f in before if "judge" in chosen or f.metric in ("accuracy", "entropy")]
    other = [f for f in after if f.extractor == "inception-0123456789abcdef"]
    assert [f.metric for f in other] == FIDELITY and len(after) == len(judged) + len(other)
    assert all(f.n == N and f.reference == "test (n=500)" for f in other)
    for metric in ("fid", "fid_infinity", "kid"):
        assert len({f.value for f in [*before, *other] if f.metric == metric}) == 2
    assert inception == [500, N]
    evaluate.run(both, run, params="p.yaml", threads=1)
    assert result(study, run).figures == after and inception == [
        500,
        N,
        N,
    ]  # the reference was kept
