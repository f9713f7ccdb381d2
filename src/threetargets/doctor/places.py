"""What lies outside this machine's hands: the data's files and the tracking store."""

from __future__ import annotations

import os
from pathlib import Path

from threetargets.data import fetch, pretrained, read
from threetargets.data.download import File, is_whole
from threetargets.data.sources import Source
from threetargets.doctor.finding import Finding
from threetargets.errors import UserError
from threetargets.study.schema import Study
from threetargets.tracking import store as tracking

SECONDS = 5.0  # for a server's answer
STORE_SECONDS = 30.0


def prepared(study: Study) -> bool:
    try:
        read.load_manifest(study)
    except UserError:
        return False
    return True


def cached(source: Source) -> bool:
    here = fetch.cache()
    return any(
        all(is_whole(file, here / file.path) for file in layout) for layout in source.layouts
    )


def data(study: Study, source: Source) -> Finding:
    """Prepared, or to be had."""
    if prepared(study):
        return Finding("data", "ok", f"{source.name} is prepared")
    return to_be_had(source, study.data.mirror)


def to_be_had(source: Source, named: str | None = None) -> Finding:
    """Shipped, cached, in a mirror folder, or served somewhere."""
    if source.installed:
        return Finding("data", "ok", f"{source.name} comes with {source.home}")
    mirror = fetch.mirror_of(named)
    if mirror and not fetch.is_address(mirror):
        try:
            fetch.obtain(source.name, source.layouts, mirror)
        except UserError as error:
            return Finding(
                "data", "failed", str(error), "copy the files there, or name another mirror"
            )
        return Finding("data", "ok", f"{source.name} is in {mirror}, SHA-256 as expected")
    if cached(source):
        return Finding("data", "ok", f"{source.name} is in {fetch.cache()}, SHA-256 as expected")
    why = ""
    for layout in source.layouts:
        if not all(fetch.addresses(file, mirror) for file in layout):
            continue
        problems = [
            facts
            for facts in (_unserved(file, fetch.addresses(file, mirror)) for file in layout)
            if facts
        ]
        if not problems:
            return Finding(
                "data", "ok", f"{source.name} can be downloaded ({mirror or 'public addresses'})"
            )
        why = why or problems[0]
    todo = (
        f"connect to the internet, or name a mirror in data.mirror or {fetch.MIRROR}: a "
        "folder copied from the cache"
    )
    return Finding(
        "data",
        "failed",
        f"{source.name} is not here and cannot be downloaded: {why}",
        f"{todo} of a machine that has it",
    )


def weights(study: Study) -> list[Finding]:
    """Inception's weights, where the study measures by it: named, in the cache or in a mirror
    folder, or served."""
    if "inception" not in study.evaluation.extractors:
        return []
    mirror = fetch.mirror_of(study.data.mirror)
    named = study.evaluation.inception or os.environ.get(pretrained.VARIABLE)
    local = mirror and not fetch.is_address(mirror)
    if (
        named
        or local
        or any(is_whole(file, fetch.cache() / file.path) for (file,) in pretrained.LAYOUTS)
    ):
        try:
            path = pretrained.obtain(study.evaluation.inception, study.data.mirror)
        except UserError as error:
            return [
                Finding(
                    "inception", "failed", str(error), "copy the file there, or name another place"
                )
            ]
        return [Finding("inception", "ok", f"{path}, SHA-256 as expected")]
    files = [file for (file,) in pretrained.LAYOUTS if fetch.addresses(file, mirror)]
    problems = [_unserved(file, fetch.addresses(file, mirror)) for file in files]
    if not all(problems):
        return [Finding("inception", "ok", f"can be downloaded ({mirror or 'public addresses'})")]
    todo = (
        "connect to the internet, or name the file in evaluation.inception or "
        f"{pretrained.VARIABLE}"
    )
    return [
        Finding(
            "inception", "failed", f"Inception's weights cannot be downloaded: {problems[0]}", todo
        )
    ]


def _unserved(file: File, addresses: tuple[str, ...]) -> str:
    """An empty string where one address serves a file of the right size, else why not."""
    import requests

    why = ""
    for address in addresses:
        try:
            answer = requests.head(
                address,
                timeout=SECONDS,
                allow_redirects=True,
                headers={"Accept-Encoding": "identity"},
            )
        except requests.RequestException as error:
            why = why or f"{address} does not answer ({type(error).__name__})"
            continue
        size = answer.headers.get("Content-Length", str(file.size))
        if answer.status_code == 200 and int(size) == file.size:
            return ""
        reason = (
            f"HTTP {answer.status_code}"
            if answer.status_code != 200
            else f"{size} bytes, expected {file.size}"
        )
        why = why or f"{address}: {reason}"
    return why


def mlflow(study: Study) -> Finding:
    """Whether the tracking store answers and holds the study's experiment. The study runs without
    it, too."""
    address = tracking.uri(study)
    shown = tracking.public(address)
    if (
        address.startswith(tracking.SQLITE)
        and not Path(address.removeprefix(tracking.SQLITE)).exists()
    ):
        return Finding(
            "tracking",
            "ok",
            f"{shown} is not there yet; snakemake makes it (threetargets track init)",
        )
    try:
        place = tracking.bounded(lambda: tracking.connect(study), STORE_SECONDS)
    except Exception as error:  # whatever a store raises
        why = tracking.reason(error).replace(address, shown)
        todo = (
            "start the server or mend MLFLOW_TRACKING_URI; or run on and call threetargets "
            "track sync afterwards"
        )
        return Finding("tracking", "warning", f"{why}: the study would run without MLflow", todo)
    return Finding(
        "tracking",
        "ok",
        f"{shown} answers, experiment {study.study} is number {place.experiment_id}",
    )
