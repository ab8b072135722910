"""Designs, labels, data sets on disk and splits; the torch-free front of training."""

from circuitgcl.data.building import BuiltDataSet, build_data_set
from circuitgcl.data.designs import Design, DesignFiles, load_design, read_manifest
from circuitgcl.data.folders import list_designs, open_design, read_data_set
from circuitgcl.data.labels import Ground, Labels, label_nets
from circuitgcl.data.pin_labels import PinLabels, label_pins
from circuitgcl.data.synthetic import SyntheticDesign, synthetic_array

__all__ = [
    "BuiltDataSet",
    "Design",
    "DesignFiles",
    "Ground",
    "Labels",
    "PinLabels",
    "SyntheticDesign",
    "build_data_set",
    "label_nets",
    "label_pins",
    "list_designs",
    "load_design",
    "open_design",
    "read_data_set",
    "read_manifest",
    "synthetic_array",
]
