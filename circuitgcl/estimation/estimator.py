"""Bare netlist to tables: the main job."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from circuitgcl.data import Ground
from circuitgcl.errors import ConfigError
from circuitgcl.estimation.expectation import expected_parasitics
from circuitgcl.estimation.predicting import FloatArray, Prediction, Predictor, Quantity
from circuitgcl.estimation.priors import Prior
from circuitgcl.graph import CircuitGraph, RailKind, build_graph
from circuitgcl.graph.rails import wanted_and_refused
from circuitgcl.graph.virtual_supplies import virtual_supplies
from circuitgcl.models.checkpoint import ModelCheckpoint, load_model
from circuitgcl.models.memory import Source
from circuitgcl.netlist import FlatCircuit, Netlist, NetlistConfig, flatten, read_netlist
from circuitgcl.netlist.reading import design_name
from circuitgcl.parasitics import Parasitics, write_dspf, write_spef
from circuitgcl.parasitics.annotation.writer import write_annotated
from circuitgcl.schema import DeviceType

NameArray = NDArray[np.object_]
BoolArray = NDArray[np.bool_]

SCHEMA = 1
EXTRACTOR_GROUND = (
    "the model estimates what an extractor calls ground capacitance, without the rails: totals, and netlists "
    "and SPEF or DSPF files with these capacitances, lack what couples to rails"
)
SOURCE_NAMES = (*(source.name.lower() for source in Source), "distant")
STRANGE_LENGTH = 1.25  # ratio to the nearest shortest channel of a labelled design
STRANGE_SHARE = 0.25  # of the estimated capacitance, doubted more than is usual


class Bound(StrEnum):
    """Which end of the interval stands in the capacitance columns."""

    MEAN = "mean"
    P10 = "p10"
    P90 = "p90"


@dataclass(frozen=True, kw_only=True)
class GraphConfig:
    """How the circuit graph is built."""

    rails: tuple[str, ...] = ()  # glob patterns of rails, behind `!` of nets that are none; else recognised
    quotient: bool = True  # estimate structural classes and scatter back; the same numbers, sooner


@dataclass(frozen=True, kw_only=True)
class EstimateConfig:
    """Settings of an estimation."""

    netlist: NetlistConfig = field(default_factory=NetlistConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
    min_cap_farad: float = 1e-17  # couplings below are not listed
    min_probability: float = 0.1  # nor are candidates less likely than this to couple above `min_cap_farad`
    prior: Prior = Prior.TRAIN  # label law that the estimates follow
    bound: Bound = Bound.MEAN
    scale: float = 1.0  # factor on every capacitance
    include: str = "*"  # nets to list: glob patterns separated by commas, any case
    exclude: str = ""  # nets not to list, neither alone nor in a pair

    def __post_init__(self) -> None:
        if not (self.min_cap_farad > 0 and math.isfinite(self.min_cap_farad)):
            raise ConfigError(
                f"min_cap_farad = {self.min_cap_farad:g}; expected a positive capacitance in farad"
            )
        if not (self.scale > 0 and math.isfinite(self.scale)):
            raise ConfigError(f"scale = {self.scale:g}; expected a positive factor")
        if not 0.0 <= self.min_probability <= 1.0:
            raise ConfigError(f"min_probability = {self.min_probability:g}; expected a number from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Estimated parasitics of one design; capacitances in farad, names flat with `/` between instances."""

    design: str
    top: str
    technology: str
    model: dict[str, Any]  # name, version, trained_on
    summary: dict[str, Any]
    nets: pd.DataFrame  # one row per signal net; `cap_ground_kind` where ground is not ground-equivalent
    couplings: pd.DataFrame  # one row per listed pair, strongest first; expected values as in `parasitics`
    warnings: tuple[str, ...]
    circuit: FlatCircuit = field(repr=False)
    dialect: str = ""  # of the netlist, where it was told or read
    parasitics: Parasitics = field(repr=False)

    def to_parasitics(self) -> Parasitics:
        """Expected capacitances of the listed nets, at net level and to six digits.

        The reference node stands for ground, substrate and every rail. A coupling is its capacitance, should
        it exist, times the probability that it does; the total of a net is its `cap_total_farad`. What
        couples to nets that are not listed, or hardly at all, is load to the reference node.
        """
        return self.parasitics

    def to_spef(self, path: str | Path) -> None:
        """Write the expected capacitances as SPEF.

        Raises:
            DataError: there is no net, or the file cannot be written.
        """
        write_spef(self.parasitics, path)

    def to_dspf(self, path: str | Path) -> None:
        """Write the expected capacitances as DSPF.

        Raises:
            ParasiticsError: a name cannot be written in DSPF.
            DataError: the file cannot be written.
        """
        write_dspf(self.parasitics, path)

    def annotate(self, path: str | Path, simulator: str | None = None) -> None:
        """Write a copy of the netlist with the expected capacitances as C cards, ready to simulate.

        Args:
            path: file to write; with the suffix `.inc` it gets the cards alone.
            simulator: `ngspice`, `hspice`, `spectre`, `xyce` or `ltspice`; by the dialect of the netlist when
                absent.

        Raises:
            InputError: unknown simulator, or the path is the netlist itself.
            NetlistError: the netlist cannot be read again.
            DataError: a name cannot be spelled, a definition cannot be copied, or the file cannot be written.
        """
        write_annotated(self.circuit, self.parasitics, path, simulator=simulator, dialect=self.dialect)

    def to_dict(self) -> dict[str, Any]:
        """The stable JSON form."""
        return {
            "schema": SCHEMA,
            "design": self.design,
            "top": self.top,
            "technology": self.technology,
            "model": self.model,
            "summary": self.summary,
            "nets": self.nets.to_dict("records"),
            "couplings": self.couplings.to_dict("records"),
            "warnings": list(self.warnings),
        }


class Estimator:
    """Estimates the parasitics of bare netlists with a trained model."""

    def __init__(self, checkpoint: ModelCheckpoint, device: str = "auto") -> None:
        self.checkpoint = checkpoint
        self.predictor = Predictor(checkpoint, device)

    @classmethod
    def from_pretrained(cls, model: str | Path = "bundled", device: str = "auto") -> Estimator:
        """Estimator with a model by name or folder.

        Raises:
            CheckpointError: there is no such model, or it is damaged.
        """
        return cls(load_model(model), device)

    def estimate(
        self,
        netlist: str | Path | Netlist | FlatCircuit,
        *,
        top: str | None = None,
        config: EstimateConfig | None = None,
    ) -> Estimate:
        """Estimate all parasitics of a netlist.

        Args:
            netlist: a file, or what was read from one.
            top: top subcircuit; chosen automatically when absent.
            config: settings; the defaults when absent.

        Raises:
            NetlistError: the netlist cannot be read, flattened, or has no signal net.
        """
        config = config or EstimateConfig()
        circuit = _flat(netlist, top, config.netlist)
        graph = build_graph(circuit, rails=config.graph.rails)
        design = self.predictor.tensors(graph, quotient=config.graph.quotient)
        prediction, _ = self.predictor.predict(
            design, config.min_cap_farad / config.scale, prior=config.prior
        )
        names = np.array(circuit.net_names(), dtype=object)
        included, excluded = matching(names, config.include), matching(names, config.exclude)
        shown = included & ~excluded
        return Estimate(
            design=design_name(Path(circuit.path)),
            top=circuit.name,
            technology=technology_guess(graph),
            model={
                "name": self.checkpoint.name,
                "version": self.checkpoint.version,
                "trained_on": list(self.checkpoint.trained_on),
            },
            summary=_summary(graph, prediction, self.checkpoint, config),
            nets=_net_table(graph, prediction, names, shown, self.checkpoint, config),
            couplings=_coupling_table(prediction, names, included, excluded, config),
            warnings=(
                *circuit.warnings,
                *_idle_patterns(graph, shown, config),
                *([EXTRACTOR_GROUND] if self.checkpoint.ground is Ground.EXTRACTOR else []),
                *strangeness(graph, prediction, self.checkpoint),
            ),
            circuit=circuit,
            dialect=netlist.dialect if isinstance(netlist, Netlist) else config.netlist.dialect,
            parasitics=expected_parasitics(
                circuit,
                design=circuit.name,
                nets=graph.signal_nets[shown[graph.signal_nets]],
                load_farad=_bounded(prediction.load, config),
                pair=prediction.pair,
                pair_farad=prediction.existence * _bounded(prediction.coupling, config),
                min_cap_farad=config.min_cap_farad,
            ),
        )


def _flat(netlist: str | Path | Netlist | FlatCircuit, top: str | None, config: NetlistConfig) -> FlatCircuit:
    if isinstance(netlist, FlatCircuit):
        return netlist
    if not isinstance(netlist, Netlist):
        netlist = read_netlist(netlist, dialect=config.dialect, on_error=config.on_error)
    return flatten(netlist, top)


def matching(names: NameArray, patterns: str) -> BoolArray:
    """Which of [N] names match one of the comma-separated patterns.

    `*` and `?` are wildcards, case does not matter, and brackets stand for themselves: `bl[3]` is one bit of
    a bus.
    """
    parts = [part.strip().replace("[", "[[]").casefold() for part in patterns.split(",") if part.strip()]
    rules = [re.compile(fnmatch.translate(part)) for part in parts]
    return np.array([any(rule.match(name.casefold()) for rule in rules) for name in names], dtype=bool)


def _idle_patterns(graph: CircuitGraph, shown: BoolArray, config: EstimateConfig) -> list[str]:
    """What the user should know when patterns catch nothing: they are easily mistyped."""
    found = []
    if not shown[graph.signal_nets].any():
        chosen = f"include {config.include!r}" + (
            f" and exclude {config.exclude!r}" if config.exclude else ""
        )
        found.append(f"{chosen} leave none of the {len(graph.signal_nets)} signal nets to list")
    if config.graph.rails and not graph.rails.any():
        wanted, _ = wanted_and_refused(config.graph.rails)
        fault = "match no net of the top cell" if wanted else "leave no net that looks like a rail"
        found.append(f"rails {','.join(config.graph.rails)!r} {fault}: there is no rail")
    return found


def strangeness(graph: CircuitGraph, prediction: Prediction, checkpoint: ModelCheckpoint) -> list[str]:
    """What the user should know of a design that is unlike those the model was trained on.

    Its technology, told by the shortest channel, may be another one; or more than `STRANGE_SHARE` of its
    expected couplings and loads of signal nets may be doubted more than nearly all of held-out designs.
    """
    found = []
    length, known = graph.channel_length_m, checkpoint.channel_lengths_m
    if known and min(max(length / other, other / length) for other in known) > STRANGE_LENGTH:
        lengths = ", ".join(f"{other * 1e9:.0f}" for other in known)
        found.append(
            f"the shortest channel is {length * 1e9:.0f} nm, the model was trained on {lengths} nm: "
            "its technology is new to the model, and the intervals do not cover that; calibrate the model"
        )
    expected = prediction.existence * prediction.coupling.farad
    load = prediction.load.farad[graph.signal_nets]
    unusual = float(expected @ prediction.coupling.is_unusual)
    unusual += float(load @ prediction.load.is_unusual[graph.signal_nets])
    share = unusual / max(float(expected.sum() + load.sum()), 1e-30)
    if share > STRANGE_SHARE:
        found.append(
            f"{share:.0%} of the estimated capacitance is of cells unlike those the model was trained on; "
            "their intervals are wide"
        )
    return found


def _bounded(quantity: Quantity, config: EstimateConfig) -> FloatArray:
    chosen = {Bound.MEAN: quantity.farad, Bound.P10: quantity.lo_farad, Bound.P90: quantity.hi_farad}
    return chosen[config.bound] * config.scale


def _expected_coupling(prediction: Prediction, nets: int, config: EstimateConfig) -> FloatArray:
    """Expected coupling of every net to all other signal nets, [N]: each pair by its probability."""
    expected = prediction.existence * _bounded(prediction.coupling, config)
    return np.bincount(prediction.pair.T.ravel(), np.tile(expected, 2), nets).astype(np.float64)


def _net_table(
    graph: CircuitGraph,
    prediction: Prediction,
    names: NameArray,
    shown: BoolArray,
    checkpoint: ModelCheckpoint,
    config: EstimateConfig,
) -> pd.DataFrame:
    rows = graph.signal_nets[shown[graph.signal_nets]]
    ground = _bounded(prediction.load, config)[rows]
    coupled = _expected_coupling(prediction, len(names), config)[rows]
    classes = prediction.class_probability[rows].argmax(axis=1)
    table = pd.DataFrame(
        {
            "net": names[rows],
            "cap_ground_farad": ground,
            "cap_ground_lo_farad": prediction.load.lo_farad[rows] * config.scale,
            "cap_ground_hi_farad": prediction.load.hi_farad[rows] * config.scale,
            "cap_ground_class": classes,
            "cap_ground_class_probability": prediction.class_probability[rows, classes],
            "cap_coupling_farad": coupled,
            "cap_total_farad": ground + coupled,
            "source": np.array(SOURCE_NAMES, dtype=object)[prediction.load.source[rows]],
        }
    )
    if checkpoint.ground is not Ground.EQUIVALENT:
        table["cap_ground_kind"] = checkpoint.ground.value
    return table.sort_values("cap_total_farad", ascending=False, kind="stable", ignore_index=True)


def _coupling_table(
    prediction: Prediction,
    names: NameArray,
    included: BoolArray,
    excluded: BoolArray,
    config: EstimateConfig,
) -> pd.DataFrame:
    farad = _bounded(prediction.coupling, config)
    listed = (
        (farad >= config.min_cap_farad)
        & (prediction.probability >= config.min_probability)
        & included[prediction.pair].any(axis=1)
        & ~excluded[prediction.pair].any(axis=1)
    )
    pair, coupling = prediction.pair[listed], prediction.coupling
    table = pd.DataFrame(
        {
            "net_a": names[pair[:, 0]],
            "net_b": names[pair[:, 1]],
            "cap_farad": farad[listed],
            "cap_lo_farad": coupling.lo_farad[listed] * config.scale,
            "cap_hi_farad": coupling.hi_farad[listed] * config.scale,
            "cap_expected_farad": prediction.existence[listed] * farad[listed],
            "probability": prediction.probability[listed],
            "source": np.array(SOURCE_NAMES, dtype=object)[coupling.source[listed]],
        }
    )
    order = np.argsort(-(table["probability"] * table["cap_farad"]).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _summary(
    graph: CircuitGraph, prediction: Prediction, checkpoint: ModelCheckpoint, config: EstimateConfig
) -> dict[str, Any]:
    circuit = graph.circuit
    kinds, counts = np.unique(circuit.table.device_type[circuit.device_card], return_counts=True)
    names = circuit.net_names(np.flatnonzero(graph.rails).tolist())
    rail_kinds = graph.rails[graph.rails != 0]
    virtual = np.flatnonzero(virtual_supplies(circuit, graph.rails)).tolist()
    skipped: dict[str, int] = {}
    for card in circuit.skipped_cards:
        skipped[card.kind] = skipped.get(card.kind, 0) + 1
    signal = graph.signal_nets
    from_memory = prediction.load.source[signal] == Source.MEMORY
    return {
        "devices": circuit.device_count,
        "devices_by_type": {
            DeviceType(k).name.lower(): n for k, n in zip(kinds.tolist(), counts.tolist(), strict=True)
        },
        "nets": len(signal),
        "pins": circuit.pin_count,
        "rails": {name: RailKind(k).name.lower() for name, k in zip(names, rail_kinds.tolist(), strict=True)},
        "virtual_supplies": circuit.net_names(virtual),  # signals, with estimates of their own
        "instances": len(circuit.instance_parent) - 1,
        "candidate_pairs": len(prediction.pair),
        "nets_from_memory": int(from_memory.sum()),
        "skipped_cards": skipped,
        "ground": checkpoint.ground.value,
        "ground_class_cuts_farad": checkpoint.target_scale.cuts_farad,
        "min_cap_farad": config.min_cap_farad,
        "bound": config.bound.value,
        "scale": config.scale,
    }


def technology_guess(graph: CircuitGraph) -> str:
    """What the netlist says of its technology: the shortest drawn channel and the MOSFET models."""
    circuit = graph.circuit
    is_mos = np.isin(circuit.table.device_type, (DeviceType.NMOS, DeviceType.PMOS))
    if not is_mos.any():
        return "no MOSFET"
    models = sorted({circuit.table.model_names[m].lower() for m in np.unique(circuit.table.model[is_mos])})
    return f"{graph.channel_length_m * 1e9:.0f} nm channels ({_listed(models)})"


def _listed(names: Sequence[str], most: int = 4) -> str:
    more = f", {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
