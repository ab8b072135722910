"""Splits by family never share one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.data.splits import check_disjoint, named_families, split_families
from circuitgcl.errors import DataError

FAMILIES = st.lists(st.sampled_from("abcdefgh"), min_size=3, max_size=30).filter(lambda f: len(set(f)) >= 3)


@given(FAMILIES, st.integers(0, 99), st.lists(st.floats(0.05, 1), min_size=1, max_size=3))
def test_every_design_in_one_part_and_no_family_in_two(families: list[str], seed: int, shares: list[float]):
    fractions = {f"part{number}": share for number, share in enumerate(shares)}
    parts = split_families(families, fractions, seed=seed)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(families)))
    assert all(len(part) for part in parts.values())
    owners = [{families[place] for place in part.tolist()} for part in parts.values()]
    assert sum(map(len, owners)) == len(set(families))
    again = split_families(families, fractions, seed=seed)
    assert all(np.array_equal(parts[name], again[name]) for name in parts)


def test_fractions_are_met_with_many_families_of_one_size():
    families = [f"f{number}" for number in range(100)]
    parts = split_families(families, {"train": 8, "val": 1, "test": 1}, seed=3)
    assert {name: len(part) for name, part in parts.items()} == {"train": 80, "val": 10, "test": 10}


def test_sizes_count_where_they_are_given():
    families = ["big", *(f"small{number}" for number in range(10))]
    parts = split_families(families, {"train": 1, "test": 1}, sizes=[10, *[1] * 10], seed=0)
    with_big = next(part for part in parts.values() if 0 in part)
    assert len(with_big) <= 4


def test_seeds_differ():
    families = [f"f{number}" for number in range(20)]
    found = {tuple(split_families(families, {"a": 1, "b": 1}, seed=seed)["a"].tolist()) for seed in range(9)}
    assert len(found) > 5


@pytest.mark.parametrize("fractions", [{}, {"a": 0.0}, {"a": 1, "b": -1}])
def test_fractions_that_are_none(fractions: dict[str, float]):
    with pytest.raises(DataError, match="positive shares"):
        split_families(["x"], fractions)


def test_too_few_families():
    with pytest.raises(DataError, match=r"1 families cannot be split into 2 parts \(train, test\)"):
        split_families(["x", "x"], {"train": 1, "test": 1})


def test_named_families():
    families = ["scn_2x16", "scn_4x16", "fpdk_2x16", "scn_2x16"]
    parts = named_families(families, {"test": ["scn_2*"], "val": ["fpdk*"]})
    assert {name: part.tolist() for name, part in parts.items()} == {"train": [1], "test": [0, 3], "val": [2]}
    with pytest.raises(DataError, match="no family matches 'x'; known: fpdk_2x16, scn_2x16, scn_4x16"):
        named_families(families, {"test": ["x"]})
    with pytest.raises(DataError, match="family scn_2x16 is named for test and for val"):
        named_families(families, {"test": ["scn*"], "val": ["scn_2x16"]})


def test_the_check_sees_shared_families():
    with pytest.raises(DataError, match="family a stands in train and in test; its designs share layout"):
        check_disjoint(["a", "b", "a"], {"train": np.array([0, 1]), "test": np.array([2])})
