"""Errors of models on designs or labels they have not seen, and the error laws these make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from circuitgcl.data.tensors import DesignTensors
from circuitgcl.models.capacitance import CapacitanceModel
from circuitgcl.models.checkpoint import DISTANT_SOURCE
from circuitgcl.models.error_law import ErrorLaw
from circuitgcl.models.memory import Source
from circuitgcl.models.scaling import FLOOR_FF

ENOUGH_NEW = 100  # situations that are new by themselves; then none has to be made new by forgetting


class HeldOutErrors:
    """Held-out errors of the fold models, and the error laws they make."""

    def __init__(self) -> None:
        # rows: residual in decades, source, weight, doubt, forgotten
        self.coupling: list[np.ndarray[Any, Any]] = []
        self.load: list[np.ndarray[Any, Any]] = []
        self.existence: list[np.ndarray[Any, Any]] = []  # rows: log hazard, exists, source

    def collect(self, model: CapacitanceModel, designs: Sequence[DesignTensors]) -> None:
        """Judge a model on designs it has not seen, as it is and without its memories.

        Held-out designs may share most cells with the others; then what the model is worth without them shows
        only when nothing is remembered. Trees and networks have learned from these cells all the same, so
        where designs hold enough that is new, only that counts.
        """
        for design in designs:
            self._judge(model, design, forgotten=False)
            with model.forgetting():
                self._judge(model, design, forgotten=True)

    @torch.inference_mode()
    def _judge(self, model: CapacitanceModel, design: DesignTensors, *, forgotten: bool) -> None:
        labels = design.labels
        assert labels is not None
        embedding = model.embed(design)
        outputs = model.contexts(design, embedding)
        pair, net = design.pair_row, design.net_row
        coupling = model.coupling(design, outputs).of(pair)
        load = model.load(design, embedding, outputs).of(net)
        situation = design.pair_situation[pair]
        said = coupling.source, coupling.doubt, forgotten
        self._add(self.coupling, coupling.farad_log, labels.candidate_ff, said, situation)
        if len(labels.distant_pair):
            distant = model.distant(design, labels.distant_encoding)
            source = torch.full((len(distant),), DISTANT_SOURCE)
            alone = torch.arange(len(distant))
            sure = torch.zeros_like(distant)
            self._add(self.coupling, distant, labels.distant_ff, (source, sure, forgotten), alone)
        situation = design.net_situation[net]
        self._add(self.load, load.farad_log, labels.load_ff, (load.source, load.doubt, forgotten), situation)
        known = ~torch.isnan(labels.candidate_ff)
        exists = labels.candidate_ff > FLOOR_FF
        rows = torch.stack([coupling.hazard_log.double(), exists.double(), coupling.source.double()])
        self.existence.append(rows[:, known].numpy())

    @staticmethod
    def _add(
        rows: list[np.ndarray[Any, Any]],
        estimate: torch.Tensor,
        truth: torch.Tensor,
        said: tuple[torch.Tensor, torch.Tensor, bool],
        group: torch.Tensor,
    ) -> None:
        """Add residuals; `said` are the sources and doubts of the estimates, and whether memory was off."""
        source, doubt, forgotten = said
        present = truth > 2 * FLOOR_FF  # intervals are for what designers look at
        residual = torch.log10(truth[present]) - estimate[present] / np.log(10.0)
        _, inverse, count = torch.unique(group[present], return_inverse=True, return_counts=True)
        remembered = source[present] == int(Source.MEMORY)
        # Of what is remembered every pair counts, and every design as much as another: so often is it met.
        # Of what is new every situation counts once: in an array a new cell is no more of a surprise.
        weight = torch.where(remembered, 1.0 / remembered.sum().clamp(min=1), 1.0 / count[inverse].double())
        found = residual, source[present], weight, doubt[present], torch.full_like(weight, forgotten)
        rows.append(torch.stack([part.double() for part in found]).numpy())

    def laws(self) -> tuple[ErrorLaw, ErrorLaw]:
        """Error laws of coupling and of load; wide defaults when nothing was held out."""
        coupling, load = ErrorLaw(len(Source) + 1), ErrorLaw(len(Source))
        self.update(coupling, load)
        return coupling, load

    def update(
        self, coupling: ErrorLaw, load: ErrorLaw, *, with_existence: bool = True, pool_rare: bool = True
    ) -> None:
        """Fit error laws to these errors.

        Args:
            coupling: law of the couplings.
            load: law of the loads.
            with_existence: fit the probability of existence, too.
            pool_rare: sources with few errors take those of all; else they keep what they have.
        """
        if not self.coupling:
            return
        for law, rows in ((coupling, self.coupling), (load, self.load)):
            residual, source, weight, doubt, _ = _counting(rows)
            law.fit_residuals(residual, source.astype(np.int64), weight, doubt, pool_rare=pool_rare)
        if with_existence:
            hazard, exists, source = np.concatenate(self.existence, axis=1)
            coupling.fit_existence(hazard, exists > 0, source.astype(np.int64))

    def metrics(self) -> dict[str, Any]:
        """Held-out errors in decades by source, for the model header."""
        found: dict[str, Any] = {}
        for name, rows in (("coupling", self.coupling), ("net_load", self.load)):
            if not rows:
                continue
            residual, source, *_ = _counting(rows)
            for code, label in enumerate((*(s.name.lower() for s in Source), "distant")):
                own = residual[source == code]
                if len(own):
                    found[f"{name}_{label}"] = {
                        "n": len(own),
                        "mae_decades": round(float(np.abs(own).mean()), 4),
                        "within_x2": round(float((np.abs(own) < np.log10(2)).mean()), 4),
                    }
        return found


def _counting(rows: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """The rows that count: forgotten ones only where too little was new by itself."""
    joined: np.ndarray[Any, Any] = np.concatenate(rows, axis=1)
    _, source, weight, _, forgotten = joined
    new = (source == int(Source.NETWORK)) & (forgotten == 0)
    return joined[:, forgotten == 0] if weight[new].sum() >= ENOUGH_NEW else joined
