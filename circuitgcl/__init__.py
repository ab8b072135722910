"""Layout parasitics from the schematic netlist alone.

The names below are loaded when first asked for, so that reading netlists and `circuitgcl --help` need no
torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuitgcl.data import Design, DesignFiles, Labels, load_design, read_manifest
    from circuitgcl.errors import CircuitGCLError
    from circuitgcl.estimation import Bound, Estimate, EstimateConfig, Estimator, Predictor
    from circuitgcl.evaluation import Comparison, compare, evaluate
    from circuitgcl.finetuning import CalibrateConfig, FinetuneConfig, calibrate, finetune
    from circuitgcl.graph import CircuitGraph, build_graph
    from circuitgcl.models.checkpoint import EncoderCheckpoint, ModelCheckpoint, load_encoder, load_model
    from circuitgcl.netlist import FlatCircuit, Netlist, flatten, read_netlist
    from circuitgcl.parasitics import Parasitics, read_parasitics
    from circuitgcl.pretraining import PretrainConfig, pretrain
    from circuitgcl.simulation import simulate

    __version__: str

__all__ = [
    "Bound",
    "CalibrateConfig",
    "CircuitGCLError",
    "CircuitGraph",
    "Comparison",
    "Design",
    "DesignFiles",
    "EncoderCheckpoint",
    "Estimate",
    "EstimateConfig",
    "Estimator",
    "FinetuneConfig",
    "FlatCircuit",
    "Labels",
    "ModelCheckpoint",
    "Netlist",
    "Parasitics",
    "Predictor",
    "PretrainConfig",
    "__version__",
    "build_graph",
    "calibrate",
    "compare",
    "evaluate",
    "finetune",
    "flatten",
    "load_design",
    "load_encoder",
    "load_model",
    "pretrain",
    "read_manifest",
    "read_netlist",
    "read_parasitics",
    "simulate",
]

_HOMES = {
    "data": ("Design", "DesignFiles", "Labels", "load_design", "read_manifest"),
    "errors": ("CircuitGCLError",),
    "estimation": ("Bound", "Estimate", "EstimateConfig", "Estimator", "Predictor"),
    "evaluation": ("Comparison", "compare", "evaluate"),
    "finetuning": ("CalibrateConfig", "FinetuneConfig", "calibrate", "finetune"),
    "graph": ("CircuitGraph", "build_graph"),
    "models.checkpoint": ("EncoderCheckpoint", "ModelCheckpoint", "load_encoder", "load_model"),
    "netlist": ("FlatCircuit", "Netlist", "flatten", "read_netlist"),
    "parasitics": ("Parasitics", "read_parasitics"),
    "pretraining": ("PretrainConfig", "pretrain"),
    "simulation": ("simulate",),
}
_HOME_OF = {name: room for room, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public name on first use."""
    if name == "__version__":
        value: Any = _version()
    elif name in _HOME_OF:
        value = getattr(importlib.import_module(f"circuitgcl.{_HOME_OF[name]}"), name)
    else:
        raise AttributeError(f"module 'circuitgcl' has no attribute {name!r}")
    globals()[name] = value
    return value


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("circuitgcl")
    except PackageNotFoundError:  # a checkout on the path, not installed
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
