"""Pages of freed tensors are taken again, by the kernel's own count of page faults."""

import os
import platform
import subprocess
import sys

import pytest

CODE = """
import resource, torch
from threetargets import memory
if {keep}:
    memory.keep()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(60):
    torch.empty(16 * 2**20).fill_(1.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool) -> int:
    """Of sixty tensors of 64 MB, one after the other."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(keep=keep)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_the_next_tensor_takes_the_pages_of_the_last() -> None:
    """Without, each tensor takes every page of it anew; with, the first few do."""
    assert faults(keep=True) < faults(keep=False) / 4
