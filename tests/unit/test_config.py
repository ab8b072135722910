"""Configuration from defaults, TOML and settings."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.config import from_mapping, load_config, to_mapping
from circuitgcl.errors import ConfigError
from circuitgcl.finetuning import FinetuneConfig
from circuitgcl.finetuning.tasks import RegressionLoss
from circuitgcl.pretraining import PretrainConfig, ScatteringPreset


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True)
class Inner:
    rails: tuple[str, ...] = ()
    sizes: tuple[int, ...] = (1, 2)
    depth: int | None = 4


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    max_epochs: int = 60
    learning_rate: float = 1e-3
    is_fast: bool = False
    name: str = "x"
    colour: Colour = Colour.RED


def test_defaults():
    assert load_config(Outer) == Outer()


def test_settings_win_over_the_file(tmp_path: Path):
    path = tmp_path / "c.toml"
    path.write_text('max_epochs = 7\nname = "file"\nis_fast = true\n[inner]\nsizes = [5]\nrails = ["v*"]\n')
    found = load_config(Outer, path, ["max_epochs=9", "inner.sizes=3, 4", "colour = blue"])
    inner = Inner(rails=("v*",), sizes=(3, 4))
    assert found == Outer(inner=inner, max_epochs=9, is_fast=True, name="file", colour=Colour.BLUE)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("max_epochs=3", Outer(max_epochs=3)),
        ("learning_rate=2", Outer(learning_rate=2.0)),
        ("learning_rate=1e-4", Outer(learning_rate=1e-4)),
        ("is_fast=True", Outer(is_fast=True)),
        ("is_fast=0", Outer()),
        ("name=a=b", Outer(name="a=b")),
        ("name=", Outer(name="")),
        ("inner.rails=", Outer()),
        ("inner.rails=vdd*,gnd,", Outer(inner=Inner(rails=("vdd*", "gnd")))),
        ("inner.depth=None", Outer(inner=Inner(depth=None))),
        ("inner.depth=2", Outer(inner=Inner(depth=2))),
    ],
)
def test_settings(setting: str, expected: Outer):
    assert load_config(Outer, None, [setting]) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["max_epoch=3"], "unknown configuration key max_epoch; did you mean max_epochs\\?"),
        (["inner.size=3"], "unknown configuration key inner.size; did you mean inner.sizes\\?"),
        (["inner.zzz=3"], "known: inner.rails, inner.sizes, inner.depth"),
        (["max_epochs"], "'max_epochs' has no value; expected key=value"),
        (["inner=3"], "inner is a group of settings; set one of its members as inner.name=value"),
        (["name=x", "name.first=y"], "name is a value, not a group"),
        (["name.first=y"], "name = {'first': 'y'} is not of type str"),
        (["max_epochs=many"], "max_epochs = 'many' is not of type int"),
        (["max_epochs=1.5"], "is not of type int"),
        (["learning_rate=fast"], "is not of type float"),
        (["is_fast=maybe"], "is not of type bool"),
        (["colour=green"], r"colour = 'green' is not of type Colour \(one of red, blue\)"),
        (["inner.sizes=1,b"], "inner.sizes = 'b' is not of type int"),
        (["inner.depth=deep"], "inner.depth = 'deep' is not of type int"),
    ],
)
def test_bad_settings(settings: list[str], message: str):
    with pytest.raises(ConfigError, match=message):
        load_config(Outer, None, settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_epoch = 3", "c.toml: unknown configuration key max_epoch; did you mean max_epochs"),
        ("max_epochs = 1.5", "max_epochs = 1.5 is not of type int"),
        ("max_epochs = true", "max_epochs = True is not of type int"),
        ("learning_rate = false", "is not of type float"),
        ("is_fast = 1", "is_fast = 1 is not of type bool"),
        ("name = ['a']", "name = \\['a'\\] is not of type str"),
        ("colour = 1", "is not of type Colour"),
        ("inner = 3", "inner is a group of settings"),
        ("[inner]\nsizes = 3", "inner.sizes = 3 is not a list"),
        ("[inner]\nsizes = [1.5]", "inner.sizes = 1.5 is not of type int"),
        ("[inner.rails]\na = 1", "inner.rails = {'a': 1} is not a list"),
        ("max_epochs = ", "c.toml: not a readable TOML file"),
        ("learning_rate = 1" + "0" * 400, "is not of type float"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str):
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(Outer, path)


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"c.toml does not exist"):
        load_config(Outer, tmp_path / "c.toml")
    with pytest.raises(ConfigError, match="not a readable TOML file"):
        load_config(Outer, tmp_path)


def test_whole_numbers_serve_as_real_ones():
    found = from_mapping(Outer, {"learning_rate": 1, "name": 5})
    assert isinstance(found.learning_rate, float)
    assert found.name == "5"


CONFIGS = st.builds(
    Outer,
    inner=st.builds(
        Inner,
        rails=st.lists(st.text()).map(tuple),
        sizes=st.lists(st.integers()).map(tuple),
        depth=st.none() | st.integers(),
    ),
    max_epochs=st.integers(),
    learning_rate=st.floats(allow_nan=False),
    is_fast=st.booleans(),
    name=st.text(),
    colour=st.sampled_from(Colour),
)


@given(CONFIGS)
def test_plain_mappings_are_read_back(config: Outer):
    """The resolved configuration saved with a run rebuilds the run."""
    plain: dict[str, Any] = json.loads(json.dumps(to_mapping(config)))
    assert from_mapping(Outer, plain) == config


def test_choices_may_be_given_by_their_text() -> None:
    assert PretrainConfig(preset="published").preset is ScatteringPreset.PUBLISHED  # type: ignore[arg-type]
    assert FinetuneConfig(loss="mse").loss is RegressionLoss.MSE  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"loss = 'mes' is not of type RegressionLoss \(one of gai, bmc"):
        FinetuneConfig(loss="mes")  # type: ignore[arg-type]
