"""The page across studies: read from what each report has committed, and from nothing else."""
