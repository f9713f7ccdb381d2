"""Read or fetch the data, verify it, split it, and write it down."""

from __future__ import annotations

from threetargets.data import sources, store
from threetargets.study import Study


def run(study: Study, params: str = "params.yaml") -> None:
    """Write results/<study>/data/{train,validation,test}.npz and, last, manifest.json.

    The same study gives the same bytes, so that a second run changes nothing downstream: no dates and no versions
    are written. Raises ConfigError (unknown name, splits too large), DataError (wrong digest), CannotWrite.
    """
    source = sources.find(study.data.name)
    arrays = sources.read(source, study.data.mirror)
    provenance = {"files": arrays.files, "command": f"threetargets prepare --params {params}"}
    store.write(study, source, arrays.images, arrays.labels, provenance)
