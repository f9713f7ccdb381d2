"""Targets against each other: by weighting, output space, schedule, training and learning rate."""
