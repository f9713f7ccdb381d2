"""Before hours are queued: is everything there that the study needs, and what is to be done where
it is not."""

from __future__ import annotations

from threetargets import experiments
from threetargets.data import fetch, sources
from threetargets.doctor import card, hours, machine, places, slurm
from threetargets.doctor.finding import Finding
from threetargets.study.schema import Study

__all__ = ["Finding", "examine", "table"]


def examine(study: Study, by_slurm: bool = False) -> list[Finding]:
    """Every check; `by_slurm` says that the study is to run by the Slurm profile.

    Changes nothing but a tracking store that answers: it is left ready, as by `threetargets track
    init`.
    """
    if not study.cells:  # no data but what experiments read themselves, and nothing for a GPU
        return [
            machine.packages(),
            machine.threads(),
            Finding("cost", "ok", hours.of_experiments(study)),
            *(places.to_be_had(sources.find(name)) for name in experiments.sources_of(study)),
            places.mlflow(study),
            *slurm.check(by_slurm, gpu=False),
        ]
    source = sources.find(study.data.name)
    cost = hours.cost(study, source, by_slurm)  # first: it counts what this process has needed
    mirror = fetch.mirror_of(study.data.mirror)
    local = bool(mirror) and not fetch.is_address(mirror or "")
    to_download = not (places.prepared(study) or source.installed or local or places.cached(source))
    return [
        machine.packages(),
        machine.gpu(study, source, by_slurm),
        *card.check(study, source, by_slurm),
        machine.threads(),
        cost,
        *machine.disk(study, source, to_download),
        places.data(study, source),
        *places.weights(study),
        places.mlflow(study),
        *slurm.check(by_slurm, study.device == "cuda"),
    ]


def table(findings: list[Finding]) -> str:
    """One line a check, what to do below it, and a last line that sums up."""
    width = max(len(finding.check) for finding in findings)
    lines = []
    for one in findings:
        lines.append(f"{one.state:<7}  {one.check:<{width}}  {one.observed}")
        if one.todo:
            lines.append(f"{'':<7}  {'':<{width}}  -> {one.todo}")
    count = {state: sum(one.state == state for one in findings) for state in ("failed", "warning")}
    lines.append(f"{count['failed']} failed, {count['warning']} warnings: ")
    lines[-1] += "the study cannot run so" if count["failed"] else "the study can start"
    return "\n".join(lines)
