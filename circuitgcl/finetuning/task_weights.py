"""How much each task counts where several are learned together."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import torch
from torch import Tensor, nn

REGRESSIONS = ("coupling", "load")
CLASSIFICATIONS = ("existence", "ground_class")


class TaskWeights(StrEnum):
    """Weights of the losses of the tasks."""

    EQUAL = "equal"
    UNCERTAINTY = "uncertainty"  # learned, by how uncertain the answers of each task are


class UncertaintyWeights(nn.Module):
    r"""Losses of several tasks as one likelihood, in which every task has a noise scale σ of its own.

    Kendall, Gal & Cipolla (CVPR 2018): a squared error L is the Gaussian likelihood :math:`L/2σ² + \log σ`,
    a cross-entropy L, of a softmax of temperature σ², about :math:`L/σ² + \log σ`. A task with large errors
    learns a large σ and so counts less. Balanced losses come with a noise scale that they learn themselves:
    they are such likelihoods but for a factor of 2σ², which is taken off.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_noise_scale = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(())) for name in (*REGRESSIONS, *CLASSIFICATIONS)}
        )

    def forward(self, losses: Mapping[str, Tensor], noise: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of losses, a scalar.

        Args:
            losses: scalars by task.
            noise: scales that tasks with balanced losses have learned.
        """
        return torch.stack([self._term(name, loss, noise.get(name)) for name, loss in losses.items()]).sum()

    def _term(self, name: str, loss: Tensor, own_noise: Tensor | None) -> Tensor:
        if own_noise is not None:
            return loss / (2 * own_noise.detach().square())
        log_scale = self.log_noise_scale[name]
        precision = torch.exp(-2 * log_scale) * (0.5 if name in REGRESSIONS else 1.0)
        term: Tensor = loss * precision + log_scale
        return term
