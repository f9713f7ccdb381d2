"""Digests of code, kept beside the package's bytecode.

To parse the package takes most of a second, at each plan of Snakemake and at the start of each job.
What comes of it depends on the package's bytes alone, so it is kept with their SHA-256, and read
again for as long as they are the same.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def kept(package: Path, key: str, compute: Callable[[], str]) -> str:
    """The digest that was kept under `key` for the package as it is now; else computed, and kept
    where the folder of bytecode can be written. A file that says nothing counts as none."""
    bytes_of_package = _sha(package)
    digests = _read(package, bytes_of_package)
    if key not in digests:
        digests = _read(package, bytes_of_package) | {key: compute()}
        _write(package, {"package": bytes_of_package, "digests": digests})
    return digests[key]


@functools.cache
def _sha(package: Path) -> str:
    """Over the names and the bytes of its files."""
    sha = hashlib.sha256()
    for folder, folders, names in os.walk(package):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = Path(folder, name)
            content, place = path.read_bytes(), path.relative_to(package)
            sha.update(f"{place}\0{len(content)}\0".encode() + content)
    return sha.hexdigest()


def _file(package: Path) -> Path:
    """As bytecode is: of one version of Python, and where PYTHONPYCACHEPREFIX says."""
    source = package / "pipeline" / "digest.py"
    return Path(importlib.util.cache_from_source(str(source))).with_suffix(".json")


def _read(package: Path, bytes_of_package: str) -> dict[str, str]:
    try:
        whole = json.loads(_file(package).read_text(encoding="utf-8"))
        digests = whole["digests"] if whole["package"] == bytes_of_package else {}
        return {str(key): str(value) for key, value in digests.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _write(package: Path, whole: dict[str, object]) -> None:
    if sys.dont_write_bytecode:
        return
    path = _file(package)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(whole), encoding="utf-8")
        part.replace(path)
