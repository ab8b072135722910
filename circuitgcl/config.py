"""Configuration: frozen dataclasses beside the code they configure, from TOML and `key=value` texts."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from circuitgcl.errors import ConfigError, SourceLocation

ConfigType = TypeVar("ConfigType")


def load_config(
    kind: type[ConfigType], path: str | Path | None = None, settings: Iterable[str] = ()
) -> ConfigType:
    """A configuration from its defaults, then a TOML file, then `key=value` settings.

    Args:
        kind: the config dataclass.
        path: a TOML file whose tables are the nested dataclasses.
        settings: `field.path=value` texts, as given with `--set`.

    Raises:
        ConfigError: unreadable TOML, an unknown key (the nearest name is suggested) or a value of the wrong
        kind.
    """
    tree: dict[str, Any] = _read_toml(Path(path)) if path is not None else {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting!r} has no value; expected key=value")
        branch = tree
        *parents, leaf = key.strip().split(".")
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                raise ConfigError(f"--set {setting!r}: {parent} is a value, not a group")
        branch[leaf] = text.strip()
    return from_mapping(kind, tree)


def from_mapping(kind: type[ConfigType], tree: Mapping[str, Any], prefix: str = "") -> ConfigType:
    """Build a config dataclass from nested mappings; texts are converted to the field's type."""
    assert dataclasses.is_dataclass(kind)
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    values: dict[str, Any] = {}
    for key, value in tree.items():
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            hint = (
                f"did you mean {prefix}{near[0]}?"
                if near
                else f"known: {', '.join(prefix + n for n in names)}"
            )
            raise ConfigError(f"unknown configuration key {prefix}{key}; {hint}")
        values[key] = _converted(hints[key], value, f"{prefix}{key}")
    return typing.cast(ConfigType, kind(**values))


def to_mapping(config: Any) -> dict[str, Any]:
    """Nested plain values of a config, ready for JSON."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _read_toml(path: Path) -> dict[str, Any]:
    location = SourceLocation(str(path), 0)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"configuration file {path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"not a readable TOML file: {error}", location=location) from None


def _converted(hint: Any, value: Any, key: str) -> Any:
    """Value as the field's type."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{key} is a group of settings; set one of its members as {key}.name=value")
        return from_mapping(hint, value, f"{key}.")
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            return None
        inner = next(argument for argument in typing.get_args(hint) if argument is not type(None))
        return _converted(inner, value, key)
    if origin is tuple:
        items = value.split(",") if isinstance(value, str) else value
        return tuple(_converted(typing.get_args(hint)[0], item, key) for item in items)
    try:
        if hint is bool and isinstance(value, str):
            return {"true": True, "false": False, "1": True, "0": False}[value.lower()]
        if isinstance(hint, type) and issubclass(hint, Enum):
            return hint(value)
        if hint in (int, float, str) and not (hint is int and isinstance(value, float)):
            return hint(value)
        if isinstance(value, hint):
            return value
    except (KeyError, TypeError, ValueError):
        pass
    choices = (
        f" (one of {', '.join(m.value for m in hint)})"
        if isinstance(hint, type) and issubclass(hint, Enum)
        else ""
    )
    raise ConfigError(f"{key} = {value!r} is not of type {getattr(hint, '__name__', hint)}{choices}")
