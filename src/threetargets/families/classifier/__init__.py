"""The two classifiers: the guide and the judge."""
