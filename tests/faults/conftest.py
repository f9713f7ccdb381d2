"""What these tests measure is shown also where they pass; and the study that no test kills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from faults.killed import undisturbed


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    manager = request.config.pluginmanager.getplugin("capturemanager")

    def line(text: str) -> None:
        with manager.global_and_fixture_disabled():
            print(text, flush=True)

    return line


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return undisturbed(tmp_path_factory.mktemp("alone"))
