"""The label of data that have none, for networks that ask for one."""

from __future__ import annotations

import torch

NOBODY = torch.zeros(1, dtype=torch.int64)
