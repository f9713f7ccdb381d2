"""Where the files of a data set are: in the cache, in a mirror, or at their public addresses; each
checked by digest.

A mirror is a folder or an http address that holds the files under their `File.path`, for example
mnist/train-images-idx3-ubyte.gz. `data.mirror` of the study names it, or else THREETARGETS_MIRROR;
it takes the place of the public addresses. What is downloaded lies in the cache, the user's cache
folder or THREETARGETS_CACHE, in the same layout: a copy of the cache is a mirror.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from threetargets.data.download import PATIENCE, File, Patience, digest, download, is_whole, say
from threetargets.data.listing import Layout
from threetargets.errors import DataError, MissingInput

MIRROR, CACHE = "THREETARGETS_MIRROR", "THREETARGETS_CACHE"


def mirror_of(named: str | None) -> str | None:
    """The study's mirror, else that of the environment, else None: the public addresses."""
    return named or os.environ.get(MIRROR) or None


def cache() -> Path:
    """The folder of downloaded files."""
    import pooch

    return Path(os.environ.get(CACHE) or pooch.os_cache("threetargets")).expanduser()


def is_address(mirror: str) -> bool:
    return mirror.startswith(("http://", "https://"))


def addresses(file: File, mirror: str | None) -> tuple[str, ...]:
    """Where `file` can be downloaded: below an http mirror, or at its public addresses."""
    return (f"{mirror.rstrip('/')}/{file.path}",) if mirror else file.addresses


def obtain(
    name: str, layouts: Sequence[Layout], mirror: str | None = None, patience: Patience = PATIENCE
) -> list[tuple[File, Path]]:
    """The files of the first layout that can be had, each with the path of a copy whose digest is
    right.

    Raises MissingInput where a file is nowhere to be had, DataError where one has another digest,
    CannotWrite.
    """
    mirror = mirror_of(mirror)
    if mirror and not is_address(mirror):
        return _from_folder(name, layouts, Path(mirror).expanduser())
    here = cache()
    for layout in layouts:
        if all(is_whole(file, here / file.path) for file in layout):
            return [(file, here / file.path) for file in layout]
    missing: MissingInput | None = None
    for layout in layouts:
        if not all(addresses(file, mirror) for file in layout):
            continue
        try:
            for file in layout:
                goal = here / file.path
                if goal.exists() and not is_whole(file, goal):
                    say(
                        f"{goal}: damaged, not the file with SHA-256 {file.sha256[:16]}...; "
                        "downloading it again"
                    )
                download(file, addresses(file, mirror), goal, patience)
            return [(file, here / file.path) for file in layout]
        except MissingInput as error:
            missing = missing or error
    raise missing or MissingInput(
        f"data set {name}: has no public address; name a mirror (a folder or http address) in "
        f"data.mirror or {MIRROR}"
    )


def _from_folder(name: str, layouts: Sequence[Layout], folder: Path) -> list[tuple[File, Path]]:
    for layout in layouts:
        if all((folder / file.path).exists() for file in layout):
            break
    else:
        lacking = " or ".join(
            ", ".join(file.path for file in layout if not (folder / file.path).exists())
            for layout in layouts
        )
        raise MissingInput(
            f"{folder}: the mirror of data set {name} lacks {lacking}; copy it there"
        )
    for file in layout:
        path = folder / file.path
        try:
            sha256 = digest(path)
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}); make it readable or copy it again"
            ) from None
        if sha256 != file.sha256:
            raise DataError(
                f"{path}: has SHA-256 {sha256[:16]}..., expected {file.sha256[:16]}...; it is "
                "damaged or another file: copy it again"
            )
    return [(file, folder / file.path) for file in layout]
