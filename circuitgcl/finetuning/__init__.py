"""Finetuning: capacitance models from labelled designs."""

from circuitgcl.finetuning.running import finetune
from circuitgcl.finetuning.training import FinetuneConfig

__all__ = ["FinetuneConfig", "finetune"]
