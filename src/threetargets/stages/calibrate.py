"""The stage that runs the library's estimators on known densities: calibration.json and a page, of
no study."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from threetargets.calibration.check_rows import RULE
from threetargets.calibration.checks import CHECKS
from threetargets.calibration.errata import ERRATA, SLIPS
from threetargets.errors import Disagreement
from threetargets.files import write_json, write_text
from threetargets.pipeline.records import provenance
from threetargets.report.reading import calibrated
from threetargets.report.topics.grounds import calibration_page


def _told(name: str, number: int, of: int, seconds: float) -> None:
    print(f"calibrate {number}/{of}: {name}  {seconds:.1f} s", file=sys.stderr, flush=True)


def measure() -> dict[str, Any]:
    """Every check, erratum and slip, as they go into calibration.json. The same code gives the same
    numbers."""
    total, done = len(CHECKS) + len(ERRATA), 0
    checks, errata = [], []
    for check in CHECKS:
        start = time.monotonic()
        rows = [row.json() for row in check.rows()]
        named = {"id": check.id, "what": check.what, "claim": check.claim, "source": check.source}
        agrees = bool(rows) and all(row["agrees"] for row in rows)
        checks.append({**named, "telling": list(check.telling), "agrees": agrees, "rows": rows})
        done += 1
        _told(check.id, done, total, time.monotonic() - start)
    for entry in ERRATA:
        start = time.monotonic()
        shown = [s.json() for s in entry.shown()]
        formulas = {"printed": entry.printed, "corrected": entry.corrected}
        errata.append(
            {
                "id": entry.id,
                "source": entry.source,
                "where": entry.where,
                **formulas,
                "shown": shown,
            }
        )
        done += 1
        _told(f"erratum {entry.id}", done, total, time.monotonic() - start)
    slips = [asdict(slip) for slip in SLIPS]
    return {"rule": RULE, "checks": checks, "errata": errata, "slips": slips}


def run(out: Path, threads: int = 1, keep_failed: bool = False) -> None:
    """Write out/calibration.json and out/index.html, and say on stdout how it went.

    No dates and no durations are written. Raises Disagreement, after both are written, where a row
    does not agree, unless `keep_failed`; CannotWrite.
    """
    values = measure() | {
        "command": f"threetargets calibrate --out {out} --threads {threads}",
        "provenance": provenance("calibrate", "", "cpu", threads),
    }
    write_json(out / calibrated.FILE, values)
    calibration = calibrated.load(out / calibrated.FILE)
    write_text(out / calibrated.PAGE, calibration_page.render(calibration))
    print(calibration_page.headline(calibration))
    for check in calibration.checks:
        for row in check.rows:
            if not row.agrees:
                print(
                    f"  {check.id}: {row.quantity}: measured {row.measured:g}, {row.relation} "
                    f"{row.expected:g}"
                )
    print(f"The page: {out / calibrated.PAGE}")
    if calibration.disagreements and not keep_failed:
        names = ", ".join(calibration.disagreements)
        raise Disagreement(
            f"{out / calibrated.FILE}: {names}: measured and known values disagree; the page "
            "shows which"
        )
