"""Evaluation: estimates against extraction, by the strict protocol."""

from circuitgcl.evaluation.comparing import Comparison, compare
from circuitgcl.evaluation.evaluating import EvaluateConfig, evaluate, evaluate_all
from circuitgcl.evaluation.pair_scores import pair_scores

__all__ = ["Comparison", "EvaluateConfig", "compare", "evaluate", "evaluate_all", "pair_scores"]
