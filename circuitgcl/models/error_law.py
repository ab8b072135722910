r"""How wrong the model is where: residual laws by source, measured on designs the model had not seen.

Split conformal intervals (Vovk et al. 2005) per source of the estimate: the residuals of log10 capacitance on
held-out designs give the quantiles, so an interval widens where the model had to guess. Within a source it
widens by doubt d, how far the members of the model disagree: residuals are those of a law of scale
:math:`\sqrt{1 + (kd)^2}` (normalised conformal intervals, Papadopoulos et al. 2002), with the k under which
held-out residuals are likeliest.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

LEVELS = tuple(round(0.05 * k, 2) for k in range(1, 20))  # 5 % ... 95 %
MIN_RESIDUALS = 30  # fewer say nothing about a source of their own
WIDENINGS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # k, per natural logarithm of doubt
LARGEST_DOUBT = 2.0  # nobody can say how wrong an estimate is that members put a decade apart
USUAL_DOUBT = 0.95  # share of the held-out estimates whose doubt is called usual


class ErrorLaw(nn.Module):
    """Quantiles of log10(true / estimated) for every source, and a logistic calibration of existence.

    Shapes:
        quantiles `[S, len(LEVELS)]` decades, without doubt; existence `[S, 2]` slope and offset on the log
        hazard; widening `[S]` k; usual_doubt scalar, natural logarithm
    """

    quantiles: Tensor
    existence: Tensor
    widening: Tensor
    usual_doubt: Tensor

    def __init__(self, sources: int, spread_decades: float = 0.5) -> None:
        super().__init__()
        normal = torch.special.ndtri(torch.tensor(LEVELS, dtype=torch.float64)) * spread_decades
        self.register_buffer("quantiles", normal.float().repeat(sources, 1))
        self.register_buffer("existence", torch.tensor([[1.0, 0.0]]).repeat(sources, 1))
        self.register_buffer("widening", torch.zeros(sources))
        self.register_buffer("usual_doubt", torch.tensor(LARGEST_DOUBT))

    def fit_residuals(
        self,
        residual: NDArray[np.float64],
        source: NDArray[np.int64],
        weight: NDArray[np.float64] | None = None,
        doubt: NDArray[np.float64] | None = None,
        *,
        pool_rare: bool = True,
    ) -> None:
        """Set the quantiles from held-out residuals in decades.

        Args:
            residual: [X] log10(true / estimated).
            source: [X] row of each residual.
            weight: [X] repeats of one situation share a weight of 1, so that a large array does not speak for
                all; equal when absent.
            doubt: [X] natural logarithm; none when absent.
            pool_rare: a rare source takes the residuals of all; else it keeps its quantiles.
        """
        weight = np.ones(len(residual)) if weight is None else weight
        doubt = np.zeros(len(residual)) if doubt is None else np.minimum(doubt, LARGEST_DOUBT)
        if len(residual) < MIN_RESIDUALS:
            return
        for row in range(len(self.quantiles)):
            own = source == row
            if own.sum() < MIN_RESIDUALS and not pool_rare:
                continue
            chosen = own if own.sum() >= MIN_RESIDUALS else np.ones(len(source), bool)
            own_residual, own_doubt, own_weight = residual[chosen], doubt[chosen], weight[chosen]
            k = _likeliest_widening(own_residual, own_doubt, own_weight)
            self.widening[row] = k
            unit = own_residual / np.hypot(1.0, k * own_doubt)
            quantiles = np.quantile(unit, LEVELS, weights=own_weight, method="inverted_cdf")
            self.quantiles[row] = torch.from_numpy(quantiles).float()
        some = doubt > 0
        if some.any():
            usual = np.quantile(doubt[some], USUAL_DOUBT, weights=weight[some], method="inverted_cdf")
            self.usual_doubt.fill_(float(usual))
        self.widen()

    def widen(self) -> None:
        """Make no source surer than the ones before it, which know more.

        Few held-out designs contain cells that are altogether new, so the residuals of the last sources come
        from a handful of situations and would promise too much.
        """
        middle = LEVELS.index(0.5)
        for row in range(1, len(self.quantiles)):
            before, own = self.quantiles[row - 1], self.quantiles[row]
            own[:middle] = torch.minimum(own[:middle], before[:middle])
            own[middle + 1 :] = torch.maximum(own[middle + 1 :], before[middle + 1 :])

    def fit_existence(
        self, log_hazard: NDArray[np.float64], exists: NDArray[np.bool_], source: NDArray[np.int64]
    ) -> None:
        """Logistic regression of existence on the log hazard, per source with enough of both outcomes."""
        from sklearn.linear_model import LogisticRegression

        for row in range(len(self.existence)):
            own = source == row
            if min(exists[own].sum(), (~exists[own]).sum()) < MIN_RESIDUALS:
                own = np.ones(len(source), bool)
            if min(exists[own].sum(), (~exists[own]).sum()) < MIN_RESIDUALS:
                continue
            fit = LogisticRegression(C=100.0).fit(log_hazard[own, None], exists[own])
            slope = max(float(fit.coef_[0, 0]), 0.05)  # more hazard never means less coupling
            self.existence[row] = torch.tensor([slope, float(fit.intercept_[0])])

    def interval(
        self, source: Tensor, coverage: float = 0.8, *, doubt: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Lower and upper residual in decades of the central interval; it always holds the estimate."""
        tail = round((1 - coverage) / 2, 2)
        low, high = LEVELS.index(tail), LEVELS.index(round(1 - tail, 2))
        scale = self._scale(source, doubt)
        below, above = self.quantiles[source, low] * scale, self.quantiles[source, high] * scale
        return below.clamp(max=0.0), above.clamp(min=0.0)

    def _scale(self, source: Tensor, doubt: Tensor | None) -> Tensor:
        """By how much doubt widens the law, [X]."""
        if doubt is None:
            return torch.ones_like(source, dtype=self.quantiles.dtype)
        return torch.hypot(torch.ones_like(doubt), self.widening[source] * doubt.clamp(max=LARGEST_DOUBT))

    def exceedance(self, source: Tensor, log10_ratio: Tensor, *, doubt: Tensor | None = None) -> Tensor:
        """Probability that truth exceeds estimate by `log10_ratio` decades (interpolated quantiles)."""
        log10_ratio = log10_ratio / self._scale(source, doubt)
        levels = torch.tensor((0.0, *LEVELS, 1.0), dtype=self.quantiles.dtype, device=self.quantiles.device)
        inner = self.quantiles[source]
        reach = (inner[:, -1:] - inner[:, :1]).clamp(min=0.1)  # the outer 5 % lie within one more such width
        grid = torch.cat([inner[:, :1] - reach, inner, inner[:, -1:] + reach], dim=1).contiguous()
        upper = torch.searchsorted(grid, log10_ratio.unsqueeze(1)).clamp(1, len(levels) - 1)
        left, right = grid.gather(1, upper - 1).squeeze(1), grid.gather(1, upper).squeeze(1)
        share = ((log10_ratio - left) / (right - left).clamp(min=1e-6)).clamp(0.0, 1.0)
        above = upper.squeeze(1)
        return 1.0 - torch.lerp(levels[above - 1], levels[above], share)

    def existence_probability(self, source: Tensor, log_hazard: Tensor) -> Tensor:
        """Calibrated probability that a coupling exists at all."""
        slope, offset = self.existence[source].unbind(dim=1)
        return torch.sigmoid(slope * log_hazard + offset)


def _likeliest_widening(
    residual: NDArray[np.float64], doubt: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """The k of `WIDENINGS` under which residuals are likeliest, each from a Laplace law of its own scale."""
    share = weight / weight.sum()

    def surprise(k: float) -> float:
        scale = np.hypot(1.0, k * doubt)
        spread = max(float(share @ (np.abs(residual) / scale)), 1e-9)
        return float(np.log(spread) + share @ np.log(scale))

    return min(WIDENINGS, key=surprise)
