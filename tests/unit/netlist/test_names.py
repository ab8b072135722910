from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.netlist.names import NameList

NAMES = st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=12))


@given(names=NAMES)
def test_it_is_the_list_it_was_made_of(names: list[str]) -> None:
    held = NameList.of(names)
    assert list(held) == names
    assert [held[index] for index in range(len(held))] == names
    assert [held[-index - 1] for index in range(len(held))] == names[::-1]
    assert held == names
    assert held == NameList.of(names)
    assert pickle.loads(pickle.dumps(held)) == held


@given(names=NAMES.filter(len), data=st.data())
def test_taking_some(names: list[str], data: st.DataObject) -> None:
    indices = data.draw(st.lists(st.integers(0, len(names) - 1)))
    held = NameList.of(names)
    assert held.take(np.array(indices, np.int64)) == [names[index] for index in indices]
    assert held[1::2] == names[1::2]
    assert held + held == names + names


def test_what_it_is_not() -> None:
    held = NameList.of(["a", "b"])
    assert held != ["a"]
    assert held != NameList.of(["a", "c"])
    assert held != 3
    with pytest.raises(IndexError):
        held[2]
    assert repr(held) == "NameList(['a', 'b'])"
    assert repr(NameList.of("abcdefghij")).endswith("'h'], ...)")
