"""Pretraining: encoders from unlabelled netlists."""

from circuitgcl.pretraining.running import pretrain
from circuitgcl.pretraining.scattering import PretrainConfig, ScatteringPreset

__all__ = ["PretrainConfig", "ScatteringPreset", "pretrain"]
