"""Designs, labels and splits; the torch-free front of training."""

from circuitgcl.data.designs import Design, DesignFiles, load_design, read_manifest
from circuitgcl.data.labels import Labels, label_nets

__all__ = ["Design", "DesignFiles", "Labels", "label_nets", "load_design", "read_manifest"]
