"""The public graph files of CircuitGCL, CircuitGPS, RCG and ParasGB.

A file holds a `HeteroData`, or a list whose first item is one: node types `net` (x [N, 17], y [N, 1]),
`device` (x [D, 16]) and `pin` (x [P, 1], y [P, 1]), relations `(device, device-net, net)`,
`(device, device-pin, pin)`, `(pin, pin-net, net)`, and the targets `cc_n2n`, `cc_p2n` and `cc_p2p` with y in
farad. There are no names; rails are known by number.

Such files are pickles. Only tensors and PyTorch Geometric's storage classes are let through; anything else in
a file is refused before it is made.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data import storage as storages
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.feature_store import AttrView, TensorAttr
from torch_geometric.data.graph_store import EdgeAttr, EdgeLayout

from circuitgcl.data.dataset import TARGET_RELATIONS
from circuitgcl.data.labels import Ground
from circuitgcl.errors import DataError, SourceLocation

RAILS = (0, 1)
RAILS_BY_DESIGN = {  # of the published designs, by what stands in the file's name
    "ssram": (0, 1, 352),
    "ultra8t": (0, 1, 377),
    "sandwich": (0, 1, 1422),
    "sp8192w": (0, 1, 2),
}
COLUMNS = {"net": 17, "device": 16, "pin": 1}

_STORAGE_CLASSES = [
    HeteroData,
    storages.BaseStorage,
    storages.NodeStorage,
    storages.EdgeStorage,
    storages.GlobalStorage,
    DataEdgeAttr,
    DataTensorAttr,
    TensorAttr,
    AttrView,
    EdgeAttr,
    EdgeLayout,
]
_TARGETS = {f"cc_{relation[1]}": relation for relation in TARGET_RELATIONS}
_TOPOLOGY = (
    ("device", "device-net", "net"),
    ("device", "device-pin", "pin"),
    ("pin", "pin-net", "net"),
)


def load_raw_graph(
    path: str | Path, *, rails: Sequence[int] | None = None, ground: Ground | str = Ground.EQUIVALENT
) -> HeteroData:
    """Read a public graph file as an item like those of `CircuitDataset`, without names.

    Coupling to a rail, or to a pin on one, is load: it moves into `net.y` and `pin.y` (`Ground.EQUIVALENT`)
    or is left out (`Ground.EXTRACTOR`, the published target). A zero in the file's y means that the extractor
    wrote no ground capacitance.

    Args:
        path: the file, of `torch.save`, in its present or its legacy form.
        rails: numbers of the rail nets; by the design's name when absent, else 0 and 1.
        ground: which capacitance `net.y` and `pin.y` hold.

    Raises:
        DataError: unreadable or cut off, anything but tensors and graph storage in it, or another layout.
    """
    path = Path(path)
    reader = _RawGraph(path, _restricted(path))
    return reader.item(_rail_numbers(path, rails, reader.nodes["net"]), Ground(ground))


def _restricted(path: Path) -> HeteroData:
    """The graph of a file; no class but those of the allow-list is ever made."""
    where = SourceLocation(str(path), 0)
    if not path.is_file():
        raise DataError(f"graph file {path} does not exist")
    try:
        with torch.serialization.safe_globals(_STORAGE_CLASSES), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about storage types of old files
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle can end in any of them
        raise DataError(
            f"is no graph file that can be read safely: {_reason(error)}", location=where
        ) from None
    if isinstance(content, (list, tuple)) and content:
        content = content[0]
    if not isinstance(content, HeteroData):
        raise DataError(
            f"holds a {type(content).__name__}; expected a HeteroData, or a list that begins with one",
            location=where,
        )
    return content


def _reason(error: Exception) -> str:
    """What is wrong with a file, without the library's advice to trust it."""
    text = " ".join(str(error).split())
    for lead in ("trusted source.", "WeightsUnpickler error:"):
        text = text.rpartition(lead)[2].strip()
    for advice in (" Please ", " Check the documentation"):
        text = text.partition(advice)[0]
    return text or type(error).__name__


def _rail_numbers(path: Path, rails: Sequence[int] | None, nets: int) -> Tensor:
    if rails is None:
        name = path.name.casefold()
        rails = next((known for design, known in RAILS_BY_DESIGN.items() if design in name), RAILS)
    if any(not 0 <= rail < nets for rail in rails):
        raise DataError(
            f"rails {list(rails)} are not all nets of the graph, which has {nets}; give their numbers",
            location=SourceLocation(str(path), 0),
        )
    return torch.tensor(sorted(set(rails)), dtype=torch.int64)


class _RawGraph:
    """A graph of the published layout, every tensor checked when it is taken."""

    def __init__(self, path: Path, data: HeteroData) -> None:
        self.path = path
        try:
            self.data: dict[Any, dict[str, Any]] = {
                **{kind: dict(data._node_store_dict[kind]._mapping) for kind in data._node_store_dict},
                **{kind: dict(data._edge_store_dict[kind]._mapping) for kind in data._edge_store_dict},
            }
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self.fault("its graph storage is damaged") from None
        self.x = {kind: self.floats(kind, "x", width) for kind, width in COLUMNS.items()}
        self.nodes = {kind: len(x) for kind, x in self.x.items()}

    def fault(self, message: str) -> DataError:
        return DataError(message, location=SourceLocation(str(self.path), 0))

    def item(self, rails: Tensor, ground: Ground) -> HeteroData:
        """The graph as an item of a data set."""
        is_rail = torch.zeros(self.nodes["net"], dtype=torch.bool)
        is_rail[rails] = True
        topology = {relation: self.edges(relation) for relation in _TOPOLOGY}
        pin, net = topology["pin", "pin-net", "net"]
        pin_on_rail = torch.zeros(self.nodes["pin"], dtype=torch.bool)
        pin_on_rail[pin[is_rail[net]]] = True
        item = HeteroData(
            name=self.path.name.split(".")[0], technology="", family=self.path.name.split(".")[0]
        )
        for kind, x in self.x.items():
            item[kind].x = x
        item["rail"].x = torch.ones(len(rails), 1)
        item["rail"].net = rails
        device, own_pin = topology["device", "device-pin", "pin"]
        item["pin", "of", "device"].edge_index = torch.stack([own_pin, device])
        item["pin", "on", "net"].edge_index = torch.stack([pin, net])[:, ~is_rail[net]]
        tied = torch.stack([pin, torch.searchsorted(rails, net)])
        item["pin", "tied", "rail"].edge_index = tied[:, is_rail[net]]
        touches = topology["device", "device-net", "net"]
        item["device", "touches", "net"].edge_index = touches[:, ~is_rail[touches[1]]]
        self.add_targets(item, {"net": is_rail, "pin": pin_on_rail}, ground)
        return item

    def add_targets(self, item: HeteroData, on_rail: dict[str, Tensor], ground: Ground) -> None:
        """Node and edge targets; what couples to a rail is load."""
        load = {kind: self.floats(kind, "y", 1).flatten().clone() for kind in ("net", "pin")}
        for name, relation in _TARGETS.items():
            source, _, target = relation
            edges = self.edges((source, name, target))
            farad = self.floats((source, name, target), "y", None).flatten()
            if len(farad) != edges.shape[1]:
                raise self.fault(f"{name} has {edges.shape[1]} edges but {len(farad)} capacitances")
            rail_a, rail_b = on_rail[source][edges[0]], on_rail[target][edges[1]]
            if ground is Ground.EQUIVALENT:
                load[source].index_add_(0, edges[0][rail_b], farad[rail_b])
                load[target].index_add_(0, edges[1][rail_a], farad[rail_a])
            kept = ~(rail_a | rail_b)
            item[relation].edge_index, item[relation].y = edges[:, kept], farad[kept]
        for kind, farad in load.items():
            farad[on_rail[kind]] = torch.nan
            item[kind].y = farad

    def tensor(self, kind: Any, name: str) -> Tensor:
        """A plain tensor of a node type or relation.

        Raises:
            DataError: it is missing, or no dense tensor whose values the file really holds.
        """
        value = self.data.get(kind, {}).get(name)
        label = f"{kind}.{name}" if isinstance(kind, str) else f"({', '.join(kind)}).{name}"
        if type(value) is not Tensor or value.layout is not torch.strided or value.is_complex():
            found = "is missing" if value is None else f"is a {type(value).__name__}"
            raise self.fault(f"{label} {found}; expected a dense tensor, as in the public graph files")
        if (
            value.device.type != "cpu"
            or value.numel() * value.element_size() > value.untyped_storage().nbytes()
        ):
            raise self.fault(f"{label} claims {value.numel():,} values that the file does not hold")
        return value.detach()

    def floats(self, kind: Any, name: str, width: int | None) -> Tensor:
        """Finite numbers, [rows, width]; of any width, or flat, without one."""
        value = self.tensor(kind, name)
        if width is not None and value.dim() == 1 and width == 1:
            value = value[:, None]
        if value.dim() not in (1, 2) or (width is not None and value.shape[1:] != (width,)):
            raise self.fault(f"{kind}.{name} has shape {tuple(value.shape)}; expected {width} columns")
        value = value.to(torch.float32)
        if not value.isfinite().all() or (name == "y" and (value < 0).any()):
            raise self.fault(
                f"{kind}.{name} holds values that are no finite numbers, or negative capacitances"
            )
        return value

    def edges(self, relation: tuple[str, str, str]) -> Tensor:
        """[2, E] node numbers of a relation, all of them existing nodes."""
        value = self.tensor(relation, "edge_index")
        if value.dim() != 2 or len(value) != 2 or value.is_floating_point():
            raise self.fault(
                f"{relation[1]} has edges of shape {tuple(value.shape)}; expected two rows of numbers"
            )
        for ends, kind in zip(value, (relation[0], relation[2]), strict=True):
            if ends.numel() and (int(ends.min()) < 0 or int(ends.max()) >= self.nodes[kind]):
                raise self.fault(f"{relation[1]} joins a {kind} beyond the {self.nodes[kind]} there are")
        return value.to(torch.int64)
