"""Data sets with digests, and the arrays of a study on disk."""
