"""Small hierarchies whose flat form is known by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from circuitgcl.errors import NetlistError
from circuitgcl.netlist import FlatCircuit, Netlist, choose_top
from circuitgcl.schema import DeviceType

FlattenDeck = Callable[..., FlatCircuit]


def pins(circuit: FlatCircuit) -> dict[str, list[str]]:
    """Nets of every device in pin order, by flat names."""
    names = circuit.net_names()
    offsets = circuit.pin_offset
    return {
        device: [names[net] for net in circuit.pin_net[offsets[row] : offsets[row + 1]]]
        for row, device in enumerate(circuit.device_names())
    }


def sizes(circuit: FlatCircuit, column: str) -> dict[str, float]:
    values = getattr(circuit.table, column)[circuit.device_card].tolist()
    return dict(zip(circuit.device_names(), values, strict=True))


BUFFER = """* a buffer of two inverters, child after parent
.subckt buf A Y vdd vss
Xi1 A mid vdd vss inv
Xi2 mid Y vdd vss inv wn=2u
Cl Y vss 2f
.ends
.subckt inv a y vdd vss wn=1u
Mn y a vss vss nch w=wn l=60n
Mp y a vdd vdd pch w='2*wn' l=60n
.ends
"""


def test_names_pins_and_sizes(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(BUFFER)
    assert circuit.name == "buf"
    assert pins(circuit) == {
        "Cl": ["Y", "vss"],
        "Xi1/Mn": ["mid", "A", "vss", "vss"],
        "Xi1/Mp": ["mid", "A", "vdd", "vdd"],
        "Xi2/Mn": ["Y", "mid", "vss", "vss"],
        "Xi2/Mp": ["Y", "mid", "vdd", "vdd"],
    }
    assert sizes(circuit, "width_m") == {
        "Cl": pytest.approx(math.nan, nan_ok=True),
        "Xi1/Mn": 1e-6,
        "Xi1/Mp": 2e-6,
        "Xi2/Mn": 2e-6,
        "Xi2/Mp": 4e-6,
    }
    assert sizes(circuit, "value")["Cl"] == 2e-15
    assert circuit.net_names() == ["A", "Y", "vdd", "vss", "mid"]
    assert circuit.instance_paths == ["", "Xi1", "Xi2"]
    assert [DeviceType(kind).name for kind in circuit.table.device_type[circuit.device_card]] == [
        "CAPACITOR",
        "NMOS",
        "PMOS",
        "NMOS",
        "PMOS",
    ]
    assert (circuit.device_count, circuit.net_count, circuit.pin_count) == (5, 5, 18)


def test_one_definition_under_two_parameter_sets(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(BUFFER)
    assert [definition.name for definition in circuit.definitions] == ["inv", "inv", "buf"]
    equal = flatten_deck(BUFFER.replace("wn=2u", "wn='0.5u*2'"))
    assert [definition.name for definition in equal.definitions] == ["inv", "buf"]


def test_terminal_tables_and_positions(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(BUFFER)
    a, y, vdd, vss, mid = range(5)
    assert circuit.terminal_offset.tolist() == [0, 5, 9, 13]
    assert circuit.terminal_net.tolist() == [a, y, vdd, vss, mid, a, mid, vdd, vss, mid, y, vdd, vss]
    assert circuit.instance_parent.tolist() == [-1, 0, 0]
    assert circuit.instance_child.tolist() == [-1, 0, 1]
    assert circuit.device_instance.tolist() == [0, 1, 1, 2, 2]
    assert circuit.pin_device.tolist() == [0, 0, *[1] * 4, *[2] * 4, *[3] * 4, *[4] * 4]
    assert circuit.pin_position.tolist() == [0, 1, *[0, 1, 2, 3] * 4]
    assert circuit.net_names([4, 0]) == ["mid", "A"]
    assert circuit.device_names([4]) == ["Xi2/Mp"]


def test_nets_inside_instances_carry_their_path(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
        .subckt leaf A
        R1 a In 1k
        R2 in b[0] 1k
        .ends
        .subckt mid a
        X<1> a leaf
        Rm a loc 1
        .ends
        Xt N1 mid
        Xu n1 leaf
        """
    )
    assert pins(circuit) == {
        "Xt/Rm": ["N1", "Xt/loc"],
        "Xt/X<1>/R1": ["N1", "Xt/X<1>/In"],
        "Xt/X<1>/R2": ["Xt/X<1>/In", "Xt/X<1>/b[0]"],
        "Xu/R1": ["N1", "Xu/In"],
        "Xu/R2": ["Xu/In", "Xu/b[0]"],
    }


def test_parameters_pass_through_levels(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
        .param unit=1u
        .func double(x) {2*x}
        .subckt leaf a w=unit l='w/10' k=1
        .param eff='w*k'
        M1 a a a a nch w='double(eff)' l=l
        .ends
        .subckt mid a w=5u
        X1 a leaf w=w k=2
        X2 a leaf
        .ends
        X1 n mid
        X2 n mid w='3*unit'
        """
    )
    assert sizes(circuit, "width_m") == pytest.approx(
        {"X1/X1/M1": 20e-6, "X1/X2/M1": 2e-6, "X2/X1/M1": 12e-6, "X2/X2/M1": 2e-6}
    )
    assert sizes(circuit, "length_m") == pytest.approx(
        {"X1/X1/M1": 0.5e-6, "X1/X2/M1": 0.1e-6, "X2/X1/M1": 0.3e-6, "X2/X2/M1": 0.1e-6}
    )


def test_multipliers_multiply_through_levels(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
        .subckt leaf a
        M1 a a a a nch w=1u l=1u m=2 nf=3
        R1 a 0 1k
        .ends
        .subckt own a m=1
        M1 a a a a nch w=1u l=1u m=m
        .ends
        .subckt mid a
        X1 a leaf m=3
        X2 a own m=4
        .ends
        X1 n mid m='2+3'
        """
    )
    assert sizes(circuit, "multiplier") == {"X1/X1/M1": 30.0, "X1/X1/R1": 15.0, "X1/X2/M1": 20.0}
    assert sizes(circuit, "fingers")["X1/X1/M1"] == 3.0


def test_global_nets_and_ground_are_one_net_each(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
        .global VDD
        .subckt leaf a
        R1 a vdd 1
        R2 a 0 1
        R3 a GND 1
        R4 a local 1
        .ends
        .subckt mid a
        X1 a leaf
        .ends
        X1 n mid
        R1 n Vdd 1
        R2 n gnd 1
        """
    )
    assert pins(circuit) == {
        "R1": ["n", "VDD"],
        "R2": ["n", "gnd"],
        "X1/X1/R1": ["n", "VDD"],
        "X1/X1/R2": ["n", "gnd"],
        "X1/X1/R3": ["n", "gnd"],
        "X1/X1/R4": ["n", "X1/X1/local"],
    }


def test_a_port_hides_a_global_net_of_its_name(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
        .global vdd
        .subckt leaf a
        R1 a vdd 1
        .ends
        .subckt mid vdd gnd
        R1 vdd gnd 1
        R2 vdd 0 1
        X1 vdd leaf
        .ends
        X1 n m mid
        """
    )
    assert pins(circuit) == {"X1/R1": ["n", "m"], "X1/R2": ["n", "0"], "X1/X1/R1": ["n", "vdd"]}


def test_ports_of_the_top_are_its_global_nets(flatten_deck: FlattenDeck) -> None:
    text = """* t
        .global vdd
        .subckt leaf a
        R1 a vdd 1
        R2 a 0 1
        .ends
        .subckt top VDD gnd
        X1 n leaf
        .ends
        """
    circuit = flatten_deck(text)
    assert circuit.name == "top"
    assert pins(circuit) == {"X1/R1": ["n", "VDD"], "X1/R2": ["n", "gnd"]}
    assert circuit.net_count == 3


def test_portless_subcircuits(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.subckt cell\nR1 a b 1\n.ends\nX1 cell\nX2 cell\n")
    assert pins(circuit) == {"X1/R1": ["X1/a", "X1/b"], "X2/R1": ["X2/a", "X2/b"]}


def test_empty_cells_take_part_without_devices(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.subckt fill a b\n.ends\nX1 n m fill\nR1 n k 1\n")
    assert circuit.net_names() == ["n", "m", "k"]
    assert circuit.instance_paths == ["", "X1"]


def test_a_repeated_port_is_one_net(flatten_deck: FlattenDeck) -> None:
    cell = "* t\n.subckt cell a vdd VDD\nR1 a vdd 1\n.ends\n"
    assert pins(flatten_deck(cell + "X1 n p p cell\n")) == {"X1/R1": ["n", "p"]}
    assert pins(flatten_deck(cell + "X1 n p cell\n")) == {"X1/R1": ["n", "p"]}
    with pytest.raises(
        NetlistError, match=r"deck\.sp:5: X1 ties port VDD, .* lists twice, to two different nets"
    ):
        flatten_deck(cell + "X1 n p q cell\n")


def test_a_local_model_outranks_the_model_name(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
        .model xg pmos
        .subckt cell a
        .model pfoo nmos
        M1 a a a a pfoo w=1u l=1u
        M2 a a a a xg w=1u l=1u
        .ends
        X1 n cell
        """
    )
    kinds = circuit.table.device_type[circuit.device_card]
    assert [DeviceType(kind).name for kind in kinds] == ["NMOS", "PMOS"]


def test_process_kit_instances_are_devices(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
        X1 d g s b sky130_fd_pr__nfet_01v8 w=2 l=0.15 nf=2 mult=3 ad='int((nf+1)/2) * W/nf * 0.29'
        X2 a b sky130_fd_pr__cap_mim_m3_1 w=10 l=5
        """
    )
    table = circuit.table
    assert pins(circuit)["X1"] == ["d", "g", "s", "b"]
    assert table.model_names == ("sky130_fd_pr__nfet_01v8", "sky130_fd_pr__cap_mim_m3_1")
    assert table.width_m.tolist() == pytest.approx([2e-6, 10e-6])
    assert table.length_m.tolist() == pytest.approx([0.15e-6, 5e-6])
    assert table.area_m2[0] == pytest.approx(0.29e-12)
    assert (table.fingers[0], table.multiplier[0]) == (2.0, 3.0)
    assert "2 device cards give lengths of 1 mm or more; taken to be in micrometres" in circuit.warnings[-1]


def test_one_card_in_micrometres_is_one(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\nX1 a b sky130_fd_pr__cap_mim_m3_1 w=10 l=5\n")
    assert ": 1 device card gives lengths of 1 mm or more" in circuit.warnings[-1]


def test_a_process_kit_cell_of_its_own_name_is_the_device(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.subckt cap_vpp c0 c1\nX1 c0 c1 cap_vpp\n.ends\n")
    assert pins(circuit) == {"X1": ["c0", "c1"]}


def test_sizes_of_every_kind(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
        M1 d g s b nch w=1u l=60n ad=1p as=2p pd=3u ps=4u nf=0
        R1 a b 2k w=1u l=10u
        C1 a b c=3f
        L1 a b 1n length=20u
        D1 a b dio area=2p pj=6u
        Q1 c b e npn
        V1 a 0 1
        """
    )
    table = circuit.table
    assert table.area_m2[0] == 3e-12
    assert table.perimeter_m[0] == 7e-6
    assert table.fingers[0] == 1.0
    assert (table.value[1], table.width_m[1], table.length_m[1]) == (2000.0, 1e-6, 10e-6)
    assert table.value[2] == 3e-15
    assert (table.value[3], table.length_m[3]) == (1e-9, 20e-6)
    assert (table.area_m2[4], table.perimeter_m[4]) == (2e-12, 6e-6)
    assert np.isnan(table.value[[0, 4, 5, 6]]).all()
    assert table.pins.tolist() == [4, 2, 2, 2, 2, 3, 2]


def test_the_scale_option_applies_to_drawn_sizes(flatten_deck: FlattenDeck) -> None:
    table = flatten_deck("* t\n.option scale=0.01u\nM1 d g s b nch w=100 l=6 ad=50\nR1 a b 5\n").table
    assert (table.width_m[0], table.length_m[0]) == pytest.approx((1e-6, 60e-9))
    assert table.area_m2[0] == pytest.approx(50e-16)
    assert table.value[1] == 5.0


def test_a_parameter_nobody_uses_is_reported_and_does_not_split_the_definition(
    flatten_deck: FlattenDeck,
) -> None:
    circuit = flatten_deck(
        "* t\n.subckt cell a\nR1 a 0 'r0'\n.ends\nX1 n cell r0=5 wx=1\nX2 n cell r0=5 wx=2\nX3 n cell r0=6\n"
    )
    assert sizes(circuit, "value") == {"X1/R1": 5.0, "X2/R1": 5.0, "X3/R1": 6.0}
    assert len(circuit.definitions) == 3
    assert [w.split(": ", 1)[1] for w in circuit.warnings] == [
        "X1 sets wx, which subcircuit cell does not use"
    ]


A, B = ".subckt a x\nR1 x 0 1\n.ends\n", ".subckt b x\nR1 x 0 1\nR2 x 0 1\n.ends\n"


@pytest.mark.parametrize(
    ("text", "top", "warned"),
    [
        (A + "X1 n a\n", "deck", False),
        (A, "a", False),
        (A + ".subckt c\nX1 n a\n.ends\n", "c", False),
        (A + B, "b", True),
        (A + B + ".subckt Deck x\n.ends\n", "Deck", True),
        (".subckt p x\nX1 x q\n.ends\n.subckt q x\nX1 x p\nR1 x 0 1\n.ends\n", "p", True),
    ],
)
def test_choice_of_the_top(read_deck: Callable[[str], Netlist], text: str, top: str, warned: bool) -> None:
    chosen, warnings = choose_top(read_deck("* t\n" + text))
    assert chosen.name == top
    assert bool(warnings) is warned


def test_a_named_top(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(BUFFER, "INV")
    assert circuit.name == "inv"
    assert circuit.net_names() == ["a", "y", "vdd", "vss"]
    assert sizes(circuit, "width_m") == {"Mn": 1e-6, "Mp": 2e-6}


def test_many_levels(flatten_deck: FlattenDeck) -> None:
    cells = "\n".join(f".subckt c{n} a\nX1 a c{n + 1}\n.ends" for n in range(190))
    circuit = flatten_deck(f"* t\n{cells}\n.subckt c190 a\nR1 a b 1\n.ends\nX0 n c0\n")
    assert circuit.device_names() == ["X0/" + "X1/" * 190 + "R1"]
    assert pins(circuit)["X0/" + "X1/" * 190 + "R1"][0] == "n"


def test_skipped_cards_and_warnings_travel_along(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.tran 1n 1u\nR1 a b 1\n.lib x.lib\n")
    assert [card.kind for card in circuit.skipped_cards] == [".tran", "missing .lib x.lib"]
    assert len(circuit.warnings) == 1


def test_a_parameter_that_only_a_function_uses_is_passed(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
        .func width(n) {n*unit}
        .subckt cell a
        M1 a a a a nch w='width(2)' l=60n
        .ends
        X1 n cell unit=1u
        X2 n cell unit=2u
        """
    )
    assert circuit.table.width_m[circuit.device_card].tolist() == [2e-6, 4e-6]


def test_instances_whose_names_lack_the_x(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
        .subckt DAC1 clk a b c d vdd
        R1 clk a 1
        C1 b c 1f
        R2 d vdd 1
        .ends
        .subckt CAP1 a b
        C1 a b 1f
        .ends
        dac1a ck n1 n2 n3 n4 vdd DAC1
        input1 ck n1 n2 n3 n4 vdd DAC1
        cap1 n1 n2 CAP1
        C5 n1 n2 mim w=1u l=1u
        V1 ck 0 dc vhigh ac vsmall
        C6 n1 n2 poly c0 c1 c2
        D1 n1 n2 dmod area off
        .subckt Wrapper a b c
        R1 a b 1
        R2 b c 1
        .ends
        w1 n1 n2 n3 WRAPPER
        input_resp n1 n2 n3 wrapper
        """
    )
    assert sorted(pins(circuit)) == sorted(
        [
            "C5",
            "C6",
            "D1",
            "V1",
            "cap1/C1",
            *(f"{name}/{device}" for name in ("input_resp", "w1") for device in ("R1", "R2")),
            *(f"{name}/{device}" for name in ("dac1a", "input1") for device in ("C1", "R1", "R2")),
        ]
    )
