"""Which designs make a training step: a large one alone, small ones together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Sampler


class DesignSteps(Sampler[list[int]]):
    """Positions of the designs of every step, in an order that each epoch draws anew.

    A step of one standard cell would move a model as far as one of a memory. Designs below `step_nets` are
    therefore put together, at random, into as few steps as have that many nets on average.

    Args:
        sizes: [D] nets of the designs.
        step_nets: nets a step should have.
    """

    def __init__(self, sizes: Sequence[int], step_nets: int) -> None:
        nets = np.asarray(sizes)
        self._large, self._small = np.flatnonzero(nets >= step_nets), np.flatnonzero(nets < step_nets)
        self._shared = math.ceil(int(nets[self._small].sum()) / max(step_nets, 1))

    def __len__(self) -> int:
        """Number of steps."""
        return len(self._large) + self._shared

    def __iter__(self) -> Iterator[list[int]]:
        """Steps of one epoch, drawn by torch's generator."""
        small = self._small[torch.randperm(len(self._small)).numpy()]
        steps = [[place] for place in self._large.tolist()]
        steps += [part.tolist() for part in np.array_split(small, max(self._shared, 1)) if len(part)]
        for step in torch.randperm(len(steps)).tolist():
            yield steps[step]
