"""One thread for every test: OpenMP threads that outnumber free cores make small models many times
slower."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
