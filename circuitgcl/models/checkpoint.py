"""Checkpoints: `model.json` beside `model.safetensors`, so that loading one never executes anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from circuitgcl.config import from_mapping, to_mapping
from circuitgcl.errors import CheckpointError, CircuitGCLError, SourceLocation
from circuitgcl.files import write_atomically
from circuitgcl.graph.features import DEVICE_FEATURES, NET_FEATURES, PIN_FEATURES, SCHEMA_VERSION
from circuitgcl.graph.terminals import PAIR_FEATURES, TERMINAL_FEATURES
from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.error_law import ErrorLaw
from circuitgcl.models.memory import Source
from circuitgcl.models.scaling import TARGET_SCALES, TargetScale

FORMAT_VERSION = 1
HEADER_FILE, TENSOR_FILE = "model.json", "model.safetensors"
DISTANT_SOURCE = len(Source)  # row of the error law for pairs without any context
BUNDLED = Path(__file__).parent / "bundled"


@dataclass(frozen=True, kw_only=True)
class EncoderCheckpoint:
    """A pretrained encoder."""

    encoder: CircuitEncoder
    trained_on: tuple[str, ...]
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class ModelCheckpoint:
    """A trained model with everything needed to use and to judge it."""

    name: str
    version: str
    model: CapacitanceModel
    coupling_error: ErrorLaw
    load_error: ErrorLaw
    trained_on: tuple[str, ...]
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target_scale(self) -> TargetScale:
        """Scale and classes of the ground capacitance."""
        return TARGET_SCALES[self.model.config.target_scale]


def _feature_schema() -> dict[str, Any]:
    groups = {
        "net": NET_FEATURES,
        "device": DEVICE_FEATURES,
        "pin": PIN_FEATURES,
        "terminal": TERMINAL_FEATURES,
        "pair": PAIR_FEATURES,
    }
    return {"version": SCHEMA_VERSION, **{k: [f"{f.name} [{f.unit}]" for f in v] for k, v in groups.items()}}


def save_model(checkpoint: ModelCheckpoint, folder: str | Path) -> None:
    """Write a model checkpoint.

    Raises:
        DataError: the folder cannot be written.
    """
    parts = nn.ModuleDict(
        {
            "model": checkpoint.model,
            "coupling_error": checkpoint.coupling_error,
            "load_error": checkpoint.load_error,
        }
    )
    header = {
        "kind": "model",
        "name": checkpoint.name,
        "version": checkpoint.version,
        "config": to_mapping(checkpoint.model.config),
        "trained_on": list(checkpoint.trained_on),
        "metrics": dict(checkpoint.metrics),
    }
    _write(Path(folder), header, parts)


def load_model(name_or_folder: str | Path = "bundled") -> ModelCheckpoint:
    """Load a model by name (`bundled`) or folder.

    Raises:
        CheckpointError: no such model, damaged files, or another format or feature schema version.
    """
    folder = BUNDLED if str(name_or_folder) == "bundled" else Path(name_or_folder)
    header, tensors = _read(folder, "model")
    place = SourceLocation(str(folder / HEADER_FILE), 0)
    try:
        model = CapacitanceModel(from_mapping(ModelConfig, header["config"]))
        for memory_name in ("coupling_memory", "existence_memory", "load_memory"):
            memory = getattr(model, memory_name)
            for buffer in ("exact_keys", "exact_values", "structural_keys", "structural_values"):
                setattr(memory, buffer, torch.empty_like(tensors[f"model.{memory_name}.{buffer}"]))
        coupling_error, load_error = ErrorLaw(len(Source) + 1), ErrorLaw(len(Source))
        parts = nn.ModuleDict({"model": model, "coupling_error": coupling_error, "load_error": load_error})
        parts.load_state_dict(tensors)
        return ModelCheckpoint(
            name=str(header["name"]),
            version=str(header["version"]),
            model=model.eval(),
            coupling_error=coupling_error,
            load_error=load_error,
            trained_on=tuple(map(str, header["trained_on"])),
            metrics=header["metrics"],
        )
    except (KeyError, TypeError, ValueError, RuntimeError, CircuitGCLError) as error:
        raise CheckpointError(
            f"header and tensors do not belong together: {error}", location=place
        ) from error


def save_encoder(checkpoint: EncoderCheckpoint, folder: str | Path) -> None:
    """Write a pretrained encoder.

    Raises:
        DataError: the folder cannot be written.
    """
    header = {
        "kind": "encoder",
        "config": to_mapping(checkpoint.encoder.config),
        "trained_on": list(checkpoint.trained_on),
        "metrics": dict(checkpoint.metrics),
    }
    _write(Path(folder), header, checkpoint.encoder)


def load_encoder(folder: str | Path) -> EncoderCheckpoint:
    """Load a pretrained encoder.

    Raises:
        CheckpointError: no such checkpoint, damaged files, or another format or feature schema version.
    """
    header, tensors = _read(Path(folder), "encoder")
    try:
        encoder = CircuitEncoder(from_mapping(EncoderConfig, header["config"]))
        encoder.load_state_dict(tensors)
        trained_on = tuple(map(str, header["trained_on"]))
        return EncoderCheckpoint(encoder=encoder.eval(), trained_on=trained_on, metrics=header["metrics"])
    except (KeyError, TypeError, ValueError, RuntimeError, CircuitGCLError) as error:
        place = SourceLocation(str(Path(folder) / HEADER_FILE), 0)
        raise CheckpointError(
            f"header and tensors do not belong together: {error}", location=place
        ) from error


def _write(folder: Path, header: Mapping[str, Any], module: nn.Module) -> None:
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{TENSOR_FILE}.part"
    save_file(tensors, temporary)
    temporary.replace(folder / TENSOR_FILE)
    complete = {"format": FORMAT_VERSION, "features": _feature_schema(), **header}
    write_atomically(folder / HEADER_FILE, json.dumps(complete, indent=2) + "\n")


def _read(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    path = folder / HEADER_FILE
    place = SourceLocation(str(path), 0)
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint in {folder}: {HEADER_FILE} is missing") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"not a readable checkpoint header: {error}", location=place) from None
    if not isinstance(header, dict) or header.get("kind") != kind:
        found = header.get("kind") if isinstance(header, dict) else type(header).__name__
        raise CheckpointError(
            f"found {found!r}, expected the header of a checkpoint of kind {kind!r}", location=place
        )
    if header.get("format") != FORMAT_VERSION:
        raise CheckpointError(
            f"format version {header.get('format')}; expected {FORMAT_VERSION}", location=place
        )
    if header.get("features") != _feature_schema():
        raise CheckpointError(
            "trained with another feature schema; retrain it with this version", location=place
        )
    tensor_path = folder / TENSOR_FILE
    try:
        return header, load_file(tensor_path)
    except FileNotFoundError:
        raise CheckpointError(
            f"no tensors beside the header: {TENSOR_FILE} is missing", location=place
        ) from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"damaged tensors: {error}", location=SourceLocation(str(tensor_path), 0)
        ) from None
