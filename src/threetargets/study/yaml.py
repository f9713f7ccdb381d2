"""A YAML file as a mapping in which no key stands twice."""

from __future__ import annotations

from pathlib import Path

import yaml

from threetargets.errors import ConfigError, MissingInput


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML keeps the last of two equal keys in silence; a study must not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        merge = "tag:yaml.org,2002:merge"
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != merge]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


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
        return yaml.load(text, Loader=_UniqueKeys)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not a parameter file: nested too deeply") from None
