"""Tracking that never kills a run: an append-only journal beside the run is the truth, MLflow is
its mirror.

`init` makes the store ready before anything runs in parallel, `Live` mirrors a long training while
it runs, `sync` fills in what is missing, once and only once. None of them raises because of the
store, and each is bounded in time.
"""

from threetargets.tracking.journal import Entry, Journal, read, truncate_after
from threetargets.tracking.live import Live
from threetargets.tracking.mirror import init, sync
from threetargets.tracking.points import figure_key

__all__ = ["Entry", "Journal", "Live", "figure_key", "init", "read", "sync", "truncate_after"]
