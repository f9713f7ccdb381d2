"""Training: the loop, the average of the weights, checkpoints, and the lock on a run's folder."""
