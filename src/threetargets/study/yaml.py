"""A YAML file as a mapping in which no key stands twice; YAML 1.2, as DVC reads it."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from threetargets.errors import ConfigError, MissingInput


def read_mapping(path: Path) -> object:
    """What the file holds. Raises MissingInput or ConfigError, one line."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingInput(
            f"{path}: cannot be read ({error.strerror}); name a parameter file such as params.yaml"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file in UTF-8") from None
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"{path}: not valid YAML: {line}{error.problem}") from None
    except YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not a parameter file: nested too deeply") from None
