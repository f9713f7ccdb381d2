"""Bounds on log p and their estimators; decoders over K grey levels. Everything in nats per
example."""
