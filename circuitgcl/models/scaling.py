"""Scales of features and targets; fitted on training designs, saved with the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from circuitgcl.errors import ConfigError

CLASS_COUNT = 5
COUPLING_STEP = 10.0  # from the floor of couplings to that of nodes
MUTED = 1e9  # deviation of a column that did not vary
FLOOR_FF = 5e-3  # femtofarad; an extracted value below counts as nothing there


@dataclass(frozen=True, kw_only=True)
class TargetScale:
    """Logarithmic scale of a capacitance target, z = clip(log10(C / floor) / decades, 0, 1), and its classes.

    Five classes are cut at z = 0.2, 0.4, 0.6 and 0.8. Couplings have a scale of their own, a decade below
    that of nodes (arXiv 2507.06535).
    """

    name: str
    floor_farad: float
    decades: float

    @staticmethod
    def named(name: str) -> TargetScale:
        """A preset.

        Raises:
            ConfigError: there is none of this name.
        """
        try:
            return TARGET_SCALES[name]
        except KeyError:
            raise ConfigError(f"unknown target scale {name!r}; known: {', '.join(TARGET_SCALES)}") from None

    def z(self, farad: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scaled target of capacitances in farad."""
        with np.errstate(divide="ignore"):
            return np.clip(np.log10(np.asarray(farad) / self.floor_farad) / self.decades, 0.0, 1.0)

    def classes(self, farad: NDArray[np.float64]) -> NDArray[np.int64]:
        """Class 0 to 4 of capacitances in farad."""
        return np.minimum((self.z(farad) * CLASS_COUNT + 1e-9).astype(np.int64), CLASS_COUNT - 1)

    @property
    def coupling(self) -> TargetScale:
        """The scale of couplings that belongs to this one of nodes."""
        return replace(self, floor_farad=self.floor_farad / COUPLING_STEP)

    @property
    def cuts_farad(self) -> list[float]:
        """The four class limits in farad."""
        return [self.floor_farad * 10 ** (self.decades * k / CLASS_COUNT) for k in range(1, CLASS_COUNT)]


TARGET_SCALES = {
    # the published node scale for a 28 nm technology
    "tsmc28": TargetScale(name="tsmc28", floor_farad=1e-20, decades=6.0),
    # reaches from inner nodes of 45 nm cells to word lines and clock nets of 0.35 um macros
    "wide": TargetScale(name="wide", floor_farad=1e-18, decades=6.0),
}


class Standardiser(nn.Module):
    """Shift and scale of feature columns to zero mean and unit variance over the training designs.

    Shapes:
        input, output: `[*, F]`
    """

    mean: Tensor  # [F]
    deviation: Tensor  # [F]

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def fit(self, batches: Iterable[Tensor]) -> None:
        """Set mean and deviation from all rows; a constant column is muted.

        Nothing can be learned from it, and another value, where it does vary, would only stir random weights.
        """
        rows = torch.cat([batch.double() for batch in batches])
        self.mean.copy_(rows.mean(dim=0))
        deviation = rows.std(dim=0, correction=0)
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, MUTED))

    def forward(self, x: Tensor) -> Tensor:
        """Standardised rows, clipped to six deviations so that an unseen extreme cannot run away."""
        return ((x - self.mean) / self.deviation).clamp(-6.0, 6.0)
