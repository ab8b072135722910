"""Finetuning: capacitance models from labelled designs, and their calibration to a technology."""

from circuitgcl.finetuning.calibration import CalibrateConfig, calibrate
from circuitgcl.finetuning.running import finetune
from circuitgcl.finetuning.training import FinetuneConfig

__all__ = ["CalibrateConfig", "FinetuneConfig", "calibrate", "finetune"]
