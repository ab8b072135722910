"""Designs, labels and splits; the torch-free front of training."""

from circuitgcl.data.designs import Design, DesignFiles, load_design, read_manifest
from circuitgcl.data.labels import Labels, label_nets
from circuitgcl.data.synthetic import SyntheticDesign, synthetic_array

__all__ = [
    "Design",
    "DesignFiles",
    "Labels",
    "SyntheticDesign",
    "label_nets",
    "load_design",
    "read_manifest",
    "synthetic_array",
]
