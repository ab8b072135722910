"""Traps of expressions, multipliers and values."""

from __future__ import annotations

from collections.abc import Callable

from circuit_views import mos, sizes, topology, values

from circuitgcl.netlist import FlatCircuit

FlattenDeck = Callable[..., FlatCircuit]


# expressions


def test_single_quotes_with_blanks_and_braces(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.param a=2 b='a * 3' c={ a + b }\nM1 d g s b nch w='  a * 1u ' l={ 30n*a }\nR1 p q ' c / 2 '\n"
        "R2 p q {c*{a}}\n"
    )
    assert sizes(circuit) == {"M1": mos(2e-6, 60e-9), "R1": {"value": 4.0}, "R2": {"value": 16.0}}


def test_nested_functions_and_the_ternary(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
.param nf=3 w=1.5 big='w > 1 ? 5 : (w < 0 ? 1 : 2)'
R1 a b 'int((nf+1)/2) * w/nf * 0.29'
R2 a b 'max(int(sqrt(nf*3)), min(1, nf))'
R3 a b 'big'
R4 a b 'nf==3 && w>=1.5 ? (nf!=3 ? 1 : 2) : 3'
R5 a b '-2**2 + abs(-3) + pow(2,3)'
"""
    )
    assert values(circuit) == {"R1": 0.29, "R2": 3.0, "R3": 5.0, "R4": 2.0, "R5": 7.0}


def test_unquoted_param_expressions(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.param a = 2 b= a * 3 + 1 c =b/a d=max(a, b)\nR1 p q 'a'\nR2 p q 'b'\nR3 p q 'c'\nR4 p q 'd'\n"
    )
    assert values(circuit) == {"R1": 2.0, "R2": 7.0, "R3": 3.5, "R4": 7.0}


def test_blanks_round_the_equals_sign(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\nM1 d g s b nch w = 1u l= 60n m =2\nX1 p s k = 3 j= 'k + 1'\n"
        ".subckt s a k = 1 j =1\nR1 a 0 r = 'k*j'\n.ends\n.param k = 1\n"
    )
    assert sizes(circuit) == {"M1": mos(1e-6, 60e-9, multiplier=2.0), "X1/R1": {"value": 6.0}}


def test_the_keyword_params(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.subckt s a b PARAMS: k=2 j='k+1'\nR1 a b 'k*j'\n.ends\n"
        "X1 p q s\nX2 p q s params: k=5\nX3 p q s PARAMS : k=1 j=1\n"
    )
    assert values(circuit) == {"X1/R1": 6.0, "X2/R1": 30.0, "X3/R1": 1.0}


def test_functions_of_the_netlist(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.func half(x) {x/2}\n.func area(w,l) 'w*l'\n.func four() 4\n.func twice( x ) = '2*x'\n"
        "R1 a b 'half(10)'\nR2 a b {area(2,half(6))}\nR3 a b 'four()+twice(four())'\n"
        ".subckt s a\n.func half(x) 'x/20'\nR1 a 0 'half(10)'\n.ends\nX1 n s\n"
    )
    assert values(circuit) == {"R1": 5.0, "R2": 6.0, "R3": 12.0, "X1/R1": 0.5}


def test_functions_in_param_statements(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.param f(x)='x*2' g(a,b)=a+f(b) k='f(3)'\nR1 a b 'f(4)'\nR2 a b 'g(1,2)'\nR3 a b 'k'\n"
    )
    assert values(circuit) == {"R1": 8.0, "R2": 5.0, "R3": 6.0}


def test_global_parameters_inside_subcircuits(flatten_deck: FlattenDeck) -> None:
    """Also those defined behind their use; a local one hides a global one."""
    circuit = flatten_deck(
        """* t
.subckt s d
M1 d g 0 0 nch w='wg*2' l=lg
.param own='wg/3' lg2=lg
M2 d g 0 0 nch w=own l=lg2
.ends
.subckt hides d
.param wg=9u
M1 d g 0 0 nch w=wg l=lg
.ends
X1 n s
X2 n hides
.param wg=3u lg=60n
"""
    )
    assert sizes(circuit) == {
        "X1/M1": mos(6e-6, 60e-9),
        "X1/M2": mos(1e-6, 60e-9),
        "X2/M1": mos(9e-6, 60e-9),
    }


def test_parameters_override_defaults_through_levels(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
.subckt leaf d w=1u l=60n
M1 d g 0 0 nch w=w l=l
.ends
.subckt mid d w=2u k=2
X1 d leaf w='w*k'
X2 d leaf l='w/20'
.ends
.subckt top d k=3
X1 d mid
X2 d mid w=5u k=k
.ends
X1 n top
X2 n top k=4
"""
    )
    assert sizes(circuit) == {
        "X1/X1/X1/M1": mos(4e-6, 60e-9),
        "X1/X1/X2/M1": mos(1e-6, 100e-9),
        "X1/X2/X1/M1": mos(15e-6, 60e-9),
        "X1/X2/X2/M1": mos(1e-6, 250e-9),
        "X2/X1/X1/M1": mos(4e-6, 60e-9),
        "X2/X1/X2/M1": mos(1e-6, 100e-9),
        "X2/X2/X1/M1": mos(20e-6, 60e-9),
        "X2/X2/X2/M1": mos(1e-6, 250e-9),
    }


def test_a_bare_parameter_in_the_place_of_a_value(flatten_deck: FlattenDeck) -> None:
    """A model card of that name goes first, as in ngspice; without either it is an unknown model."""
    circuit = flatten_deck(
        "* t\n.param rload=2k cload=1p\n.model both r\n.param both=5\n"
        "R1 a b rload\nC1 a b cload m=2\nR2 a b both\nR3 a b nobody\n"
        ".subckt s a\nR1 a 0 rload\n.ends\nX1 n s rload=7\nX2 n s\n"
    )
    assert topology(circuit) == {
        "R1": "RESISTOR a b",
        "C1": "CAPACITOR a b",
        "R2": "RESISTOR (both) a b",
        "R3": "RESISTOR (nobody) a b",
        "X1/R1": "RESISTOR n 0",
        "X2/R1": "RESISTOR n 0",
    }
    assert values(circuit) == {"R1": 2000.0, "C1": 1e-12, "X1/R1": 7.0, "X2/R1": 2000.0}


# multipliers


def test_m_nf_and_mult_on_one_line(flatten_deck: FlattenDeck) -> None:
    """`mult` repeats `m`, as schematic editors write both; `nf` divides the width, it adds none."""
    circuit = flatten_deck(
        "* t\nM1 d g s b nch w=4u l=60n nf=2 m=3 mult=3\nM2 d g s b nch mult=2 w=4u nf=4 l=60n\n"
        ".subckt s d\nM1 d g 0 0 nch w=1u l=60n m=2\n.ends\nX1 n s m=3\n"
    )
    assert sizes(circuit) == {
        "M1": mos(4e-6, 60e-9, fingers=2.0, multiplier=3.0),
        "M2": mos(4e-6, 60e-9, fingers=4.0, multiplier=2.0),
        "X1/M1": mos(1e-6, 60e-9, multiplier=6.0),
    }


def test_process_kit_subcircuits_are_devices(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
XM1 d g s b sky130_fd_pr__nfet_01v8 L=0.15 W=1 nf=2 ad='int((nf+1)/2) * W/nf * 0.29' mult=2 m=2
XM2 d g s b nfet_03v3 w=1u l=0.28u nf=2 m=4
XM3 d g s b sg13_lv_pmos w=2u l=0.13u ng=2 m=1
XM4 d g s b nmos_rvt l=20n nfin=3
"""
    )
    assert topology(circuit) == {
        "XM1": "NMOS (sky130_fd_pr__nfet_01v8) d g s b",
        "XM2": "NMOS (nfet_03v3) d g s b",
        "XM3": "PMOS (sg13_lv_pmos) d g s b",
        "XM4": "NMOS (nmos_rvt) d g s b",
    }
    assert sizes(circuit) == {
        "XM1": mos(1e-6, 0.15e-6, fingers=2.0, multiplier=2.0, area_m2=0.145e-12),
        "XM2": mos(1e-6, 0.28e-6, fingers=2.0, multiplier=4.0),
        "XM3": mos(2e-6, 0.13e-6, fingers=2.0),
        "XM4": mos(81e-9, 20e-9),
    }


def test_process_kit_subcircuits_are_devices_even_where_defined(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
.subckt sky130_fd_pr__nfet_01v8 d g s b w=1 l=1 nf=1 mult=1
Msky130_fd_pr__nfet_01v8 d g s b sky130_fd_pr__nfet_01v8__model w=w l=l nf=nf
.model sky130_fd_pr__nfet_01v8__model nmos level=54
.ends
.subckt inv a y
XM1 y a 0 0 sky130_fd_pr__nfet_01v8 w=0.65 l=0.15 m=2
.ends
X1 p q inv m=3
"""
    )
    assert topology(circuit) == {"X1/XM1": "NMOS (sky130_fd_pr__nfet_01v8) q p 0 0"}
    assert sizes(circuit) == {"X1/XM1": mos(0.65e-6, 0.15e-6, multiplier=6.0)}


# values


def test_suffixes_of_values(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """* t
R1 a b 1Meg
R2 a b 1m
R3 a b 1M
R4 a b 1mil
R5 a b 1x
R6 a b 2.2MEGohm
C1 a b 44.84fF
C2 a b 0.543f
C3 a b 4.05e-19
C4 a b 0.0046PF
C5 a b 5a
C6 a b 5aF
L1 a b .5nH
"""
    )
    assert values(circuit) == {
        "R1": 1e6,
        "R2": 1e-3,
        "R3": 1e-3,
        "R4": 25.4e-6,
        "R5": 1e6,
        "R6": 2.2e6,
        "C1": 44.84e-15,
        "C2": 0.543e-15,
        "C3": 4.05e-19,
        "C4": 4.6e-15,
        "C5": 5e-18,
        "C6": 5e-18,
        "L1": 0.5e-9,
    }


def test_option_scale(flatten_deck: FlattenDeck) -> None:
    """Lengths scale once, areas twice, values of resistors and capacitors not at all."""
    circuit = flatten_deck(
        "* t\n.option scale=0.01u\nM1 d g s b nch w=100 l=6 ad=200 pd=204\nR1 a b 5k\nC1 a b 1f\n"
    )
    assert sizes(circuit) == {
        "M1": mos(1e-6, 60e-9, area_m2=2e-14, perimeter_m=2.04e-6),
        "R1": {"value": 5e3},
        "C1": {"value": 1e-15},
    }


def test_double_scaling(flatten_deck: FlattenDeck) -> None:
    """Magic writes millionths of a scale that the models of the kit would set."""
    circuit = flatten_deck(
        "* t\nX0 d g s b sky130_fd_pr__nfet_01v8 ad=1.386e+11p pd=1.5e+06u as=0p ps=0u w=420000u l=150000u\n"
        "X1 a b b sky130_fd_pr__res_high_po w=350000u l=2.3e+07u\nM1 d g s b nch w=2u l=60n\n"
    )
    assert sizes(circuit) == {
        "X0": mos(0.42e-6, 0.15e-6, area_m2=0.1386e-12, perimeter_m=1.5e-6),
        "X1": mos(0.35e-6, 23e-6),
        "M1": mos(2e-6, 60e-9),
    }
    (warning,) = circuit.warnings
    assert warning.endswith(
        "2 device cards give lengths of 1 mm or more; taken to be in micrometres and scaled by 1e-6"
    )


def test_option_scale_and_a_suffix_multiply(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.option scale=1u\nM1 d g s b nch w=840000u l=150000u\n")
    assert sizes(circuit) == {"M1": mos(0.84e-6, 0.15e-6)}
    assert circuit.warnings == ()


def test_a_suffix_in_the_place_of_the_point(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        "* t\n.param r=4k7\nR1 a b {r}\nR2 a b 2R2\nR3 a b '1Meg5'\nC1 a b 3n3\nR4 a b 10k\n"
    )
    assert values(circuit) == {"R1": 4700.0, "R2": 2.2, "R3": 1.5e6, "C1": 3.3e-9, "R4": 1e4}


def test_global_parameters_of_xyce(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\n.global_param k=2\n.subckt s a\nR1 a 0 {k*3}\n.ends\nX1 n s\n")
    assert values(circuit) == {"X1/R1": 6.0}


def test_positional_area_and_perimeter_of_a_diode(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck("* t\nD1 a b ndio 100e-12 40e-6 m=1\nD2 a b ndio 2\n")
    assert sizes(circuit) == {"D1": {"area_m2": 100e-12, "perimeter_m": 40e-6}, "D2": {}}


SCOPES = """* t
.param k=2
.func f(x) {x*k}
.subckt leaf p
R1 p 0 {k}
R2 p 0 {f(1)}
.ends
.subckt between p
X1 p leaf
.ends
.subckt local p
.param k=7
.subckt inner p
R1 p 0 {k}
.ends
X1 p inner
X2 p leaf
.ends
.subckt header p k=5
X1 p between
.ends
.subckt owner p k=4
R1 p 0 {k}
X1 p leaf
.ends
X1 n local
X2 n header
X3 n header k=6
X4 n leaf
X5 n owner
V1 n 0 1
"""


def test_a_body_inherits_the_parameters_of_its_caller(flatten_deck: FlattenDeck) -> None:
    """Before the global ones, through levels that do not use them; the same as in ngspice."""
    assert values(flatten_deck(SCOPES)) == {
        "X1/X1/R1": 7.0,
        **{f"X1/X2/{name}": 7.0 for name in ("R1", "R2")},
        **{f"X2/X1/X1/{name}": 5.0 for name in ("R1", "R2")},
        **{f"X3/X1/X1/{name}": 6.0 for name in ("R1", "R2")},
        **{f"X4/{name}": 2.0 for name in ("R1", "R2")},
        "X5/R1": 4.0,
        **{f"X5/X1/{name}": 4.0 for name in ("R1", "R2")},
    }


def test_spectre_inherits_where_a_subcircuit_is_defined(flatten_deck: FlattenDeck) -> None:
    circuit = flatten_deck(
        """simulator lang=spectre
parameters k=2
subckt leaf (p)
R1 (p 0) resistor r=k
ends leaf
subckt outer (p)
parameters k=7
subckt inner (p)
R1 (p 0) resistor r=k
ends inner
X1 (p) inner
X2 (p) leaf
ends outer
X1 (n) outer
"""
    )
    assert values(circuit) == {"X1/X1/R1": 7.0, "X1/X2/R1": 2.0}
