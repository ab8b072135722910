"""Which designs are held out together, and which of a family the memory learns from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.finetuning.running import family_folds, primary_designs

FAMILIES = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=30)


class TestFolds:
    @given(families=FAMILIES, folds=st.integers(0, 6))
    def test_every_design_is_held_out_once_with_its_family(self, families: list[str], folds: int) -> None:
        masks = family_folds(families, folds)
        if folds < 2 or len(set(families)) < 2:
            assert masks == []
            return
        assert len(masks) == min(folds, len(set(families)))
        assert (np.sum(masks, axis=0) == 1).all()
        for mask in masks:
            assert mask.any()
            assert not mask.all()
            held_out = {family for family, out in zip(families, mask, strict=True) if out}
            kept = {family for family, out in zip(families, mask, strict=True) if not out}
            assert not held_out & kept

    def test_large_families_are_spread(self) -> None:
        families = ["big"] * 6 + ["large"] * 5 + ["s", "t"]
        first, second = family_folds(families, 2)
        assert {f for f, out in zip(families, first, strict=True) if out} >= {"big"}
        assert {f for f, out in zip(families, second, strict=True) if out} >= {"large"}

    def test_order_of_the_designs_does_not_matter(self) -> None:
        families = ["a", "a", "b", "c", "c", "c", "d"]
        order = [4, 0, 6, 2, 5, 1, 3]
        masks = family_folds(families, 3)
        again = family_folds([families[k] for k in order], 3)
        for one, other in zip(masks, again, strict=True):
            np.testing.assert_array_equal(one[order], other)


class TestPrimary:
    def test_the_largest_of_each_family(self) -> None:
        families = ["a", "b", "a", "b", "c"]
        assert primary_designs(families, [10, 5, 30, 7, 1]) == [False, False, True, True, True]

    def test_equals_are_one_circuit_in_two_layouts(self) -> None:
        assert primary_designs(["a", "a", "a"], [4, 3, 4]) == [True, False, True]

    @given(families=FAMILIES, data=st.data())
    def test_only_the_largest(self, families: list[str], data: st.DataObject) -> None:
        sizes = data.draw(st.lists(st.integers(1, 9), min_size=len(families), max_size=len(families)))
        chosen = primary_designs(families, sizes)
        for family in set(families):
            own = [(size, c) for f, size, c in zip(families, sizes, chosen, strict=True) if f == family]
            assert [c for _, c in own] == [size == max(own)[0] for size, _ in own]


@pytest.mark.parametrize("folds", [0, 1])
def test_no_folds_when_switched_off(folds: int) -> None:
    assert family_folds(["a", "b"], folds) == []
