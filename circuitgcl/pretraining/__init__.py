"""Pretraining: encoders from unlabelled netlists."""

from circuitgcl.pretraining.config import PretrainConfig, ScatteringPreset, preset_config
from circuitgcl.pretraining.running import pretrain

__all__ = ["PretrainConfig", "ScatteringPreset", "preset_config", "pretrain"]
