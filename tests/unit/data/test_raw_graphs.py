"""Public graph files: what they hold comes out, and nothing in them is ever executed."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import HeteroData

from circuitgcl.data.labels import Ground
from circuitgcl.data.raw_graphs import load_raw_graph
from circuitgcl.errors import DataError

NETS, DEVICES = 6, 3


def raw_graph() -> HeteroData:
    """Three transistors of three pins on six nets, of which 0 and 1 are rails; farads are powers of two."""
    data = HeteroData()
    data["net"].x, data["net"].y = (
        torch.rand(NETS, 17),
        torch.tensor([[0.0], [0.0], [1.0], [2.0], [0.0], [4.0]]),
    )
    data["device"].x, data["device"].y = torch.rand(DEVICES, 16), torch.zeros(DEVICES, 1)
    data["pin"].x = torch.tensor([0.0, 1.0, 2.0] * DEVICES)[:, None]
    data["pin"].y = torch.full((3 * DEVICES, 1), 8.0)
    pin_net = torch.tensor([2, 3, 0, 2, 4, 1, 5, 2, 3])
    device = torch.arange(DEVICES).repeat_interleave(3)
    pin = torch.arange(3 * DEVICES)
    data["device", "device-net", "net"].edge_index = torch.stack([device, pin_net])
    data["device", "device-pin", "pin"].edge_index = torch.stack([device, pin])
    data["pin", "pin-net", "net"].edge_index = torch.stack([pin, pin_net])
    for (source, name, target), pairs, farad in (
        (("net", "cc_n2n", "net"), [[2, 3], [2, 0], [1, 5], [4, 5]], [16.0, 32.0, 64.0, 128.0]),
        (("pin", "cc_p2n", "net"), [[0, 3], [1, 1], [2, 4]], [256.0, 512.0, 1024.0]),  # pin 2 is on rail 0
        (("pin", "cc_p2p", "pin"), [[0, 1], [2, 6]], [2048.0, 4096.0]),
    ):
        data[source, name, target].edge_index = torch.tensor(pairs).T
        data[source, name, target].y = torch.tensor(farad)[:, None]
    return data


Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(content: Any, name: str = "graph.pt", **options: Any) -> Path:
        torch.save(content, tmp_path / name, **options)
        return tmp_path / name

    return write


@pytest.mark.parametrize("wrapped", [lambda data: data, lambda data: [data], lambda data: (data, None)])
@pytest.mark.parametrize("zipped", [True, False])
def test_contents(wrapped: Callable[[Any], Any], zipped: bool, save: Save):
    data = raw_graph()
    item = load_raw_graph(save(wrapped(data), _use_new_zipfile_serialization=zipped))
    for kind in ("net", "device", "pin"):
        assert torch.equal(item[kind].x, data[kind].x)
    assert item["rail"].net.tolist() == [0, 1]
    assert item["pin", "of", "device"].edge_index.tolist() == [list(range(9)), [0, 0, 0, 1, 1, 1, 2, 2, 2]]
    assert item["pin", "on", "net"].edge_index.tolist() == [[0, 1, 3, 4, 6, 7, 8], [2, 3, 2, 4, 5, 2, 3]]
    assert item["pin", "tied", "rail"].edge_index.tolist() == [[2, 5], [0, 1]]
    assert item["net", "n2n", "net"].edge_index.tolist() == [[2, 4], [3, 5]]
    assert item["net", "n2n", "net"].y.tolist() == [16.0, 128.0]
    assert item["pin", "p2n", "net"].edge_index.tolist() == [[0], [3]]
    assert item["pin", "p2p", "pin"].y.tolist() == [2048.0]
    # coupling to a rail, or to a pin on one, is load
    assert item["net"].y[2:].tolist() == [1 + 32.0, 2.0, 1024.0, 4 + 64.0]
    assert item["net"].y[:2].isnan().all()
    assert item["pin"].y[[0, 1, 6]].tolist() == [8.0, 8 + 512.0, 8 + 4096.0]
    assert item["pin"].y[[2, 5]].isnan().all()
    assert item.validate()


def test_published_target(save: Save):
    item = load_raw_graph(save(raw_graph()), ground=Ground.EXTRACTOR)
    assert item["net"].y[2:].tolist() == [1.0, 2.0, 0.0, 4.0]
    assert item["pin"].y[0] == 8.0


def test_rails(save: Save):
    item = load_raw_graph(save(raw_graph()), rails=[0, 1, 4])
    assert item["rail"].net.tolist() == [0, 1, 4]
    assert item["net", "n2n", "net"].y.tolist() == [16.0]
    with pytest.raises(DataError, match=r"rails \[0, 1, 352\] are not all nets of the graph, which has 6"):
        load_raw_graph(save(raw_graph(), "ssram_raw.pt"))
    with pytest.raises(DataError, match=r"rails \[-1\]"):
        load_raw_graph(save(raw_graph()), rails=[-1])


class Shell:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


class Evaluated(Shell):
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"open({str(self.target)!r}, 'w')",)


class Imported(Shell):
    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, ("text", "upper")


class Scripted(Shell):
    def __reduce__(self) -> tuple[Any, ...]:
        return torch.hub.load_state_dict_from_url, ("file:///nowhere",)


@pytest.mark.parametrize("kind", [Shell, Evaluated, Imported, Scripted])
@pytest.mark.parametrize("place", ["alone", "list", "attribute", "store"])
@pytest.mark.parametrize("zipped", [True, False])
def test_hostile_pickles_are_refused(kind: type[Shell], place: str, zipped: bool, save: Save, tmp_path: Path):
    hostile: Any = kind(tmp_path / "harm")
    data = raw_graph()
    if place == "list":
        hostile = [data, hostile]
    elif place == "attribute":
        data.extra = hostile
        hostile = data
    elif place == "store":
        data["net"].extra = hostile
        hostile = data
    path = save(hostile, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=r"graph\.pt: is no graph file that can be read safely") as caught:
        load_raw_graph(path)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)  # no advice to trust it
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "code",
    [
        b"cos\nsystem\n(S'touch harm'\ntR.",
        b"cbuiltins\nexec\n(S'1'\ntR.",
        b"ctorch.jit\nload\n(S'x'\ntR.",
        b"ctorch._utils\n_rebuild_wrapper_subclass\n(tR.",
        b"ctorch_geometric.data.hetero_data\nimport_module\n(S'os'\ntR.",
        b"\x80\x02ctorch_geometric.data.storage\nweakref\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    ],
)
def test_pickles_by_hand(code: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    bare = tmp_path / "bare.pt"
    bare.write_bytes(code)
    zipped = tmp_path / "zipped.pt"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a/data.pkl", code)
        archive.writestr("a/version", b"3\n")
    for path in (bare, zipped):
        with pytest.raises(DataError, match="is no graph file that can be read safely"):
            load_raw_graph(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torchscript_is_refused(tmp_path: Path):
    class Module(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    path = tmp_path / "script.pt"
    torch.jit.trace(Module(), torch.ones(1)).save(str(path))
    with pytest.raises(DataError, match="read safely"):
        load_raw_graph(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_cut_off_files(zipped: bool, save: Save):
    path = save(raw_graph(), _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    for size in (0, 1, 10, len(content) // 2, len(content) - 30):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match=r"graph\.pt"):
            load_raw_graph(path)


def test_damaged_pickles_end_in_one_error_or_a_graph(save: Save):
    buffer = io.BytesIO()
    torch.save(raw_graph(), buffer, _use_new_zipfile_serialization=False)
    content = buffer.getvalue()
    path = save(raw_graph())
    generator = torch.Generator().manual_seed(1)
    for _ in range(150):
        broken = bytearray(content)
        for place in torch.randint(len(content), (3,), generator=generator).tolist():
            broken[place] = int(torch.randint(256, (1,), generator=generator))
        path.write_bytes(broken)
        try:
            load_raw_graph(path)
        except DataError as error:
            lines = str(error).count("\n")
        else:
            lines = 0
        assert lines == 0


def test_missing_file(tmp_path: Path):
    with pytest.raises(DataError, match=r"graph file .*x\.pt does not exist"):
        load_raw_graph(tmp_path / "x.pt")


def changed(change: Callable[[HeteroData], object]) -> HeteroData:
    data = raw_graph()
    change(data)
    return data


def _set(kind: Any, name: str, value: Any) -> Callable[[HeteroData], object]:
    return lambda data: setattr(data[kind], name, value)


N2N = ("net", "cc_n2n", "net")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (3, "holds a int; expected a HeteroData"),
        ([], "holds a list; expected"),
        ({"net": 1}, "holds a dict; expected"),
        (HeteroData(), r"net\.x is missing"),
        (changed(_set("net", "x", torch.rand(NETS, 5))), r"net\.x has shape \(6, 5\); expected 17 columns"),
        (changed(_set("net", "x", "text")), r"net\.x is a str; expected a dense tensor"),
        (changed(_set("net", "x", torch.rand(NETS, 17).to_sparse())), "dense tensor"),
        (changed(_set("net", "x", torch.rand(1, 17).expand(10**9, 17))), "claims 17,000,000,000 values"),
        (changed(_set("net", "x", torch.full((NETS, 17), torch.nan))), "no finite numbers"),
        (changed(_set("pin", "y", -torch.ones(9, 1))), "negative capacitances"),
        (changed(_set(N2N, "y", torch.ones(3, 1))), "4 edges but 3 capacitances"),
        (changed(_set(N2N, "edge_index", torch.tensor([[2], [6]]))), "joins a net beyond the 6"),
        (changed(_set(N2N, "edge_index", torch.tensor([[-1], [2]]))), "joins a net beyond the 6"),
        (changed(_set(N2N, "edge_index", torch.tensor([[0.0], [2.0]]))), "two rows of numbers"),
        (changed(_set(N2N, "edge_index", torch.tensor([1, 2]))), "two rows of numbers"),
        (
            changed(lambda data: data._edge_store_dict.pop(N2N)),
            r"\(net, cc_n2n, net\)\.edge_index is missing",
        ),
    ],
)
def test_other_layouts(content: Any, message: str, save: Save):
    with pytest.raises(DataError, match=message):
        load_raw_graph(save(content))


def test_plain_pickles_are_refused(tmp_path: Path):
    path = tmp_path / "x.pt"
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(DataError):
        load_raw_graph(path)
