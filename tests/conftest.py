"""What tests of several rooms share: a tiny untrained model, and calls of the program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from circuitgcl.models.contribution_trees import ContributionTrees

TINY_NETLIST = """* ring of two inverters behind a pass gate
.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=0.4u l=0.05u
mn y a gnd gnd nmos w=0.2u l=0.05u
.ends
.subckt latch d en q vdd gnd
mpass d en s gnd nmos w=0.2u l=0.05u
xfwd s qb vdd gnd inv
xout qb q vdd gnd inv
xback q s vdd gnd inv
.ends
"""


TWO_INVERTERS = """* two inverters in a row; `b` is the net between them
.subckt inv a y vdd gnd
mp y a vdd vdd pmos w=0.4u l=0.05u
mn y a gnd gnd nmos w=0.2u l=0.05u
.ends
.subckt pair a c vdd gnd
x1 a b vdd gnd inv
x2 b c vdd gnd inv
.ends
"""


@pytest.fixture
def two_inverters(tmp_path: Path) -> Path:
    """A netlist whose top is `pair`."""
    path = tmp_path / "pair.sp"
    path.write_text(TWO_INVERTERS)
    return path


@pytest.fixture(scope="session")
def tiny_netlist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("netlist") / "latch.sp"
    path.write_text(TINY_NETLIST)
    return path


@pytest.fixture(scope="session")
def tiny_model(tiny_netlist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model: random weights, fitted scales, a memory of one context of the tiny netlist."""
    import numpy as np
    import torch

    from circuitgcl.data.tensors import design_tensors
    from circuitgcl.finetuning.training import fit_scales
    from circuitgcl.graph import build_graph
    from circuitgcl.models.capacitance import CapacitanceModel, ModelConfig
    from circuitgcl.models.checkpoint import ModelCheckpoint, save_model
    from circuitgcl.models.encoder import EncoderConfig
    from circuitgcl.models.error_law import ErrorLaw
    from circuitgcl.models.memory import ContextMemory, Source
    from circuitgcl.netlist import flatten, read_netlist

    design = design_tensors(build_graph(flatten(read_netlist(tiny_netlist))))
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = CapacitanceModel(ModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=16)).eval()
        fit_scales(model, [design])
    keys = np.unique(design.context_exact.numpy())[:1]
    nothing = np.zeros(0, np.int64), np.zeros(0, np.float32)
    model.coupling_memory = ContextMemory.from_arrays(keys, np.zeros(1, np.float32), *nothing, salt=3)
    checkpoint = ModelCheckpoint(
        name="tiny",
        version="0.1",
        model=model,
        coupling_error=ErrorLaw(len(Source) + 1, spread_decades=0.3),
        load_error=ErrorLaw(len(Source), spread_decades=0.2),
        trained_on=("latch",),
        metrics={"coupling_network": {"n": 1}},
    )
    folder = tmp_path_factory.mktemp("model")
    save_model(checkpoint, folder)
    return folder


@pytest.fixture(scope="session")
def said_by() -> Callable[..., ContributionTrees]:
    """Trees whose members say the given natural logarithms, one each, of everything."""
    import torch

    from circuitgcl.models.contribution_trees import ContributionTrees

    def build(*values: float) -> ContributionTrees:
        trees, numbers = ContributionTrees(), torch.arange(len(values))
        trees.column, trees.threshold = torch.zeros_like(numbers), torch.zeros(len(values))
        trees.below = trees.above = trees.root = trees.member = numbers
        trees.value = torch.tensor(values)
        return trees

    return build


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a call of the program left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """The program's entry point with the given arguments, in this process."""
    from circuitgcl.cli.main import run

    def invoke(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["circuitgcl", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            run()
        captured = capsys.readouterr()
        return Outcome(code=int(stop.value.code or 0), out=captured.out, err=captured.err)

    return invoke


@pytest.fixture
def refuse(call: Callable[..., Outcome]) -> Callable[..., str]:
    """A call that must fail as bad input: exit code 2, one line on standard error, nothing else written."""

    def invoke(*arguments: object, folder: Path | None = None) -> str:
        before = sorted(folder.rglob("*")) if folder else []
        outcome = call(*arguments)
        assert outcome.code == 2, outcome
        assert outcome.out == ""
        assert outcome.err.endswith("\n")
        assert outcome.err.count("\n") == 1, outcome.err
        assert "Traceback" not in outcome.err
        if folder:
            assert sorted(folder.rglob("*")) == before
        return outcome.err.rstrip("\n")

    return invoke
