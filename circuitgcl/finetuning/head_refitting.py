"""Fitting the last layers of the heads to a few labels, held near what they were.

The layers below keep their features, so a last layer is a linear model: a ridge on its change is what few
labels can bear. It stays as it is unless labels of situations left out come nearer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.finetuning.memory_fitting import labelled_sums
from circuitgcl.finetuning.model_evidence import model_evidence
from circuitgcl.finetuning.offset_fitting import LabelledSums, MemoryConfig, MemoryTarget, misfit
from circuitgcl.finetuning.refitting import errors_in_decades, label_parts, situations
from circuitgcl.models.capacitance import LOG_RANGE, CapacitanceModel
from circuitgcl.models.memory import Source

RIDGES = (30.0, 10.0, 3.0)  # per squared change of a weight, in units of one label
ITERATIONS = 60


@dataclass(frozen=True, kw_only=True)
class _LastLayer:
    """One output of a head as a function of the change of its weights."""

    sums: LabelledSums
    features: Tensor  # [R, H + 1] inputs of the layer and 1 for its bias
    raw: Tensor  # [R] what the layer says now
    free: Tensor  # [R] rows that are not remembered
    natural: Callable[[Tensor], Tensor]  # from the layer's output to the logarithm of a contribution

    def totals(self, change: Tensor) -> Tensor:
        """The labelled sums, [I], after a change [H + 1] of the layer."""
        moved = self.natural(self.raw + self.features @ change) - self.natural(self.raw)
        return self.sums.totals(self.sums.base + moved.where(self.free, 0.0))


def refit_heads(
    model: CapacitanceModel, designs: Sequence[DesignTensors], config: MemoryConfig, *, folds: int, seed: int
) -> None:
    """Fit the last layers of the coupling and load heads of a model, in place.

    Args:
        model: in evaluation mode.
        designs: with labels.
        config: settings of the misfit.
        folds: number of parts by which situations are left out.
        seed: chooses them.
    """
    with _inputs(model.context_head[-1]) as context_inputs, _inputs(model.load_head[-1]) as load_inputs:
        evidence = model_evidence(model, designs)
    reference = torch.cat([torch.full((len(d.context_side),), model.reference_log(d)) for d in designs])
    # loads leave the balanced scale after their terminals are summed, couplings before
    heads = (
        (
            "coupling",
            model.context_head[-1],
            context_inputs,
            lambda x: model.natural_weight(x.clamp(*LOG_RANGE), reference),
        ),
        ("load", model.load_head[-1], load_inputs, lambda x: x.clamp(*LOG_RANGE)),
    )
    for key, layer, inputs, natural in heads:
        assert isinstance(layer, nn.Linear)
        features = torch.cat(inputs)
        own = _LastLayer(
            sums=labelled_sums(evidence[key].parts),
            features=torch.cat([features, torch.ones(len(features), 1)], dim=1),
            raw=layer(features)[:, 0].detach(),
            free=evidence[key].source != int(Source.MEMORY),
            natural=natural,
        )
        change = _chosen_change(own, label_parts(situations(evidence[key]), own.sums, folds, seed), config)
        with torch.no_grad():
            layer.weight[0] += change[:-1]
            layer.bias[0] += change[-1]


def _chosen_change(layer: _LastLayer, parts: Tensor, config: MemoryConfig) -> Tensor:
    """The change with the ridge that serves labels left out best; none where none does."""

    def error(ridge: float | None) -> float:
        found = []
        for part in range(int(parts.max()) + 1):
            out = parts == part
            change = torch.zeros(layer.features.shape[1])
            if ridge is not None:
                truth = torch.where(out, torch.nan, layer.sums.truth)
                change = _fitted(replace(layer, sums=replace(layer.sums, truth=truth)), ridge, config)
            found.append(errors_in_decades(layer.totals(change)[out], layer.sums.truth[out], config.floor_ff))
        return float(torch.cat(found).mean()) if found else 0.0

    best = min((None, *RIDGES), key=error)
    return torch.zeros(layer.features.shape[1]) if best is None else _fitted(layer, best, config)


def _fitted(layer: _LastLayer, ridge: float, config: MemoryConfig) -> Tensor:
    change = torch.zeros(layer.features.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([change], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        optimizer.zero_grad()
        loss = misfit(layer.totals(change), layer.sums.truth, MemoryTarget.CAPACITANCE, config)
        loss = loss + ridge * change.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(objective)  # type: ignore[no-untyped-call]
    return change.detach()


@contextmanager
def _inputs(layer: nn.Module) -> Iterator[list[Tensor]]:
    """What a layer is given while the block runs."""
    seen: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    try:
        yield seen
    finally:
        handle.remove()
