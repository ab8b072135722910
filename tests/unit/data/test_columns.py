"""Records to columns and back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path

import numpy as np
import pytest
from equal_records import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from circuitgcl.data import columns as module
from circuitgcl.data.columns import from_columns, layout_of, to_columns
from circuitgcl.errors import DataError
from circuitgcl.netlist.names import NameList


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 3


@dataclass(frozen=True, kw_only=True)
class Leaf:
    text: str
    number: int
    real: float
    flag: bool
    values: NDArray[np.float32]
    names: NameList


@dataclass(frozen=True, kw_only=True)
class Tree:
    leaves: tuple[Leaf, ...]
    one: Leaf
    maybe: Leaf | None
    pairs: tuple[tuple[str, int], ...]
    nested: tuple[tuple[str, ...], ...]
    path: Path
    absent: Path | None
    colour: Colour
    level: Level
    matrix: NDArray[np.int32]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=6)
REALS = st.floats(width=32)


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    return Leaf(
        text=draw(TEXTS),
        number=draw(st.integers(-(2**62), 2**62)),
        real=draw(st.floats()),
        flag=draw(st.booleans()),
        values=np.array(draw(st.lists(REALS, max_size=4)), np.float32),
        names=NameList.of(draw(st.lists(TEXTS, max_size=4))),
    )


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    return Tree(
        leaves=tuple(draw(st.lists(leaves(), max_size=4))),
        one=draw(leaves()),
        maybe=draw(st.none() | leaves()),
        pairs=tuple(draw(st.lists(st.tuples(TEXTS, st.integers(0, 9)), max_size=3))),
        nested=tuple(map(tuple, draw(st.lists(st.lists(TEXTS, max_size=3), max_size=3)))),
        path=Path("a") / "b",
        absent=None,
        colour=Colour.RED,
        level=Level.LOW,
        matrix=np.arange(2 * draw(st.integers(0, 3)), dtype=np.int32).reshape(-1, 2),
    )


@settings(deadline=None)
@given(trees())
def test_round_trip(tree: Tree):
    assert_same(tree, from_columns(Tree, to_columns(tree)))


@settings(max_examples=10, deadline=None)
@given(trees())
def test_every_column_is_needed_and_typed(tree: Tree):
    columns = to_columns(tree)
    for name, values in columns.items():
        with pytest.raises(DataError):
            from_columns(Tree, {key: value for key, value in columns.items() if key != name})
        with pytest.raises(DataError):
            from_columns(Tree, columns | {name: values.astype(np.complex128)})
        with pytest.raises(DataError):  # a row more than the others
            from_columns(
                Tree,
                columns
                | {
                    name: np.concatenate([values, values, np.ones_like(values, shape=(1, *values.shape[1:]))])
                },
            )


def test_columns_are_named_after_fields_and_arrays_are_views():
    leaf = Leaf(
        text="ab", number=1, real=2.0, flag=True, values=np.ones(3, np.float32), names=NameList.of(["x"])
    )
    columns = to_columns(leaf)
    assert columns["values"].tolist() == [1.0, 1.0, 1.0]
    assert columns["values@offset"].tolist() == [0, 3]
    assert bytes(columns["text"]) == b"ab"
    back = from_columns(Leaf, columns)
    assert np.shares_memory(back.values, columns["values"])


def test_offsets_must_rise():
    leaf = Leaf(text="ab", number=1, real=2.0, flag=True, values=np.ones(3, np.float32), names=NameList())
    columns = to_columns(leaf)
    with pytest.raises(DataError, match="offsets of column values do not rise from 0"):
        from_columns(Leaf, columns | {"values@offset": np.array([3, 0])})
    with pytest.raises(DataError, match="has 3 values; its offsets end at 2"):
        from_columns(Leaf, columns | {"values@offset": np.array([0, 2])})


def test_unknown_member_of_an_enum():
    @dataclass(frozen=True)
    class Holder:
        colour: Colour

    Holder.__annotations__["colour"] = Colour
    module._fields.cache_clear()
    columns = to_columns(Holder(Colour.RED))
    columns["colour"] = np.frombuffer(b"rex", np.uint8)
    with pytest.raises(DataError, match="colour holds a text that is none of its kind"):
        from_columns(Holder, columns)


def test_layout_tells_records_apart():
    @dataclass
    class Before:
        a: int

    @dataclass
    class After:
        a: int
        b: str

    for kind in (Before, After):
        kind.__annotations__ = {"a": int, "b": str} if kind is After else {"a": int}
        kind.__name__ = "Same"
    assert layout_of(Before) != layout_of(After)
    assert layout_of(Tree) == layout_of(Tree)


def test_types_without_columns_are_refused():
    @dataclass
    class Odd:
        thing: object

    Odd.__annotations__["thing"] = object
    with pytest.raises(TypeError, match="has no columns"):
        to_columns(Odd(thing=1))
