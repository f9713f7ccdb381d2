"""The machine against the study: GPU, cores, disk, packages."""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threetargets.data import fetch
from threetargets.data.sources import Source
from threetargets.doctor import estimate
from threetargets.doctor.finding import Finding
from threetargets.pipeline import paths
from threetargets.sizes import amount
from threetargets.study.schema import Study

LOCK = Path("requirements.lock")
CGROUP = Path("/sys/fs/cgroup")
CONTEXT = 1_000_000_000  # of the driver and its libraries, beside the tensors


def gpu(study: Study, source: Source, cluster: bool) -> Finding:
    """A GPU where the study asks for one, its memory against the largest training, and bf16."""
    import torch

    if study.device == "cpu":
        return Finding("gpu", "ok", "not wanted (device: cpu)")
    if not torch.cuda.is_available():
        facts = f"torch {torch.__version__} finds no GPU (device: {study.device})"
        if cluster:
            return Finding(
                "gpu",
                "warning",
                f"{facts} on this node",
                "ask a GPU node: srun --gpus=1 threetargets doctor",
            )
        if study.device == "auto":
            todo = (
                "nothing, if the study is meant for the CPU; else check nvidia-smi and the "
                "CUDA build of torch"
            )
            return Finding("gpu", "warning", f"{facts}: the study runs on the CPU", todo)
        return Finding(
            "gpu",
            "failed",
            facts,
            "check nvidia-smi and the CUDA build of torch, or set device: cpu",
        )
    free, total = torch.cuda.mem_get_info()
    name = torch.cuda.get_device_name()
    cell, need = estimate.training_memory(study, source)
    need += CONTEXT
    facts = f"{name}, {amount(free)} of {amount(total)} free; {cell} needs about {amount(need)}"
    if study.precision == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return Finding("gpu", "failed", f"{facts}; no bf16", "set precision: fp32")
    if need > total:
        return Finding(
            "gpu",
            "failed",
            facts,
            f"make training batch or network of {cell} smaller, or take a larger GPU",
        )
    if need > free:
        return Finding("gpu", "warning", facts, "another process holds its memory: see nvidia-smi")
    return Finding("gpu", "ok", facts)


def cores() -> int:
    """Cores that this process may use: affinity, and the quota of its control group."""
    count = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota = math.inf
    for path in ("cpu.max", "cpu/cpu.cfs_quota_us"):
        try:
            text = (CGROUP / path).read_text(encoding="utf-8").split()
            period = (
                text[1]
                if len(text) > 1
                else (CGROUP / "cpu/cpu.cfs_period_us").read_text(encoding="utf-8")
            )
            if text[0] not in ("max", "-1"):
                quota = int(text[0]) / int(period)
        except (OSError, ValueError, IndexError):
            continue
    return max(1, math.floor(min(count, quota)))


def threads() -> Finding:
    """Cores against what Snakemake's `--cores all` counts, and OMP_NUM_THREADS."""
    have = cores()
    counted = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    asked = os.environ.get("OMP_NUM_THREADS", "")
    facts = f"{have} cores" + (f", OMP_NUM_THREADS={asked}" if asked else "")
    if counted > have:
        todo = (
            f"snakemake --cores {have} (CORES={have} make study): more threads than cores "
            "are many times slower"
        )
        return Finding("threads", "warning", f"{facts}; --cores all would take {counted}", todo)
    if asked.isdigit() and int(asked) > have:
        return Finding("threads", "warning", facts, "unset OMP_NUM_THREADS: jobs set it themselves")
    return Finding("threads", "ok", facts)


def _held(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def disk(study: Study, source: Source, to_download: bool) -> list[Finding]:
    """Free space of the project's file system and the cache's against the estimate, less what is
    there already."""
    need = estimate.disk(study, source)
    here = max(0, need.kept - _held(paths.results(study))) + need.checkpoints
    parts = (
        f"{amount(need.weights)} weights, {amount(need.samples)} samples, {amount(need.data)} data"
    )
    facts = (
        f"the study needs {amount(need.kept)} ({parts}, {amount(need.records)} records and MLflow)"
    )
    facts += f" and up to {amount(need.checkpoints)} while it trains"
    places = [("disk", Path.cwd(), here, facts)]
    cache = fetch.cache()
    if to_download:
        there = next(path for path in (cache, *cache.parents) if path.exists())
        if there.stat().st_dev == Path.cwd().stat().st_dev:
            places = [
                (
                    "disk",
                    Path.cwd(),
                    here + need.download,
                    f"{facts}, {amount(need.download)} download",
                )
            ]
        else:
            places.append(
                (
                    "cache disk",
                    there,
                    need.download,
                    f"{amount(need.download)} to download to {cache}",
                )
            )
    return [_room(*place) for place in places]


def _room(check: str, folder: Path, need: int, facts: str) -> Finding:
    if not os.access(folder, os.W_OK):
        return Finding(check, "failed", f"{folder} is not writable", "choose a folder of your own")
    free = shutil.disk_usage(folder).free
    facts = f"{facts}; {amount(free)} are free"
    if need > free:
        todo = f"free {amount(need - free)}" + (
            ", or move the cache: THREETARGETS_CACHE" if "cache" in check else ""
        )
        return Finding(check, "failed", facts, todo)
    if need > 0.8 * free:
        return Finding(check, "warning", facts, "free some space: logs and other studies share it")
    return Finding(check, "ok", facts)


def packages() -> Finding:
    """Python, and the installed versions against the lock."""
    facts = f"Python {sys.version.split()[0]}"
    if not LOCK.exists():
        return Finding(
            "packages", "warning", f"{facts}; no {LOCK} here", "call it in the repository's folder"
        )
    locked: dict[str, set[str]] = {}  # a name may stand twice, for different Pythons or platforms
    for name, wanted in re.findall(
        r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE
    ):
        locked.setdefault(name, set()).add(wanted.split("+")[0])
    other, same = [], 0
    for name, versions in locked.items():
        try:
            installed = version(name).split("+")[0]
        except PackageNotFoundError:
            continue  # of another platform, or of the development tools
        same += installed in versions
        if installed not in versions:
            other.append(f"{name} {installed} for {' or '.join(sorted(versions))}")
    if other:
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        facts = f"{facts}; not as locked: {', '.join(other[:3])}{more}"
        return Finding("packages", "warning", facts, "make environment, or expect other numbers")
    return Finding("packages", "ok", f"{facts}; {same} packages as in {LOCK}")
