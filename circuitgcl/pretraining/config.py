"""Settings of pretraining, and the two presets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from circuitgcl.config import load_config, name_choices
from circuitgcl.errors import ConfigError
from circuitgcl.models.convolutions import LayerKind
from circuitgcl.models.encoder import Activation, EncoderConfig


class ScatteringPreset(StrEnum):
    """Which scattering objective to use."""

    DEFAULT = "default"
    PUBLISHED = "published"


class Precision(StrEnum):
    """Arithmetic of a training step."""

    SINGLE = "32-true"
    BF16 = "bf16-mixed"
    FP16 = "16-mixed"  # CUDA only


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Settings of a pretraining run."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    preset: ScatteringPreset = ScatteringPreset.DEFAULT
    max_epochs: int = 20
    patience: int | None = 10  # epochs without a better objective after which the run ends
    seed: int = 0
    learning_rate: float = 1e-3  # of the online encoder and its predictor
    scattering_rate: float = 1e-3  # of the target encoder
    momentum: float = 0.99  # m of the exponential moving average
    hops: int = 2  # k of the topology constraint
    temperature: float = 2.0  # t of the uniformity term
    uniformity_weight: float = 1.0
    decorrelation_weight: float = 0.1
    masked_weight: float = 0.0  # auxiliary: masked device parameters and net statistics
    mask_share: float = 0.15  # of the nets and devices
    distance_weight: float = 0.0  # auxiliary: devices between two nets, from their embeddings
    membership_weight: float = 0.0  # auxiliary: nodes of one subcircuit lie together
    sample: int = 512  # nodes of each type per step: uniformity compares all pairs
    # how much the copies of a structure count: 1 as often as they occur, 0 every structure once
    repetition: float = 0.0
    by_type: bool = True  # scatter nets, devices and pins each over the sphere, not all of them together
    quotient: bool = (
        True  # encode structural classes, each as often as it has members; the same losses, sooner
    )
    precision: Precision = Precision.SINGLE
    tensorboard: bool = False

    def __post_init__(self) -> None:
        """Refuse values no run can be made with.

        Raises:
            ConfigError: which setting, and what is expected.
        """
        name_choices(self)
        for name, low in (("max_epochs", 1), ("sample", 2), ("hops", 0), ("patience", 1)):
            value = getattr(self, name)
            if value is not None and value < low:
                raise ConfigError(f"{name} = {value}; expected at least {low}")
        for name in ("momentum", "mask_share", "repetition"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} = {getattr(self, name)}; expected a number from 0 to 1")
        for name in _NON_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} = {getattr(self, name)}; expected a number of at least 0")
        if not self.temperature > 0:
            raise ConfigError(f"temperature = {self.temperature}; expected a number above 0")


_NON_NEGATIVE = (
    *("learning_rate", "scattering_rate", "uniformity_weight", "decorrelation_weight"),
    *("masked_weight", "distance_weight", "membership_weight"),
)


def preset_config(preset: ScatteringPreset, **changes: Any) -> PretrainConfig:
    """All settings of a preset, some of them changed.

    `published` is the setting of arXiv 2507.06535: four ClusterGCN layers of width 256 with tanh and dropout
    0.3, no residual, the centre term alone, learning rates 1e-6 and 2e-7, 800 epochs, every node counted as
    often as it occurs. It differs from the paper's release where that is broken or cannot be had here:

    - the input are named circuit statistics, device parameters and pin roles, not the raw columns of the
      published graphs; rails are recognised, not typed in, and cut in message passing;
    - every relation has weights of its own, and every layer and node type a normalisation of its own, where
      one batch normalisation (and one activation) object serves all layers of the release;
    - scales and encoder see the training circuits only, not the test designs;
    - one design is a step, encoded whole on its structural classes: the same losses as on the full graph,
      without neighbour sampling;
    - the kept encoder is that of the epoch with the best objective on fixed nodes, not the last one.
    """
    if preset is ScatteringPreset.DEFAULT:
        return PretrainConfig(**changes)
    published = PretrainConfig(
        encoder=EncoderConfig(
            width=256,
            layers=4,
            dropout=0.3,
            kind=LayerKind.CLUSTER_GCN,
            activation=Activation.TANH,
            residual=False,
        ),
        preset=ScatteringPreset.PUBLISHED,
        max_epochs=800,
        patience=None,
        learning_rate=1e-6,
        scattering_rate=2e-7,
        uniformity_weight=0.0,
        decorrelation_weight=0.0,
        repetition=1.0,
        by_type=False,
    )
    return replace(published, **changes)


def load_pretrain_config(path: str | Path | None = None, settings: Iterable[str] = ()) -> PretrainConfig:
    """Settings of the preset that a TOML file or `key=value` settings name, overruled by the others in them.

    Raises:
        ConfigError: as `circuitgcl.config.load_config`.
    """
    words = tuple(settings)
    preset = load_config(PretrainConfig, path, words).preset
    return load_config(PretrainConfig, path, words, base=preset_config(preset))
