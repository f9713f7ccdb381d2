"""Breaks of the image transformer, as in mutations.py: (file, text, its replacement)."""

MUTATIONS = [
    (
        "networks/vit.py",
        "scale_1, shift_1, scale_2, shift_2 =",
        "shift_1, scale_1, scale_2, shift_2 =",
    ),
    ("networks/vit.py", "(1 + scale_2) + shift_2", "scale_2 + shift_2"),
    ("networks/vit.py", "h + self.position", "h + self.position[:, :1]"),
    ("networks/vit.py", "h + self.position", "h + self.position.flip(1)"),
    ("networks/vit.py", "(2, (rows, columns))", "(2, (columns, rows))"),
    (
        "networks/vit.py",
        "pixel_unshuffle(x, self.patch).flatten(2)",
        "pixel_unshuffle(x, self.patch).mT.flatten(2)",
    ),
    (
        "networks/vit.py",
        "(3, self.heads, -1)).permute(2, 0, 3, 1, 4)",
        "(self.heads, 3, -1)).permute(3, 0, 2, 1, 4)",
    ),
    (
        "networks/vit.py",
        ".transpose(1, 2).flatten(2)\n        )",
        ".flatten(1, 2).unflatten(1, (-1, self.heads)).flatten(2)\n        )",
    ),
]
