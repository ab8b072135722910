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
    kind: type[ConfigType],
    path: str | Path | None = None,
    settings: Iterable[str] = (),
    base: ConfigType | None = None,
) -> ConfigType:
    """A configuration from its defaults, then a TOML file, then `key=value` settings.

    Args:
        kind: the config dataclass.
        path: a TOML file whose tables are the nested dataclasses.
        settings: `field.path=value` texts, as given with `--set`.
        base: what holds where neither says anything; the defaults when absent.

    Raises:
        ConfigError: unreadable TOML, an unknown key (the nearest name is suggested) or a value of the wrong
        kind.
    """
    tree: dict[str, Any] = {}
    if path is not None:
        tree = _read_toml(Path(path))
        try:
            from_mapping(kind, tree, base=base)
        except ConfigError as error:
            raise ConfigError(str(error), location=SourceLocation(str(path), 0)) from None
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
    return from_mapping(kind, tree, base=base)


def from_mapping(
    kind: type[ConfigType], tree: Mapping[str, Any], prefix: str = "", base: ConfigType | None = None
) -> ConfigType:
    """Build a config dataclass from nested mappings; texts are converted to the field's type.

    Args:
        kind: the config dataclass.
        tree: values of some of its fields; nested dataclasses as mappings.
        prefix: dotted path of `tree` in the whole configuration, for messages.
        base: values of the fields that `tree` does not name; the defaults when absent.

    Raises:
        ConfigError: an unknown key or a value of the wrong kind.
    """
    assert dataclasses.is_dataclass(kind)
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    values: dict[str, Any] = {}
    for key, value in tree.items():
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            known = ", ".join(prefix + name for name in names)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known: {known}"
            raise ConfigError(f"unknown configuration key {prefix}{key}; {hint}")
        beneath = None if base is None else getattr(base, key)
        values[key] = _converted(hints[key], value, f"{prefix}{key}", beneath)
    if base is not None:
        values = {**{name: getattr(base, name) for name in names}, **values}
    return typing.cast(ConfigType, kind(**values))


def to_mapping(config: Any) -> dict[str, Any]:
    """Nested plain values of a config, ready for JSON."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def name_choices(config: Any) -> None:
    """Turn choices given by their text into members of their enumeration, when a configuration is made.

    Raises:
        ConfigError: a text that names no choice.
    """
    hints = typing.get_type_hints(type(config))
    for item in dataclasses.fields(config):
        hint, value = hints[item.name], getattr(config, item.name)
        if isinstance(hint, type) and issubclass(hint, Enum) and not isinstance(value, hint):
            object.__setattr__(config, item.name, _converted(hint, value, item.name))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, Enum):
        return value.value
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _read_toml(path: Path) -> dict[str, Any]:
    location = SourceLocation(str(path), 0)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"configuration file {path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"not a readable TOML file: {error}", location=location) from None


def _converted(hint: Any, value: Any, key: str, base: Any = None) -> Any:
    """Value as the field's type; `base` is what a group holds beneath it."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{key} is a group of settings; set one of its members as {key}.name=value")
        return from_mapping(hint, value, f"{key}.", base)
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            return None
        inner = next(argument for argument in typing.get_args(hint) if argument is not type(None))
        return _converted(inner, value, key)
    if origin is tuple:
        items = (
            [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value
        )
        if not isinstance(items, (list, tuple)):
            raise ConfigError(f"{key} = {value!r} is not a list")
        return tuple(_converted(typing.get_args(hint)[0], item, key) for item in items)
    try:
        return _scalar(hint, value)
    except (KeyError, OverflowError, TypeError, ValueError):
        is_enum = isinstance(hint, type) and issubclass(hint, Enum)
        choices = f" (one of {', '.join(str(member.value) for member in hint)})" if is_enum else ""
        raise ConfigError(
            f"{key} = {value!r} is not of type {getattr(hint, '__name__', hint)}{choices}"
        ) from None


_TRUTH = {"true": True, "false": False, "1": True, "0": False}


def _scalar(hint: Any, value: Any) -> Any:
    """Single value as the field's type; texts are read, anything else must fit without loss.

    Raises:
        KeyError, OverflowError, TypeError or ValueError: it does not fit.
    """
    if hint is bool and isinstance(value, str):
        return _TRUTH[value.lower()]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if isinstance(value, bool) and hint is not bool:
        raise TypeError
    if hint in (int, float) and isinstance(value, str):
        return hint(value)
    if hint is float and isinstance(value, int):
        return float(value)
    if hint is str and isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, hint):
        raise TypeError
    return value
