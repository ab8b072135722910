"""Estimation: a trained model applied to bare netlists."""

from circuitgcl.estimation.estimator import Bound, Estimate, EstimateConfig, Estimator, GraphConfig
from circuitgcl.estimation.predicting import Prediction, Predictor
from circuitgcl.estimation.priors import Prior

__all__ = [
    "Bound",
    "Estimate",
    "EstimateConfig",
    "Estimator",
    "GraphConfig",
    "Prediction",
    "Predictor",
    "Prior",
]
