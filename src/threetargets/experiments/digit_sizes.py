"""What the 8x8 digits are, for specs and measurements alike. Imports no torch."""

from __future__ import annotations

SIDE = 8
PIXELS = SIDE**2
LEVELS = 17
"""Of grey, 0 to 16."""
