from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from circuitgcl.finetuning.steps import DesignSteps, part_of


def test_large_designs_stay_alone_and_small_ones_share_steps() -> None:
    torch.manual_seed(0)
    sizes = [500, 10, 20, 1000, 30, 10, 30]
    steps = DesignSteps(sizes, 50)
    epochs = [list(steps) for _ in range(20)]
    for epoch in epochs:
        assert len(epoch) == len(steps) == 4  # two alone, 100 small nets in two
        assert sorted(place for step in epoch for place in step) == list(range(7))
        assert [0] in epoch
        assert [3] in epoch
    assert len({str(epoch) for epoch in epochs}) > 10


def test_every_design_alone() -> None:
    assert sorted(DesignSteps([3, 1, 2], 0)) == [[0], [1], [2]]


def test_an_epoch_of_small_designs_has_several_steps() -> None:
    assert len(DesignSteps([12] * 160, 10_000)) == 16
    assert sorted(map(len, DesignSteps([12] * 160, 10_000))) == [10] * 16
    assert len(DesignSteps([12] * 160, 24)) == 80


@given(count=st.integers(1, 12), ranks=st.integers(1, 4))
def test_processes_share_the_designs_of_an_epoch(count: int, ranks: int) -> None:
    steps = [[2 * k, 2 * k + 1] for k in range(count)]
    ranks = min(ranks, count)
    parts = [part_of(steps, rank, ranks) for rank in range(ranks)]
    assert {len(part) for part in parts} == {count // ranks}  # else one would wait for the others forever
    assert sorted(place for part in parts for step in part for place in step) == list(range(2 * count))
    assert all(step for part in parts for step in part)


def test_what_is_left_over_joins_the_last_steps() -> None:
    steps = [[0], [1], [2], [3], [4], [5], [6], [7]]
    assert [part_of(steps, rank, 3) for rank in range(3)] == [[[0], [3, 6]], [[1], [4, 7]], [[2], [5]]]
