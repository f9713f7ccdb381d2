"""The example of docs/from-python.md, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

EXAMPLE = (Path(__file__).parents[1] / "docs" / "from-python.md").read_text()


def example() -> tuple[str, list[str]]:
    """The code, and the lines that it is said to print."""
    (code, printed) = re.search(
        r"```python\n(import torch\n.*?)```\n\n```\n(.*?)```", EXAMPLE, re.DOTALL
    ).groups()  # type: ignore[union-attr]
    return code, printed.splitlines()


def test_it_prints_what_stands_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    code, printed = example()
    torch.manual_seed(0)
    exec(compile(code, "from-python.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(printed) == 2
    for line, wanted in zip(lines, printed, strict=True):
        ours, theirs = (re.findall(r"-?\d+\.\d+", text) for text in (line, wanted))
        assert re.sub(r"-?\d+\.\d+", "", line) == re.sub(r"-?\d+\.\d+", "", wanted)
        assert [float(v) for v in ours] == pytest.approx([float(v) for v in theirs], abs=0.02)


def test_it_is_ten_lines_besides_its_imports() -> None:
    lines = [line for line in example()[0].splitlines() if line]
    body = [line for line in lines if not line.startswith(("import ", "from ", "print("))]
    assert len(body) == 10


def test_the_numbers_are_those_of_theory(capsys: pytest.CaptureFixture[str]) -> None:
    """The bound is above -log p, and guidance moves samples away from the other class."""
    exec(compile(example()[0], "from-python.md", "exec"), {})
    mean, own, bound, nll = map(float, re.findall(r"-?\d+\.\d+", capsys.readouterr().out))
    assert own < mean < own + 0.1
    assert nll < bound < nll + 2.0
