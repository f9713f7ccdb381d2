"""Read or fetch the data, verify it, split it, and write it down."""

from __future__ import annotations

from threetargets.data import pretrained, sources, splits
from threetargets.data.download import say
from threetargets.study.schema import Study


def run(study: Study, params: str = "params.yaml") -> None:
    """Write results/<study>/data/{train,validation,test}.npz and, last, manifest.json.

    The same study gives the same bytes, so that a second run changes nothing downstream: no dates
    and no versions are written, and no trace of where the files were had from. Downloads tell their
    progress on stderr. Raises ConfigError (unknown name, splits too large), DataError (wrong
    digest), MissingInput (nowhere to be had) and CannotWrite.
    """
    source = sources.find(study.data.name)
    splits.split_indices(source, study.data.split)  # refused before anything is downloaded
    if (
        "inception" in study.evaluation.extractors
    ):  # evaluated hours later, perhaps where there is no internet
        pretrained.obtain(study.evaluation.inception, study.data.mirror)
    arrays = sources.read(source, study.data.mirror)
    say(f"{source.name}: {len(arrays.images)} images, SHA-256 as expected; writing the splits")
    provenance = {"files": arrays.files, "command": f"threetargets prepare --params {params}"}
    splits.write(study, source, arrays.images, arrays.labels, provenance)
