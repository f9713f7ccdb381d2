"""The classifiers: guides and the judge."""
