"""Which designs make a training step: a large one alone, small ones together, split over processes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import distributed
from torch.utils.data import Sampler

LEAST_STEPS = 16  # of an epoch, where there are as many designs: few designs are learned in small steps


class DesignSteps(Sampler[list[int]]):
    """Positions of the designs of every step, in an order that each epoch draws anew.

    A step of one standard cell would move a model as far as one of a memory. Designs below `step_nets` are
    therefore put together, at random, into as few steps as have that many nets on average.

    Where training is distributed, every process takes its share of these steps, all processes equally many,
    so that every design is met once an epoch. What is left over joins the last step of some processes. The
    steps are those that the first process draws.

    Args:
        sizes: [D] nets of the designs.
        step_nets: nets a step should have, at most the `LEAST_STEPS`-th part of all.
    """

    def __init__(self, sizes: Sequence[int], step_nets: int) -> None:
        nets = np.asarray(sizes)
        step_nets = min(step_nets, int(nets.sum()) // LEAST_STEPS)
        self._large, self._small = np.flatnonzero(nets >= step_nets), np.flatnonzero(nets < step_nets)
        self._shared = math.ceil(int(nets[self._small].sum()) / max(step_nets, 1))

    def __len__(self) -> int:
        """Number of steps of this process."""
        return self.total // _place()[1]

    @property
    def total(self) -> int:
        """Number of steps, those of a single process."""
        return len(self._large) + self._shared

    def __iter__(self) -> Iterator[list[int]]:
        """Steps of one epoch, drawn by torch's generator."""
        rank, ranks = _place()
        steps = self._drawn()
        if ranks > 1:
            shared: list[Any] = [steps]
            distributed.broadcast_object_list(shared, src=0)
            steps = part_of(shared[0], rank, ranks)
        yield from steps

    def _drawn(self) -> list[list[int]]:
        small = self._small[torch.randperm(len(self._small)).numpy()]
        steps = [[place] for place in self._large.tolist()]
        steps += [part.tolist() for part in np.array_split(small, max(self._shared, 1)) if len(part)]
        return [steps[place] for place in torch.randperm(len(steps)).tolist()]


def part_of(steps: Sequence[list[int]], rank: int, ranks: int) -> list[list[int]]:
    """The steps of one process out of `ranks`, at most as many as there are steps."""
    even = len(steps) // ranks * ranks
    own = list(steps[rank:even:ranks])
    for left_over in steps[even:][rank : rank + 1]:
        own[-1] = own[-1] + left_over
    return own


def _place() -> tuple[int, int]:
    """Number of this process, and of processes."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
