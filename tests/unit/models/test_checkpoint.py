"""Checkpoints: bit-exact round trips, and no file that can do more than be refused."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor

from circuitgcl.errors import CheckpointError, DataError
from circuitgcl.finetuning.tree_fitting import tensor_trees
from circuitgcl.models.capacitance import COUPLING_TREE_INPUTS, LOAD_TREE_INPUTS
from circuitgcl.models.checkpoint import (
    HEADER_FILE,
    TENSOR_FILE,
    EncoderCheckpoint,
    load_encoder,
    load_model,
    save_encoder,
    save_model,
)
from circuitgcl.models.encoder import CircuitEncoder, EncoderConfig


@pytest.fixture
def damaged(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model to spoil."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.fixture
def with_trees(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model whose contexts and terminals are estimated by trees."""
    checkpoint = load_model(tiny_model)
    draw = np.random.default_rng(0)
    for name, columns in (("coupling_trees", COUPLING_TREE_INPUTS), ("load_trees", LOAD_TREE_INPUTS)):
        inputs = draw.normal(size=(60, columns)).astype(np.float32)
        regressor = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5).fit(inputs, inputs[:, 0])
        setattr(checkpoint.model, name, tensor_trees(regressor, 0).joined(tensor_trees(regressor, 1)))
    save_model(replace(checkpoint, channel_lengths_m=(5e-8, 3.5e-7)), tmp_path / "with_trees")
    return tmp_path / "with_trees"


def edit_header(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / HEADER_FILE
    header = json.loads(path.read_text())
    edit(header)
    path.write_text(json.dumps(header))


def edit_tensors(folder: Path, edit: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(folder / TENSOR_FILE)
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    edit(tensors)
    save_file(tensors, folder / TENSOR_FILE)


def state(folder: Path) -> dict[str, Tensor]:
    checkpoint = load_model(folder)
    parts = {"model": checkpoint.model, "coupling": checkpoint.coupling_error, "load": checkpoint.load_error}
    return {f"{part}.{k}": v for part, module in parts.items() for k, v in module.state_dict().items()}


def test_round_trip_is_bit_exact(tiny_model: Path, tmp_path: Path):
    first = load_model(tiny_model)
    save_model(first, tmp_path / "again")
    assert (tmp_path / "again" / TENSOR_FILE).read_bytes() == (tiny_model / TENSOR_FILE).read_bytes()
    assert (tmp_path / "again" / HEADER_FILE).read_bytes() == (tiny_model / HEADER_FILE).read_bytes()
    before, after = state(tiny_model), state(tmp_path / "again")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name])
        assert tensor.dtype == after[name].dtype


def test_round_trip_of_trees_is_bit_exact(with_trees: Path, tmp_path: Path):
    first = load_model(with_trees)
    assert first.channel_lengths_m == (5e-8, 3.5e-7)
    assert first.model.coupling_trees.members == first.model.load_trees.members == 2
    save_model(first, tmp_path / "again")
    assert (tmp_path / "again" / TENSOR_FILE).read_bytes() == (with_trees / TENSOR_FILE).read_bytes()
    assert (tmp_path / "again" / HEADER_FILE).read_bytes() == (with_trees / HEADER_FILE).read_bytes()
    second = load_model(tmp_path / "again").model
    inputs = torch.randn(9, COUPLING_TREE_INPUTS, generator=torch.Generator().manual_seed(0))
    assert torch.equal(second.coupling_trees(inputs), first.model.coupling_trees(inputs))


def test_loaded_model_is_ready_to_use(tiny_model: Path):
    checkpoint = load_model(tiny_model)
    assert not checkpoint.model.training
    assert all(tensor.device.type == "cpu" for tensor in state(tiny_model).values())
    assert len(checkpoint.model.coupling_memory.exact_keys) == 1
    assert (checkpoint.name, checkpoint.version, checkpoint.trained_on) == ("tiny", "0.1", ("latch",))
    assert checkpoint.metrics == {"coupling_network": {"n": 1}}
    assert checkpoint.target_scale.name == checkpoint.model.config.target_scale


def test_saving_over_a_model_replaces_it(damaged: Path):
    checkpoint = load_model(damaged)
    with torch.no_grad():
        checkpoint.load_error.quantiles += 1
    save_model(checkpoint, damaged)
    assert torch.equal(load_model(damaged).load_error.quantiles, checkpoint.load_error.quantiles)
    assert sorted(path.name for path in damaged.iterdir()) == [HEADER_FILE, TENSOR_FILE]


def test_encoder_round_trip(tmp_path: Path):
    encoder = CircuitEncoder(EncoderConfig(width=8, layers=1))
    save_encoder(EncoderCheckpoint(encoder=encoder, trained_on=("a", "b"), metrics={"rank": 1.5}), tmp_path)
    found = load_encoder(tmp_path)
    assert (found.trained_on, found.metrics, found.encoder.config) == (
        ("a", "b"),
        {"rank": 1.5},
        encoder.config,
    )
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, found.encoder.state_dict()[name])


def test_folder_that_cannot_be_written(tiny_model: Path, tmp_path: Path):
    occupied = tmp_path / "file"
    occupied.write_text("")
    with pytest.raises(DataError, match="cannot write"):
        save_model(load_model(tiny_model), occupied)


# --- hostile input ---


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", [HEADER_FILE, TENSOR_FILE])
def test_pickle_is_not_executed(name: str, damaged: Path, tmp_path: Path):
    mark = tmp_path / "executed"
    (damaged / name).write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(CheckpointError, match=name):
        load_model(damaged)
    assert not mark.exists()


def test_saved_torch_file_is_refused(damaged: Path):
    torch.save({"a": torch.zeros(1)}, damaged / TENSOR_FILE)
    with pytest.raises(CheckpointError, match="damaged tensors"):
        load_model(damaged)


@pytest.mark.parametrize("name", [HEADER_FILE, TENSOR_FILE])
@pytest.mark.parametrize("how", ["missing", "empty", "folder", "cut"])
def test_damaged_file(name: str, how: str, damaged: Path):
    path = damaged / name
    content = path.read_bytes()
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how != "missing":
        path.write_bytes(b"" if how == "empty" else content[: len(content) * 2 // 3])
    with pytest.raises(CheckpointError) as caught:
        load_model(damaged)
    assert str(damaged) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_folder(tmp_path: Path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load_model(tmp_path / "nix")
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load_model(tmp_path / "file")


def test_encoder_is_no_model(tmp_path: Path, tiny_model: Path):
    encoder = CircuitEncoder(EncoderConfig(width=8, layers=1))
    save_encoder(EncoderCheckpoint(encoder=encoder, trained_on=(), metrics={}), tmp_path)
    with pytest.raises(CheckpointError, match=r"found 'encoder', expected .* 'model'"):
        load_model(tmp_path)
    with pytest.raises(CheckpointError, match=r"found 'model', expected .* 'encoder'"):
        load_encoder(tiny_model)


HEADERS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "other format": (lambda h: h.update(format=1), "of format 1, this program has 2; train again"),
    "other features": (
        lambda h: h["features"].update(version=-1),
        "feature schema -1, this program has .* train again",
    ),
    "no config": (lambda h: h.pop("config"), "no entry 'config'"),
    "config of wrong kind": (lambda h: h.update(config=[1]), "do not belong together"),
    "unknown setting": (lambda h: h["config"].update(widht=3), "unknown configuration key widht"),
    "unknown scale": (lambda h: h["config"].update(target_scale="nix"), "unknown target scale 'nix'"),
    "wider": (lambda h: h["config"]["encoder"].update(width=16), "tensor .* expected"),
    "absurdly wide": (lambda h: h["config"].update(hidden=10**6), "expected"),
    "absurdly deep": (lambda h: h["config"]["encoder"].update(layers=10**12), "encoder layers"),
    "deeper": (lambda h: h["config"]["encoder"].update(layers=3), "is missing"),
    "negative": (lambda h: h["config"].update(hidden=-1), "do not belong together"),
    "designs of wrong kind": (lambda h: h.update(trained_on=7), "do not belong together"),
    "no channel lengths": (lambda h: h.pop("channel_lengths_m"), "no entry 'channel_lengths_m'"),
    "channel of no length": (lambda h: h.update(channel_lengths_m=[1e-7, 0.0]), "channel length 0 m"),
    "endless channel": (lambda h: h.update(channel_lengths_m=[float("nan")]), "channel length nan m"),
    "channel length of wrong kind": (lambda h: h.update(channel_lengths_m=["x"]), "do not belong together"),
    "metrics of wrong kind": (lambda h: h.update(metrics=[1]), "do not belong together"),
}


def check_refused(folder: Path, reason: str) -> None:
    """One line, located in the header, refuses the model of a folder."""
    with pytest.raises(CheckpointError, match=reason) as caught:
        load_model(folder)
    assert str(caught.value).startswith(str(folder / HEADER_FILE))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", HEADERS)
def test_header_that_lies(case: str, damaged: Path):
    edit, reason = HEADERS[case]
    edit_header(damaged, edit)
    check_refused(damaged, reason)


@pytest.mark.parametrize("text", ["[]", "null", '"model"', "{}", "[" * 100_000])
def test_header_that_is_no_object(text: str, damaged: Path):
    (damaged / HEADER_FILE).write_text(text)
    with pytest.raises(CheckpointError):
        load_model(damaged)


KEYS = "model.coupling_memory.exact_keys"
TENSORS: dict[str, tuple[Callable[[dict[str, Tensor]], object], str]] = {
    "missing": (lambda t: t.pop("load_error.quantiles"), "load_error.quantiles is missing"),
    "one more": (lambda t: t.update(nix=torch.zeros(1)), "tensor nix is not expected"),
    "other shape": (
        lambda t: t.update({"load_error.quantiles": torch.zeros(2, 2)}),
        "expected torch.float32",
    ),
    "other type": (
        lambda t: t.update({"load_error.quantiles": t["load_error.quantiles"].double()}),
        "is torch.float64",
    ),
    "no number": (lambda t: t["load_error.quantiles"].fill_(float("nan")), "not finite"),
    "infinite": (lambda t: t["model.net_scale.mean"].fill_(float("inf")), "not finite"),
    "keys without values": (lambda t: t.update({KEYS: torch.zeros(9, dtype=torch.int64)}), "9 exact keys"),
    "keys that are none": (lambda t: t.update({KEYS: torch.zeros(1)}), "is torch.float32"),
    "keys of no length": (lambda t: t.update({KEYS: torch.tensor(3)}), "do not belong together"),
    "no memory": (lambda t: t.pop(KEYS), KEYS),
}


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_that_do_not_fit(case: str, damaged: Path):
    edit, reason = TENSORS[case]
    edit_tensors(damaged, edit)
    with pytest.raises(CheckpointError, match=reason):
        load_model(damaged)


TREES = "model.coupling_trees"


def first_leaf(tensors: dict[str, Tensor]) -> int:
    """A leaf of the coupling trees that is no whole tree."""
    below = tensors[f"{TREES}.below"]
    return int((below == torch.arange(len(below))).nonzero()[1])


BAD_TREES: dict[str, tuple[Callable[[dict[str, Tensor]], object], str]] = {
    "cycle": (
        lambda t: [t[f"{TREES}.{side}"].__setitem__(first_leaf(t), 0) for side in ("above", "below")],
        "child is missing or stands before it",
    ),
    "child out of range": (lambda t: t[f"{TREES}.below"].__setitem__(1, 10**9), "child is missing"),
    "column out of range": (
        lambda t: t[f"{TREES}.column"].__setitem__(1, COUPLING_TREE_INPUTS),
        f"a column outside 0 to {COUPLING_TREE_INPUTS - 1}",
    ),
    "column of loads out of range": (
        lambda t: t["model.load_trees.column"].__setitem__(1, LOAD_TREE_INPUTS),
        f"a column outside 0 to {LOAD_TREE_INPUTS - 1}",
    ),
    "root out of range": (lambda t: t[f"{TREES}.root"].__setitem__(0, -1), "a root outside"),
    "absurd number of members": (lambda t: t[f"{TREES}.member"].__setitem__(0, 2**30), "a member outside"),
    "tables of two lengths": (
        lambda t: t.update({f"{TREES}.value": t[f"{TREES}.value"][:-1].clone()}),
        "differ in length",
    ),
    "thresholds that are none": (
        lambda t: t.update({f"{TREES}.threshold": t[f"{TREES}.threshold"].long()}),
        "is torch.int64",
    ),
    "endless leaf": (lambda t: t[f"{TREES}.value"].__setitem__(0, float("inf")), "not finite"),
    "tables of no length": (lambda t: t.update({f"{TREES}.root": torch.tensor(0)}), "not belong together"),
    "tables of two dimensions": (
        lambda t: t.update({f"{TREES}.root": t[f"{TREES}.root"][:, None]}),
        "expected torch.int32",
    ),
    "no trees": (lambda t: t.pop(f"{TREES}.root"), f"{TREES}.root"),
}


@pytest.mark.parametrize("case", BAD_TREES)
def test_trees_that_no_walk_may_be_trusted_with(case: str, with_trees: Path):
    edit, reason = BAD_TREES[case]
    edit_tensors(with_trees, edit)
    check_refused(with_trees, reason)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_refused_or_harmless(data: st.DataObject, tiny_model: Path, tmp_path: Path):
    """Bytes overwritten anywhere: the model loads or is refused with the one error."""
    name = data.draw(st.sampled_from([HEADER_FILE, TENSOR_FILE]))
    content = bytearray((tiny_model / name).read_bytes())
    start = data.draw(st.integers(0, min(len(content), 4000) - 1))
    content[start : start + 8] = data.draw(st.binary(min_size=1, max_size=16))
    folder = tmp_path / "spoiled"
    shutil.copytree(tiny_model, folder, dirs_exist_ok=True)
    (folder / name).write_bytes(content)
    try:
        load_model(folder)
    except CheckpointError as error:
        assert str(folder) in str(error)  # noqa: PT017
