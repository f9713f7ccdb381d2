"""Models: their bounds and samples, what they cost, and figures that others have published."""
