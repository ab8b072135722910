"""A checkpoint applied to one design: calibrated numbers for every candidate pair and every net."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuitgcl.data.tensors import FARAD_PER_FEMTO, DesignTensors, graph_tensors
from circuitgcl.errors import DataError
from circuitgcl.estimation.priors import Prior, class_shares_followed, following
from circuitgcl.graph import CircuitGraph
from circuitgcl.graph.pair_encodings import PairStructure
from circuitgcl.models.capacitance import CouplingOutputs, LoadOutputs
from circuitgcl.models.checkpoint import DISTANT_SOURCE, ModelCheckpoint
from circuitgcl.models.error_law import ErrorLaw

FloatArray = NDArray[np.float64]
COVERAGE = 0.8
CLASS_FLOOR = 1e-4  # no class is ruled out altogether
_DECADE = math.log(10.0)


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """Estimates of X items with their central 80 % interval."""

    farad: FloatArray  # [X]
    lo_farad: FloatArray  # [X]
    hi_farad: FloatArray  # [X]
    source: NDArray[np.int64]  # [X] Source, DISTANT_SOURCE for pairs without context
    is_unusual: NDArray[np.bool_]  # [X] doubted more than nearly all estimates of held-out designs

    def of(self, rows: NDArray[np.int64]) -> Quantity:
        """Estimates of the given rows."""
        return Quantity(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Everything a model says of one design with N nets and P candidate pairs."""

    pair: NDArray[np.int64]  # [P, 2] flat nets, a < b
    coupling: Quantity  # [P], given that the coupling exists
    existence: FloatArray  # [P] probability that the pair couples at all
    probability: FloatArray  # [P] that it couples above `min_cap_farad`
    load: Quantity  # [N] to ground, as the `ground` of the checkpoint says
    class_probability: FloatArray  # [N, classes]
    min_cap_farad: float


class Predictor:
    """Applies a checkpoint to designs.

    Args:
        checkpoint: the model.
        device: `cpu`, `cuda`, or `auto` for CUDA where there is one.
    """

    def __init__(self, checkpoint: ModelCheckpoint, device: str = "auto") -> None:
        self.checkpoint = checkpoint
        chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.device = torch.device(chosen)
        for part in (checkpoint.model, checkpoint.coupling_error, checkpoint.load_error):
            part.to(self.device).eval()

    def tensors(self, graph: CircuitGraph, *, quotient: bool = True) -> DesignTensors:
        """What `predict` takes: every structural class once, or every net and pair (`quotient` off)."""
        rounds = self.checkpoint.model.config.encoder.layers
        return graph_tensors(graph, rounds=rounds, quotient=quotient)

    @torch.inference_mode()
    def embed(self, design: DesignTensors) -> Tensor:
        """Embeddings of the net rows of a design, [N, H], as `predict` takes them."""
        return self.checkpoint.model.embed(design.to(self.device))

    @torch.inference_mode()
    def predict(
        self,
        design: DesignTensors,
        min_cap_farad: float,
        embedding: Tensor | None = None,
        *,
        prior: Prior = Prior.TRAIN,
    ) -> tuple[Prediction, DistantPairs]:
        """Estimates of all candidate pairs and nets, and a way to ask for pairs that are no candidates.

        On the tensors of a quotient every class is estimated once.

        Args:
            design: tensors of the design.
            min_cap_farad: smallest coupling that counts.
            embedding: what `embed` has found; embedded anew when absent.
            prior: label law that the estimates follow.
        """
        design = design.to(self.device)
        checkpoint, model = self.checkpoint, self.checkpoint.model
        embedding = model.embed(design) if embedding is None else embedding
        with following(checkpoint, prior, design, embedding) as outputs:
            coupling = model.coupling(design, outputs)
            load = model.load(design, embedding, outputs)
        stated = None if prior is Prior.TRAIN else class_shares_followed(load, prior, design)
        exists = checkpoint.coupling_error.existence_probability(coupling.source, coupling.hazard_log)
        ratio = math.log10(min_cap_farad / FARAD_PER_FEMTO) - coupling.farad_log / _DECADE
        above = checkpoint.coupling_error.exceedance(coupling.source, ratio, doubt=coupling.doubt)
        pairs, nets = design.pair_row.cpu().numpy(), design.net_row.cpu().numpy()
        prediction = Prediction(
            pair=design.pair.cpu().numpy(),
            coupling=_quantity(coupling, checkpoint.coupling_error).of(pairs),
            existence=exists.double().cpu().numpy()[pairs],
            probability=(exists * above).double().cpu().numpy()[pairs],
            load=_quantity(load, checkpoint.load_error).of(nets),
            class_probability=self._classes(load, stated).double().cpu().numpy()[nets],
            min_cap_farad=min_cap_farad,
        )
        return prediction, DistantPairs(self, design)

    def _classes(self, load: LoadOutputs, stated: Tensor | None) -> Tensor:
        """Probability of each ground-capacitance class, [N, CLASS_COUNT].

        What the regression and its error law imply, which follow the law of the training labels. Under other
        label laws times the square root of what the class head states: it is trained as if classes were
        equally frequent, so it counts where the regression is undecided.
        """
        decades = load.farad_log / _DECADE
        law = self.checkpoint.load_error
        cuts = [math.log10(cut / FARAD_PER_FEMTO) for cut in self.checkpoint.target_scale.cuts_farad]
        above = [law.exceedance(load.source, cut - decades, doubt=load.doubt) for cut in cuts]
        ladder = torch.stack([torch.ones_like(decades), *above, torch.zeros_like(decades)], dim=1)
        implied = (ladder[:, :-1] - ladder[:, 1:]).clamp(min=CLASS_FLOOR)
        joint = implied if stated is None else implied * stated.sqrt()
        return joint / joint.sum(dim=1, keepdim=True)


class DistantPairs:
    """Coupling of pairs that meet in no context, should they couple at all."""

    def __init__(self, predictor: Predictor, design: DesignTensors) -> None:
        self._predictor, self._design = predictor, design

    @cached_property
    def _structure(self) -> PairStructure:
        return PairStructure(self._design.graph)

    @torch.inference_mode()
    def coupling(self, pair: NDArray[np.int64]) -> Quantity:
        """Estimates of [X, 2] pairs of flat nets.

        Raises:
            DataError: no integers [X, 2], or a net the design does not have.
        """
        pair, nets = np.asarray(pair), len(self._design.net_row)
        if pair.ndim != 2 or pair.shape[1] != 2 or pair.dtype.kind not in "iu":
            raise DataError(f"pairs are {pair.dtype} of shape {pair.shape}; expected integers [X, 2]")
        unknown = pair[(pair < 0) | (pair >= nets)]
        if len(unknown):
            raise DataError(
                f"a pair names net {unknown[0]}; {self._design.name} has nets 0 to {nets - 1:,}. "
                "By name they are found with circuitgcl.graph.net_numbers"
            )
        checkpoint = self._predictor.checkpoint
        encoding = torch.from_numpy(self._structure.encode(pair)).to(self._predictor.device)
        value = checkpoint.model.distant(self._design, encoding)
        source = torch.full((len(value),), DISTANT_SOURCE, device=value.device)
        said = _Said(farad_log=value, source=source, doubt=torch.zeros_like(value))
        return _quantity(said, checkpoint.coupling_error)


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What the model says of X items."""

    farad_log: Tensor
    source: Tensor
    doubt: Tensor


def _quantity(said: _Said | CouplingOutputs | LoadOutputs, law: ErrorLaw) -> Quantity:
    decades = said.farad_log / _DECADE
    low, high = law.interval(said.source, COVERAGE, doubt=said.doubt)

    def farad(value: Tensor) -> FloatArray:
        values: FloatArray = (10.0 ** value.double()).cpu().numpy() * FARAD_PER_FEMTO
        return values

    return Quantity(
        farad=farad(decades),
        lo_farad=farad(decades + low),
        hi_farad=farad(decades + high),
        source=said.source.cpu().numpy().astype(np.int64),
        is_unusual=(said.doubt > law.usual_doubt).cpu().numpy(),
    )
