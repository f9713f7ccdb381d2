"""What a check found: one row of the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """`failed`: the study cannot run so. `warning`: it can, with the drawback that is said. `todo`
    is empty for ok."""

    check: str
    state: State
    observed: str
    todo: str = ""
