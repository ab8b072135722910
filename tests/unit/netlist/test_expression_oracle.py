"""Values of expressions beside those that ngspice finds for them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from circuitgcl.netlist.expressions import Scope

NGSPICE = shutil.which("ngspice")
PARAMETERS = {"a": 1.5, "b": -0.25, "w": 2e-6, "n": 3.0}
FUNCTIONS = {"double": (("x",), "2*x"), "area": (("x", "y"), "double(x)*y/n")}
TABLE = """
1/3  0.1+0.2  3-2-1  16/4/2  2*3%4  2+3*4**2  2*3**2  2**3**2  2^3^2  2**-1  -2**2  -2^2  (-2)**2  -a**2
7%4  -7%4  7.5%2  7\\2  -7\\2  7.9\\2  -(2)  -(-2)  --3  +3  2*-3  2--3  1-(-2)  2-(-2)**2  -a%1
1<2  2<=1  1>2  n>=3  1==1  1!=2  1<>2  1<2==1  1<2<3  3>2>1  3==3>2  2==3>1  1==3>1  1<2!=0
1||0&&0  0||0  5&&0  1&&2  n>3||b<0  (a>b)&&(w<1)  !0  !a  !0+1  !1+1  !a==0  (n==3)*2+(n!=3)*5
1?2:3  0?2:3  0?2:1?4:5  1?2:0?3:4  0?2:0?3:4  a>1?n:w  a>b?a:b  (a>b)?(a):(b)  1?2:1/0
abs(-3)  sqrt(16)  sqr(3)  exp(1)  exp(-1)  ln(10)  log(10)  log10(1000)  pow(-2,3)  pow(2,0.5)  pwr(-2,3)
pwr(-2,2)  int(2.9)  int(-2.9)  nint(2.5)  nint(3.5)  nint(-2.5)  nint(2.6)  floor(-0.5)  ceil(0.5)
ceil(-0.5)  min(1,2)  min(3,2,1)  max(1)  max(1,max(2,3))  sgn(-5)  sgn(0)  sin(1)  cos(1)  tan(1)  asin(1)
acos(0.5)  atan(1)  arctan(1)  sinh(1)  cosh(1)  tanh(1)  asinh(1)  acosh(2)  atanh(0.5)  ternary_fcn(0,4,5)
gauss(1,0,3)  agauss(1,0,3)  unif(1,0)  aunif(1,0)  limit(1,0)  MAX(A,B)  Sqrt(N*N)
1e-6m  1.5um  10fF  1Meg  2MEG  1k*2  1.5k  2.3e+07u  2.2uF  10ns  1kOhm  5V  1e  .5  5.  1g  1t  1E-3  3p
w*1e6  n**2  w/n  (w+n)*2  int((n+1)/2)*w/n*0.29  2*(a+(b-(n)))  a*b+n/w-1  a-b*n  a/b*n
double(a)  area(a,b)  double(double(n))+area(1,2)
"""
EXPRESSIONS = TABLE.split()
DIFFERENCES = {
    # expression: ngspice's value, ours, and why they differ
    "(-2)**3": (8.0, -8.0),  # it takes the magnitude of the base
    "(-7)\\2": (3.0, -3.0),  # it takes the magnitudes
    "2*-a**2": (8 / 9, -4.5),  # it moves the sign behind `*` into the exponent
    "1?0?1:2:3": (1.0, 2.0),  # it pairs the colons otherwise
    "1mil": (1e-3, 25.4e-6),  # its expressions do not know mil, although its values do
    "1x": (1.0, 1e6),  # HSPICE's mega
    "1a": (1.0, 1e-18),  # atto
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Values that ngspice puts into the expanded netlist."""
    if NGSPICE is None:
        pytest.skip("ngspice is not installed")
    lines = ["* expressions", ".param " + " ".join(f"{name}={number}" for name, number in PARAMETERS.items())]
    lines += [f".func {name}({','.join(names)}) {{{body}}}" for name, (names, body) in FUNCTIONS.items()]
    texts = [*EXPRESSIONS, *DIFFERENCES]
    for number, text in enumerate(texts):
        lines += [f".param p{number}={{{text}}}", f"v{number} n{number} 0 {{p{number}}}"]
        lines.append(f"r{number} n{number} 0 1")
    lines += [".control", "listing expand", "quit 0", ".endc", ".end", ""]
    deck = tmp_path_factory.mktemp("oracle") / "deck.sp"
    deck.write_text("\n".join(lines))
    printed = _run(NGSPICE, deck)
    found = {int(number): float(value) for number, value in re.findall(r"v(\d+) n\1 0 +(\S+)", printed)}
    assert len(found) == len(texts), printed[-2000:]
    return {text: found[number] for number, text in enumerate(texts)}


def _run(program: str, deck: Path) -> str:
    return subprocess.run(
        [program, "-b", deck.name], cwd=deck.parent, capture_output=True, text=True, timeout=60, check=False
    ).stdout


def test_the_table_is_long_enough() -> None:
    assert len(set(EXPRESSIONS)) == len(EXPRESSIONS) >= 60


def test_expressions_have_the_values_ngspice_finds(simulated: dict[str, float]) -> None:
    scope = Scope({}, PARAMETERS, FUNCTIONS)
    ours = {text: scope.evaluate(text) for text in EXPRESSIONS}
    assert ours == {text: pytest.approx(simulated[text], rel=1e-14) for text in EXPRESSIONS}


@pytest.mark.parametrize("text", DIFFERENCES)
def test_differences_are_the_known_ones(simulated: dict[str, float], text: str) -> None:
    theirs, ours = DIFFERENCES[text]
    assert Scope({}, PARAMETERS).evaluate(text) == pytest.approx(ours)
    assert simulated[text] in (pytest.approx(theirs), pytest.approx(ours))  # a newer version may agree
