r"""From the balanced label law back to the natural one.

A regressor trained with balanced MSE estimates as if all labels were equally frequent. On a design whose
labels follow the training law, the best estimate is the posterior mean under that law: with training labels
:math:`\sum_k w_k N(\mu_k, v_k)` and a balanced estimate :math:`\hat y` of noise :math:`\sigma`,

.. math:: E[y] = \sum_k r_k \frac{\mu_k \sigma^2 + \hat y v_k}{\sigma^2 + v_k}, \qquad
          r_k \propto w_k N(\hat y; \mu_k, v_k + \sigma^2).

This inverts the change of prior on which balanced MSE rests (Ren et al., CVPR 2022). A design whose labels
follow another law has its own weights, estimated from its unlabelled estimates (`adapted`); class shares are
found the same way (`target_class_prior`).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

COMPONENTS = 8
PSEUDO_COUNT = 50.0  # items that a training law counts for against those of a new design
ROUNDS, TOLERANCE = 500, 1e-6  # of expectation maximisation


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

    @torch.no_grad()
    def adapted(
        self, balanced: Tensor, count: Tensor | None = None, *, pseudo_count: float = PSEUDO_COUNT
    ) -> LabelLaw:
        """The law of a new design's labels, from the balanced estimates of its unlabelled items.

        Balanced estimates follow `sum_k w_k N(mu_k, v_k + sigma^2)` where labels follow the mixture, so the
        weights of the new design are those of greatest likelihood, by expectation maximisation; places and
        widths stay. The training weights count as `pseudo_count` items, so a small design hardly moves them.

        Args:
            balanced: [X] balanced estimates of the design.
            count: [X] how many items each counts for; one when absent.
            pseudo_count: how many items the training law counts for.
        """
        law = copy.deepcopy(self)
        if float(self.noise) == 0.0 or not len(balanced):
            return law
        spread = self.variances + self.noise.square()
        offset = balanced.unsqueeze(1) - self.means
        log_density = -0.5 * torch.log(spread) - 0.5 * offset.square() / spread
        law.weights.copy_(_fitted_shares(log_density, self.weights, count, pseudo_count))
        return law


@torch.no_grad()
def target_class_prior(
    posterior: Tensor, prior: Tensor, count: Tensor | None = None, *, pseudo_count: float = PSEUDO_COUNT
) -> Tensor:
    """Class shares of a new design, [C], from the posteriors of its unlabelled items.

    Expectation maximisation (Saerens et al., Neural Computation 2002): with shares q, the posterior of a
    class is `p(c | x) q_c / prior_c` up to a factor, and q is the mean of these. The prior counts as
    `pseudo_count` items more, which guards small designs.

    Args:
        posterior: [X, C] probabilities under `prior`.
        prior: [C] class shares that the posteriors assume; equal ones for a balanced classifier.
        count: [X] how many items each counts for; one when absent.
        pseudo_count: how many items the prior counts for.
    """
    return _fitted_shares(torch.log(posterior) - torch.log(prior), prior, count, pseudo_count)


def reweighted(posterior: Tensor, prior: Tensor, target: Tensor) -> Tensor:
    """Posteriors [X, C] under other class shares: `p(c | x) target_c / prior_c`, scaled to sum to one."""
    joint = posterior * (target / prior)
    return joint / joint.sum(dim=1, keepdim=True)


def _fitted_shares(
    log_likelihood: Tensor, start: Tensor, count: Tensor | None, pseudo_count: float
) -> Tensor:
    """Shares [K] of greatest posterior, from [X, K] log-likelihoods and a Dirichlet law around `start`."""
    shares = start
    for _ in range(ROUNDS):
        responsibility = torch.softmax(log_likelihood + torch.log(shares), dim=1)
        seen = responsibility.sum(dim=0) if count is None else count @ responsibility
        total = seen + pseudo_count * start
        found = total / total.sum()
        if torch.equal(found, shares) or float((found - shares).abs().max()) < TOLERANCE:
            return found
        shares = found
    return shares
