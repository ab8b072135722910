"""The capacitance model: symmetric, additive over contexts, and overruled by what it remembers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from circuitgcl.data.labels import Ground
from circuitgcl.data.tensors import DesignTensors, design_tensors
from circuitgcl.graph import build_graph
from circuitgcl.graph.pair_encodings import PairStructure
from circuitgcl.models.capacitance import (
    CapacitanceModel,
    ContextOutputs,
    CouplingOutputs,
    LoadOutputs,
    ModelConfig,
    log_sum_by,
    symmetric,
)
from circuitgcl.models.encoder import EncoderConfig
from circuitgcl.models.memory import ContextMemory, Source
from circuitgcl.models.scaling import CLASS_COUNT, FLOOR_FF, TargetScale
from circuitgcl.netlist import flatten, read_netlist

ARRAY = """* two by three bits
.subckt bit bl br wl vdd gnd
ma bl wl q gnd nmos w=0.2u l=0.05u
mb q nq gnd gnd nmos w=0.3u l=0.05u
mc q nq vdd vdd pmos w=0.1u l=0.05u
md nq q gnd gnd nmos w=0.3u l=0.05u
me nq q vdd vdd pmos w=0.1u l=0.05u
mf br wl nq gnd nmos w=0.2u l=0.05u
.ends
.subckt array bl_0 br_0 bl_1 br_1 wl_0 wl_1 wl_2 vdd gnd
xbit_r0_c0 bl_0 br_0 wl_0 vdd gnd bit
xbit_r1_c0 bl_0 br_0 wl_1 vdd gnd bit
xbit_r2_c0 bl_0 br_0 wl_2 vdd gnd bit
xbit_r0_c1 bl_1 br_1 wl_0 vdd gnd bit
xbit_r1_c1 bl_1 br_1 wl_1 vdd gnd bit
xbit_r2_c1 bl_1 br_1 wl_2 vdd gnd bit
.ends
"""
SINGLE_NET = "* load\n.subckt load a vdd gnd\nr1 a gnd 1k\nr2 a vdd 2k\n.ends\n"


def tensors(folder: Path, text: str = ARRAY) -> tuple[DesignTensors, dict[str, int]]:
    path = folder / "deck.sp"
    path.write_text(text)
    graph = build_graph(flatten(read_netlist(path)))
    return design_tensors(graph), {name: k for k, name in enumerate(graph.circuit.net_names())}


@pytest.fixture
def design(tmp_path: Path) -> DesignTensors:
    return tensors(tmp_path)[0]


@pytest.fixture
def model() -> CapacitanceModel:
    torch.manual_seed(0)
    config = ModelConfig(encoder=EncoderConfig(width=8, layers=2), hidden=16, dropout=0.0)
    return CapacitanceModel(config).eval()


def outputs_of(model: CapacitanceModel, design: DesignTensors) -> ContextOutputs:
    return model.contexts(design, model.embed(design))


def coupling_of(model: CapacitanceModel, design: DesignTensors) -> CouplingOutputs:
    return model.coupling(design, outputs_of(model, design))


def load_of(model: CapacitanceModel, design: DesignTensors) -> LoadOutputs:
    embedding = model.embed(design)
    return model.load(design, embedding, model.contexts(design, embedding))


def renumbered(design: DesignTensors, order: Tensor) -> DesignTensors:
    """The same circuit with net `order[k]` in row k; pairs keep their rows."""
    place = torch.argsort(order)
    hetero = design.hetero.clone()
    hetero["net"].x = hetero["net"].x[order]
    edges = hetero["pin", "on", "net"].edge_index
    hetero["pin", "on", "net"].edge_index = torch.stack([edges[0], place[edges[1]]])
    return replace(
        design,
        hetero=hetero,
        net_features=design.net_features[order],
        signal=design.signal[order],
        played_net=place[design.played_net],
        occurrence_net=place[design.occurrence_net],
        pair=place[design.pair].sort(dim=1).values,
    )


class TestShapes:
    def test_one_number_per_context_pair_and_net(
        self, model: CapacitanceModel, design: DesignTensors
    ) -> None:
        outputs, coupling, load = (
            outputs_of(model, design),
            coupling_of(model, design),
            load_of(model, design),
        )
        contexts, terminals = len(design.context_exact), len(design.terminal_exact)
        assert outputs.weight.shape == outputs.hazard.shape == (contexts,)
        assert outputs.load.shape == (terminals,)
        pairs, nets = len(design.pair), len(design.net_features)
        assert coupling.farad_log.shape == coupling.existence.shape == coupling.source.shape == (pairs,)
        assert load.farad_log.shape == load.source.shape == (nets,)
        assert load.class_logits.shape == (nets, CLASS_COUNT)

    @pytest.mark.parametrize(
        "text", [SINGLE_NET, "* one\n.subckt one a gnd\nm1 a a gnd gnd nmos w=1u l=1u\n.ends\n"]
    )
    def test_a_circuit_without_any_pair(self, model: CapacitanceModel, tmp_path: Path, text: str) -> None:
        lonely, row = tensors(tmp_path, text)
        assert len(lonely.pair) == 0
        assert coupling_of(model, lonely).farad_log.shape == (0,)
        load = load_of(model, lonely)
        assert load.farad_log.isfinite().all()
        assert load.class_logits.isfinite().all()
        assert load.farad_log[row["a"]] > np.log(1e-9)  # a net with pins has a load


class TestSymmetry:
    def test_of_the_combination(self) -> None:
        a, b = torch.randn(5, 3), torch.randn(5, 3)
        assert torch.equal(symmetric(a, b), symmetric(b, a))
        assert symmetric(a, b).shape == (5, 6)
        assert not torch.allclose(symmetric(a, b), symmetric(a, -b))

    def test_sides_of_a_context(self, model: CapacitanceModel, design: DesignTensors) -> None:
        here = coupling_of(model, design)
        there = coupling_of(model, replace(design, context_side=design.context_side.flip(1)))
        assert torch.equal(here.farad_log, there.farad_log)
        assert torch.equal(here.existence, there.existence)

    def test_numbering_of_the_nets(self, model: CapacitanceModel, design: DesignTensors) -> None:
        order = torch.randperm(len(design.net_features), generator=torch.Generator().manual_seed(2))
        other = renumbered(design, order)
        assert not torch.equal(other.occurrence_net, design.occurrence_net)
        torch.testing.assert_close(coupling_of(model, other).farad_log, coupling_of(model, design).farad_log)
        torch.testing.assert_close(coupling_of(model, other).existence, coupling_of(model, design).existence)
        here, there = load_of(model, design), load_of(model, other)
        torch.testing.assert_close(there.farad_log, here.farad_log[order])
        torch.testing.assert_close(there.class_logits, here.class_logits[order])

    def test_of_distant_pairs(self, model: CapacitanceModel, design: DesignTensors) -> None:
        signal = design.signal.nonzero().squeeze(1).numpy()
        pair = np.stack([signal[:-1], signal[1:]], axis=1)
        structure = PairStructure(design.graph)
        forward = model.distant(design, torch.from_numpy(structure.encode(pair)))
        assert forward.shape == (len(pair),)
        assert torch.equal(forward, model.distant(design, torch.from_numpy(structure.encode(pair[:, ::-1]))))
        assert forward.isfinite().all()


class TestAdditivity:
    """Of what the networks learn; `TestFloor` has what an estimate adds to it."""

    @pytest.fixture(autouse=True)
    def learning(self, model: CapacitanceModel) -> None:
        model.train()

    def doubled(self, design: DesignTensors, pair: int) -> DesignTensors:
        own = (design.occurrence_pair == pair).nonzero().squeeze(1)
        rows = torch.cat([torch.arange(len(design.occurrence_pair)), own])
        return replace(
            design,
            occurrence_pair=design.occurrence_pair[rows],
            occurrence_context=design.occurrence_context[rows],
            context_count=design.context_count[rows],
        )

    def test_twice_the_contexts_twice_the_coupling(
        self, model: CapacitanceModel, design: DesignTensors
    ) -> None:
        here, there = coupling_of(model, design), coupling_of(model, self.doubled(design, 4))
        gain = (there.farad_log - here.farad_log).exp()
        expected = torch.ones(len(design.pair))
        expected[4] = 2.0
        torch.testing.assert_close(gain, expected, rtol=1e-4, atol=1e-4)

    def test_twice_the_contexts_twice_the_hazard(
        self, model: CapacitanceModel, design: DesignTensors
    ) -> None:
        here, there = coupling_of(model, design), coupling_of(model, self.doubled(design, 4))
        assert 1 - there.existence[4].item() == pytest.approx((1 - here.existence[4].item()) ** 2, rel=1e-3)

    def test_a_bit_line_grows_with_its_rows(self, model: CapacitanceModel, tmp_path: Path) -> None:
        """bl and br of one column meet inside every bit of it, three times here."""
        array, row = tensors(tmp_path)
        a, b = sorted((row["bl_0"], row["br_0"]))
        pair = int(((array.pair == torch.tensor([a, b])).all(dim=1)).nonzero())
        own = array.occurrence_context[array.occurrence_pair == pair]
        counts = torch.bincount(own)
        assert 3 in counts.tolist()
        outputs = outputs_of(model, array)
        by_hand = (outputs.weight[own].exp()).sum().log()
        torch.testing.assert_close(
            model.coupling(array, outputs).farad_log[pair], by_hand, rtol=1e-5, atol=1e-5
        )

    def test_load_is_a_sum_over_terminals(self, model: CapacitanceModel, tmp_path: Path) -> None:
        array, row = tensors(tmp_path)
        outputs, load = outputs_of(model, array), load_of(model, array)
        own = array.occurrence_terminal[array.occurrence_net == row["wl_1"]]
        by_hand = outputs.load[own].exp().sum().log()
        torch.testing.assert_close(load.farad_log[row["wl_1"]], by_hand, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize(
        ("ground", "share"), [(Ground.EQUIVALENT, 1.0), (Ground.EXTRACTOR, 0.0)], ids=str
    )
    def test_what_a_net_couples_to_a_rail_is_load(
        self, model: CapacitanceModel, tmp_path: Path, ground: Ground, share: float
    ) -> None:
        """The word line of the last bit is tied to ground: its q has what the others couple to theirs."""
        model.config = replace(model.config, ground=ground)
        array, row = tensors(
            tmp_path, ARRAY.replace("bl_1 br_1 wl_2 vdd gnd bit", "bl_1 br_1 gnd vdd gnd bit")
        )
        outputs = outputs_of(model, array)
        q, wl = row["xbit_r0_c1/q"], row["wl_0"]
        pair = (array.pair == torch.tensor(sorted((q, wl)))).all(dim=1).nonzero().item()
        inside = array.context_features[array.occurrence_context, 0] > 0
        context = array.occurrence_context[(array.occurrence_pair == pair) & inside].item()
        outputs = replace(
            outputs,
            weight=torch.full_like(outputs.weight, -30.0).index_fill(0, torch.tensor(context), np.log(0.7)),
            hazard=torch.full_like(outputs.hazard, np.log(2.0)),
        )
        load = model.load(array, model.embed(array), outputs).farad_log.exp()
        tied = model.tied_load(array, outputs)
        likely = 1 - np.exp(-2.0)
        expected = {"xbit_r0_c1/q": 0.0, "xbit_r2_c1/q": share * 0.7 * likely}
        assert {name: tied[row[name]].item() for name in expected} == pytest.approx(expected, rel=1e-4)
        extra = load[row["xbit_r2_c1/q"]] - load[row["xbit_r0_c1/q"]]
        assert extra.item() == pytest.approx(expected["xbit_r2_c1/q"], abs=1e-5)

    def test_log_sum(self) -> None:
        values = torch.log(torch.tensor([1.0, 2.0, 5.0]))
        total = log_sum_by(torch.tensor([0, 0, 2]), values, 3)
        assert total[0].item() == pytest.approx(np.log(3.0), rel=1e-6)
        assert total[2].item() == pytest.approx(np.log(5.0), rel=1e-6)
        assert total[1] < -20  # nothing there, yet finite


class TestFloor:
    """Estimates are given that there is a coupling, hence a label, at all."""

    def test_what_is_not_remembered_lies_above_it(
        self, model: CapacitanceModel, design: DesignTensors
    ) -> None:
        estimate = coupling_of(model, design).farad_log
        learned = coupling_of(model.train(), design).farad_log
        torch.testing.assert_close(estimate.exp(), learned.exp() + FLOOR_FF)

    def test_what_is_remembered_stays(self, model: CapacitanceModel, design: DesignTensors) -> None:
        count = len(design.context_exact)
        model.coupling_memory = ContextMemory.from_arrays(
            design.context_exact.numpy(),
            np.full(count, -9.0, np.float32),
            np.zeros(0, np.int64),
            np.zeros(0, np.float32),
            salt=4,
        )
        estimate = coupling_of(model, design).farad_log
        assert torch.equal(estimate, coupling_of(model.train(), design).farad_log)
        assert (estimate.exp() < FLOOR_FF).any()


class TestClasses:
    """As long as the head corrects nothing."""

    def test_the_likeliest_class_is_that_of_the_load(
        self, model: CapacitanceModel, design: DesignTensors
    ) -> None:
        scale = TargetScale.named(model.config.target_scale)
        farad = np.logspace(-19, -12, 200)
        said = torch.from_numpy(np.log(farad / 1e-15)).float()
        logits = model.class_logits(design, model.embed(design), said, torch.zeros(200, dtype=torch.long))
        assert np.array_equal(logits.argmax(dim=1).numpy(), scale.classes(farad))

    def test_probabilities_are_those_of_a_normal_law(
        self, model: CapacitanceModel, design: DesignTensors
    ) -> None:
        with torch.no_grad():
            model.class_noise_log.fill_(np.log(0.5))
        said = model.class_cuts[1:2] + 0.25  # half a deviation above the limit of classes 1 and 2
        logits = model.class_logits(design, model.embed(design), said, torch.zeros(1, dtype=torch.long))
        above = norm.cdf(0.5)
        assert logits.softmax(dim=1)[0].tolist() == pytest.approx([0, 1 - above, above, 0, 0], abs=1e-4)


class TestExistence:
    def test_is_a_probability(self, model: CapacitanceModel, design: DesignTensors) -> None:
        existence = coupling_of(model, design).existence
        assert (existence > 0).all()
        assert (existence < 1).all()

    def test_rises_with_the_hazard(self, model: CapacitanceModel, design: DesignTensors) -> None:
        outputs = outputs_of(model, design)
        found = [
            model.coupling(design, replace(outputs, hazard=torch.full_like(outputs.hazard, level))).existence
            for level in (-6.0, -4.0, -2.0, 0.0)
        ]
        for lower, higher in itertools.pairwise(found):
            assert (higher > lower).all()

    def test_hand_value(self, model: CapacitanceModel, design: DesignTensors) -> None:
        outputs = outputs_of(model, design)
        counts = torch.bincount(design.occurrence_pair, minlength=len(design.pair))
        half = replace(outputs, hazard=torch.full_like(outputs.hazard, np.log(0.5)))
        expected = 1 - torch.exp(-0.5 * counts)
        torch.testing.assert_close(model.coupling(design, half).existence, expected)


class TestMemory:
    def remembering(
        self, design: DesignTensors, exact: dict[int, float], structural: dict[int, float]
    ) -> ContextMemory:
        return ContextMemory.from_arrays(
            design.context_exact[list(exact)].numpy(),
            np.array(list(exact.values()), np.float32),
            design.context_structural[list(structural)].numpy(),
            np.array(list(structural.values()), np.float32),
            salt=99,
        )

    def test_a_remembered_context_overrules_the_network(
        self, model: CapacitanceModel, design: DesignTensors
    ) -> None:
        row = 0
        before = coupling_of(model, design)
        model.coupling_memory = self.remembering(design, {row: 3.0}, {})
        after = coupling_of(model, design)
        holds = torch.zeros(len(design.pair), dtype=torch.bool)
        same = design.context_exact == design.context_exact[row]
        holds[design.occurrence_pair[same[design.occurrence_context]]] = True
        assert torch.equal(after.farad_log[~holds], before.farad_log[~holds])
        assert (after.source[~holds] == Source.NETWORK).all()
        # e^3 fF dwarfs what an untrained network gives
        assert (after.source[holds] == Source.MEMORY).all()
        assert (after.farad_log[holds] > 2.99).all()

    def test_only_exact_contexts(self, model: CapacitanceModel, design: DesignTensors) -> None:
        values = dict.fromkeys(range(len(design.context_exact)), -1.5)
        model.coupling_memory = self.remembering(design, values, {})
        counts = torch.bincount(design.occurrence_pair, minlength=len(design.pair))
        torch.testing.assert_close(
            coupling_of(model, design).farad_log, torch.log(counts * np.exp(-1.5)).float()
        )

    def test_a_known_structure_shifts_the_network(
        self, model: CapacitanceModel, design: DesignTensors
    ) -> None:
        model.train()
        before = coupling_of(model, design).farad_log
        everywhere = dict.fromkeys(range(len(design.context_structural)), 0.7)
        model.coupling_memory = self.remembering(design, {}, everywhere)
        after = coupling_of(model, design)
        torch.testing.assert_close(after.farad_log, before + 0.7, rtol=1e-4, atol=1e-4)
        assert (after.source == Source.CLASS).all()

    def test_the_exact_comes_first(self, model: CapacitanceModel, design: DesignTensors) -> None:
        everything = dict.fromkeys(range(len(design.context_exact)), 0.0)
        shifted = dict.fromkeys(range(len(design.context_structural)), 5.0)
        model.coupling_memory = self.remembering(design, everything, shifted)
        found = coupling_of(model, design)
        assert (found.source == Source.MEMORY).all()
        counts = torch.bincount(design.occurrence_pair, minlength=len(design.pair))
        torch.testing.assert_close(found.farad_log, torch.log(counts.float()), rtol=1e-5, atol=1e-5)

    def test_another_design_gains_nothing_from_foreign_keys(
        self, model: CapacitanceModel, design: DesignTensors
    ) -> None:
        before = coupling_of(model, design)
        foreign = replace(
            design, context_exact=design.context_exact ^ 1, context_structural=design.context_structural ^ 1
        )
        values = dict.fromkeys(range(len(design.context_exact)), 2.0)
        model.coupling_memory = self.remembering(foreign, values, values)
        assert torch.equal(coupling_of(model, design).farad_log, before.farad_log)

    def test_of_loads(self, model: CapacitanceModel, design: DesignTensors) -> None:
        count = len(design.terminal_exact)
        model.load_memory = ContextMemory.from_arrays(
            design.terminal_exact.numpy(),
            np.full(count, -0.5, np.float32),
            np.zeros(0, np.int64),
            np.zeros(0, np.float32),
            salt=1,
        )
        load = load_of(model, design)
        joined = torch.bincount(design.occurrence_net, minlength=len(design.net_features))
        signal = design.signal
        expected = torch.log(joined[signal] * np.exp(-0.5)).float()
        torch.testing.assert_close(load.farad_log[signal], expected, rtol=1e-5, atol=1e-5)
        assert (load.source[signal] == Source.MEMORY).all()
        assert (load.source[~signal] == Source.NETWORK).all()  # rails have no load of their own

    def test_of_existence(self, model: CapacitanceModel, design: DesignTensors) -> None:
        values = dict.fromkeys(range(len(design.context_exact)), float(np.log(0.25)))
        model.existence_memory = self.remembering(design, values, {})
        counts = torch.bincount(design.occurrence_pair, minlength=len(design.pair))
        torch.testing.assert_close(coupling_of(model, design).existence, 1 - torch.exp(-0.25 * counts))


def test_gradient_reaches_heads_and_encoder(model: CapacitanceModel, design: DesignTensors) -> None:
    model.train()
    torch.nn.init.normal_(model.class_head[-1].weight)  # corrects nothing at first
    embedding = model.embed(design)
    outputs = model.contexts(design, embedding)
    load = model.load(design, embedding, outputs)
    coupling = model.coupling(design, outputs)
    near_a_limit = (model.class_cuts[1] + 0.05).expand(len(design.net_features))
    classes = model.class_logits(design, embedding, near_a_limit)
    loss = coupling.farad_log.sum() + coupling.existence.sum() + load.farad_log.sum() + classes[:, 2].sum()
    loss.backward()
    silent = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
        and not name.startswith("encoder.")
        and (parameter.grad is None or not parameter.grad.abs().sum() > 0)
    ]
    assert silent == []
    first = next(model.encoder.parameters()).grad
    assert first is not None
    assert first.abs().sum() > 0


def test_loads_ignore_what_couples(model: CapacitanceModel, design: DesignTensors) -> None:
    """No coupling label, candidate or distant pair takes part in the estimate of a load."""
    half = len(design.pair) // 2
    kept = design.occurrence_pair < half
    fewer = replace(
        design,
        pair=design.pair[:half],
        occurrence_pair=design.occurrence_pair[kept],
        occurrence_context=design.occurrence_context[kept],
    )
    assert torch.equal(load_of(model, fewer).farad_log, load_of(model, design).farad_log)
