"""Finetuning: capacitance models from labelled designs, and their calibration to a technology.

The pair model is the alternative for comparisons, and the one that knows pins: `fit_pair_model` trains it on
`pair_labels` (nets), `pin_labels` (pin-level extractions) or `raw_labels` (public graph files), and
`circuitgcl.evaluation.pair_scores` scores it on the same rows of other designs.
"""

from circuitgcl.finetuning.calibration import CalibrateConfig, calibrate
from circuitgcl.finetuning.pair_rows import pair_labels, pin_labels
from circuitgcl.finetuning.pair_training import PairTrainingConfig, fit_pair_model
from circuitgcl.finetuning.raw_pairs import raw_labels
from circuitgcl.finetuning.running import finetune
from circuitgcl.finetuning.training import FinetuneConfig

__all__ = [
    "CalibrateConfig",
    "FinetuneConfig",
    "PairTrainingConfig",
    "calibrate",
    "finetune",
    "fit_pair_model",
    "pair_labels",
    "pin_labels",
    "raw_labels",
]
