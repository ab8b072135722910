from __future__ import annotations

import torch

from circuitgcl.finetuning.steps import DesignSteps


def test_large_designs_stay_alone_and_small_ones_share_steps() -> None:
    torch.manual_seed(0)
    sizes = [500, 10, 20, 100, 30, 10, 30]
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


def test_small_designs_alone_make_one_step() -> None:
    assert [sorted(step) for step in DesignSteps([3, 1, 2], 100)] == [[0, 1, 2]]
