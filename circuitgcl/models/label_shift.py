r"""From the balanced label law back to the natural one.

A regressor trained with balanced MSE estimates as if all labels were equally frequent. On a design whose
labels follow the training law, the best estimate is the posterior mean under that law: with training labels
:math:`\sum_k w_k N(\mu_k, v_k)` and a balanced estimate :math:`\hat y` of noise :math:`\sigma`,

.. math:: E[y] = \sum_k r_k \frac{\mu_k \sigma^2 + \hat y v_k}{\sigma^2 + v_k}, \qquad
          r_k \propto w_k N(\hat y; \mu_k, v_k + \sigma^2).

This inverts the change of prior on which balanced MSE rests (Ren et al., CVPR 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

COMPONENTS = 8


class LabelLaw(nn.Module):
    """Gaussian mixture of the training labels and the noise of the balanced estimates; identity until set.

    Shapes:
        means, variances, weights `[COMPONENTS]`; noise scalar; all in the unit of the labels
    """

    means: Tensor
    variances: Tensor
    weights: Tensor
    noise: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(COMPONENTS))
        self.register_buffer("variances", torch.ones(COMPONENTS))
        self.register_buffer("weights", torch.zeros(COMPONENTS))
        self.register_buffer("noise", torch.zeros(()))

    def set(self, means: Tensor, variances: Tensor, weights: Tensor, noise: Tensor) -> None:
        """Take over a label mixture of up to `COMPONENTS` components and the learned noise."""
        count = len(means)
        self.weights.zero_()
        for buffer, values in ((self.means, means), (self.variances, variances), (self.weights, weights)):
            buffer[:count] = values
        self.noise.copy_(noise)

    def forward(self, balanced: Tensor) -> Tensor:
        """Posterior mean of [X] balanced estimates."""
        if float(self.noise) == 0.0:
            return balanced
        noise = self.noise.square()
        spread = self.variances + noise
        offset = balanced.unsqueeze(1) - self.means
        responsibility = torch.softmax(
            torch.log(self.weights) - 0.5 * torch.log(spread) - 0.5 * offset.square() / spread, dim=1
        )
        means = (self.means * noise + balanced.unsqueeze(1) * self.variances) / spread
        return (responsibility * means).sum(dim=1)
