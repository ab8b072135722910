"""Evaluation: estimates against extraction, by the strict protocol."""

from circuitgcl.evaluation.evaluating import EvaluateConfig, evaluate, evaluate_all

__all__ = ["EvaluateConfig", "evaluate", "evaluate_all"]
