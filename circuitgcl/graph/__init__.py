"""Circuit graphs: rails, features, fingerprints, and the contexts where two nets meet."""

from circuitgcl.graph.building import CircuitGraph, build_graph
from circuitgcl.graph.endpoint_names import net_numbers
from circuitgcl.graph.rails import RailKind, recognise_rails

__all__ = ["CircuitGraph", "RailKind", "build_graph", "net_numbers", "recognise_rails"]
