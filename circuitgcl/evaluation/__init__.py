"""Evaluation: estimates against extraction, by the strict protocol."""

from circuitgcl.evaluation.evaluating import evaluate, evaluate_all

__all__ = ["evaluate", "evaluate_all"]
