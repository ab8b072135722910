"""Checkpoints: `model.json` beside `model.safetensors`, so that loading one never executes anything."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from circuitgcl.config import from_mapping, to_mapping
from circuitgcl.data.labels import Ground
from circuitgcl.errors import CheckpointError, CircuitGCLError, DataError, SourceLocation
from circuitgcl.files import write_atomically
from circuitgcl.graph.feature_schema import SCHEMA_VERSION, feature_schema
from circuitgcl.graph.pair_encodings import pair_encoding_schema
from circuitgcl.models.capacitance import (
    COUPLING_TREE_INPUTS,
    LOAD_TREE_INPUTS,
    CapacitanceModel,
    ModelConfig,
)
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig
from circuitgcl.models.error_law import ErrorLaw
from circuitgcl.models.memory import Source
from circuitgcl.models.scaling import TargetScale

FORMAT_VERSION = 2  # trees of couplings add to the extents of nets
TRAIN_AGAIN = (
    "train again (`circuitgcl pretrain`, then `finetune`), or use the model of this program, `bundled`"
)
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
class CalibrationDesign:
    """A design whose labels a model was calibrated with: figures measured on it flatter the model."""

    name: str
    content: str  # of its schematic, whatever the file is called


@dataclass(frozen=True, kw_only=True)
class ModelCheckpoint:
    """A trained model with everything needed to use and to judge it."""

    name: str
    version: str
    model: CapacitanceModel
    coupling_error: ErrorLaw
    load_error: ErrorLaw
    trained_on: tuple[str, ...]
    channel_lengths_m: tuple[float, ...] = ()  # shortest drawn of each labelled design, distinct, ascending
    calibrated_on: tuple[CalibrationDesign, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target_scale(self) -> TargetScale:
        """Scale and classes of the ground capacitance."""
        return TargetScale.named(self.model.config.target_scale)

    @property
    def ground(self) -> Ground:
        """What the estimated load of a net is."""
        return self.model.config.ground

    def calibration_with(self, content: str) -> CalibrationDesign | None:
        """The calibration design whose schematic has this content, if there is one."""
        return next((design for design in self.calibrated_on if design.content == content), None)


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
        "channel_lengths_m": list(checkpoint.channel_lengths_m),
        "calibrated_on": [to_mapping(design) for design in checkpoint.calibrated_on],
        "metrics": dict(checkpoint.metrics),
    }
    _write(Path(folder), header, parts)


def load_model(name_or_folder: str | Path = "bundled") -> ModelCheckpoint:
    """Load a model by name (`bundled`) or folder.

    The module is laid out without memory first, so a header that asks for absurd sizes costs nothing.

    Raises:
        CheckpointError: no such model, damaged files, or another format or feature schema version.
    """
    folder = BUNDLED if str(name_or_folder) == "bundled" else Path(name_or_folder)
    header, tensors = _read(folder, "model")
    with _blaming(folder):
        settings = {**header["config"], "encoder": _encoder_settings(header["config"]["encoder"])}
        config = from_mapping(ModelConfig, settings)
        TargetScale.named(config.target_scale)
        _check_layers(config.encoder, tensors)
        with torch.device("meta"):
            model = CapacitanceModel(config)
            coupling_error, load_error = ErrorLaw(len(Source) + 1), ErrorLaw(len(Source))
        parts = nn.ModuleDict({"model": model, "coupling_error": coupling_error, "load_error": load_error})
        _size_memories(model, tensors)
        _size_trees(model, tensors)
        _fill(parts, tensors)
        model.coupling_trees.check(COUPLING_TREE_INPUTS)
        model.load_trees.check(LOAD_TREE_INPUTS)
        return ModelCheckpoint(
            name=str(header["name"]),
            version=str(header["version"]),
            model=model.eval(),
            coupling_error=coupling_error,
            load_error=load_error,
            trained_on=tuple(map(str, header["trained_on"])),
            channel_lengths_m=_lengths(header["channel_lengths_m"]),
            calibrated_on=tuple(
                from_mapping(CalibrationDesign, entry) for entry in header.get("calibrated_on", ())
            ),
            metrics=dict(header["metrics"]),
        )


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
    folder = Path(folder)
    header, tensors = _read(folder, "encoder")
    with _blaming(folder):
        config = from_mapping(EncoderConfig, _encoder_settings(header["config"]))
        _check_layers(config, tensors)
        with torch.device("meta"):
            encoder = CircuitEncoder(config)
        _fill(encoder, tensors)
        return EncoderCheckpoint(
            encoder=encoder.eval(),
            trained_on=tuple(map(str, header["trained_on"])),
            metrics=dict(header["metrics"]),
        )


def _encoder_settings(written: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an encoder as written; where they do not say, inputs had no scales yet."""
    return {"standardised": False, **written}


@contextmanager
def _blaming(folder: Path) -> Iterator[None]:
    """Whatever a checkpoint's content breaks is the checkpoint's fault."""
    place = SourceLocation(str(folder / HEADER_FILE), 0)
    try:
        yield
    except KeyError as error:
        raise CheckpointError(f"the header has no entry {error}", location=place) from None
    except (AttributeError, TypeError, ValueError, RuntimeError, CircuitGCLError) as error:
        raise CheckpointError(
            f"header and tensors do not belong together: {error}", location=place
        ) from error


def _check_layers(config: EncoderConfig, tensors: Mapping[str, Tensor]) -> None:
    if not 0 <= config.layers <= len(tensors):
        raise ValueError(f"{config.layers} encoder layers from {len(tensors)} tensors")


def _lengths(written: Sequence[Any]) -> tuple[float, ...]:
    """Lengths of channels as written; others are compared with them by ratio."""
    found = tuple(float(length) for length in written)
    for length in found:
        if not 0.0 < length < math.inf:
            raise ValueError(f"channel length {length:g} m")
    return found


def _size_memories(model: CapacitanceModel, tensors: Mapping[str, Tensor]) -> None:
    """Give the memories as many rows as the file holds."""
    for memory_name in ("coupling_memory", "existence_memory", "load_memory"):
        memory = getattr(model, memory_name)
        for table in ("exact", "structural"):
            rows = [len(tensors[f"model.{memory_name}.{table}_{part}"]) for part in ("keys", "values")]
            if rows[0] != rows[1]:
                raise ValueError(f"{memory_name} has {rows[0]} {table} keys and {rows[1]} values")
            setattr(memory, f"{table}_keys", torch.empty(rows[0], dtype=torch.int64, device="meta"))
            setattr(memory, f"{table}_values", torch.empty(rows[1], device="meta"))


def _size_trees(model: CapacitanceModel, tensors: Mapping[str, Tensor]) -> None:
    """Give the trees as many nodes as the file holds."""
    for name, trees in (("coupling_trees", model.coupling_trees), ("load_trees", model.load_trees)):
        for table, own in trees.named_buffers():
            rows = len(tensors[f"model.{name}.{table}"])
            setattr(trees, table, torch.empty(rows, dtype=own.dtype, device="meta"))


def _fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put a file's tensors into a module that was laid out on the meta device."""
    expected = module.state_dict()
    for name in sorted(expected.keys() ^ tensors.keys()):
        raise ValueError(f"tensor {name} is {'missing' if name in expected else 'not expected'}")
    for name, tensor in tensors.items():
        own = expected[name]
        if tensor.shape != own.shape or tensor.dtype != own.dtype:
            raise ValueError(
                f"tensor {name} is {tensor.dtype} {list(tensor.shape)}; "
                f"expected {own.dtype} {list(own.shape)}"
            )
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"tensor {name} holds numbers that are not finite")
    module.load_state_dict(tensors, assign=True)


def _inputs() -> dict[str, Any]:
    """Version, names and units of everything models read of a circuit."""
    encodings = [f"{feature.name} [{feature.unit}]" for feature in pair_encoding_schema()]
    return {**feature_schema(), "pair_encoding": encodings}


def _write(folder: Path, header: Mapping[str, Any], module: nn.Module) -> None:
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    temporary = folder / f".{TENSOR_FILE}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary)
        temporary.replace(folder / TENSOR_FILE)
    except (OSError, SafetensorError) as error:
        raise DataError(f"cannot write a checkpoint into {folder}: {error}") from None
    complete = {"format": FORMAT_VERSION, "features": _inputs(), **header}
    write_atomically(folder / HEADER_FILE, json.dumps(complete, indent=2) + "\n")


def _read(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    path = folder / HEADER_FILE
    place = SourceLocation(str(path), 0)
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(
            f"there is no checkpoint {str(folder)!r}; expected a folder that holds {HEADER_FILE}"
            + (", or the name 'bundled'" if kind == "model" else "")
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"not a readable checkpoint header: {error}", location=place) from None
    if not isinstance(header, dict) or header.get("kind") != kind:
        found = header.get("kind") if isinstance(header, dict) else type(header).__name__
        raise CheckpointError(
            f"found {found!r}, expected the header of a checkpoint of kind {kind!r}", location=place
        )
    if header.get("format") != FORMAT_VERSION:
        raise CheckpointError(
            f"checkpoint of format {header.get('format')}, this program has {FORMAT_VERSION}; {TRAIN_AGAIN}",
            location=place,
        )
    if (found := header.get("features")) != _inputs():
        version = found.get("version") if isinstance(found, dict) else None
        raise CheckpointError(
            f"trained with feature schema {version}, this program has {SCHEMA_VERSION}"
            f"{'' if version != SCHEMA_VERSION else ' with other features'}; {TRAIN_AGAIN}",
            location=place,
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
