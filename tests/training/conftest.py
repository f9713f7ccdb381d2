"""What every test of training begins with."""

import pytest
from accelerate.state import AcceleratorState


@pytest.fixture(autouse=True)
def no_device_yet():
    """Accelerate keeps the first device of a process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
