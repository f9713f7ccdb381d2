"""Processes that are timed in turn: all ready before the first is, then one after the other, again
and again, so that what else happens on the machine hits all of them."""

from __future__ import annotations

import contextlib
import multiprocessing
import statistics
import time
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

import torch

from benchmarks.rows import Make, Options, Row, settle
from threetargets import memory

ROUNDS = 5
PATIENCE = 120.0
"""Seconds for one answer."""


def timed(row: Row, options: Options) -> float:
    """GFLOP/s over `seconds` or more, at least one call."""
    settle(options)
    calls, start = 0, time.perf_counter()
    while calls == 0 or time.perf_counter() - start < options.seconds:
        row.work()
        calls += 1
        if calls % 16 == 0:
            settle(options)  # so that a GPU's queue does not outrun the clock
    settle(options)
    return calls * row.images * row.operations / (time.perf_counter() - start) / 1e9


def process(make: Make, options: Options, pipe: Connection) -> None:
    """Makes a row ready, says so, and times it as often as it is told to."""
    try:
        torch.set_num_threads(options.threads)
        memory.keep()  # of ours and of the peer's
        row = make(options)
        for _ in range(6 if options.gpu else 2):  # compiles, warms up, records
            row.work()
        settle(options)
        if options.gpu:
            torch.cuda.empty_cache()  # the other rows are on the card as well
        pipe.send(0.0)
        while pipe.recv():
            pipe.send(timed(row, options))
    except Exception as error:
        traceback.print_exc()
        with contextlib.suppress(OSError):
            pipe.send(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


def middle(values: list[float]) -> float:
    return statistics.median(values)


@contextlib.contextmanager
def started(makes: Sequence[Make], options: Options) -> Iterator[list[Connection]]:
    """Pipes to a process for each, which end with the block."""
    spawn = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    workers = []
    for make in makes:
        pipe, other = spawn.Pipe()
        pipes.append(pipe)
        workers.append(spawn.Process(target=process, args=(make, options, other), daemon=True))
        workers[-1].start()
        other.close()  # so that the end of the process is the end of the pipe
    try:
        yield pipes
    finally:
        for worker in workers:
            worker.terminate()


def answer(pipe: Connection, seconds: float = PATIENCE) -> float | str:
    """A rate, 0 of a row that is ready, or why there is none."""
    try:
        said: float | str = pipe.recv() if pipe.poll(seconds) else f"no answer in {seconds:.0f} s"
    except EOFError:
        return "the process has ended"
    return said


def rates(makes: list[Make], options: Options, ready: float) -> list[list[float] | str]:
    """Of each, in turn: its rates, or why it has none."""
    with started(makes, options) as pipes:
        deadline = time.perf_counter() + ready
        measured: list[list[float] | str] = []
        for pipe in pipes:
            said = answer(pipe, max(0.0, deadline - time.perf_counter()))
            measured.append(said if isinstance(said, str) else [])
        for _ in range(ROUNDS):
            for k, pipe in enumerate(pipes):
                seen = measured[k]
                if isinstance(seen, list):
                    pipe.send(True)
                    said = answer(pipe)
                    if isinstance(said, str):
                        measured[k] = said
                    else:
                        seen.append(said)
    return measured
