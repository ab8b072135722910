"""Small decks of every dialect to begin with, and single lines to put into them."""

from __future__ import annotations

from random import Random

SPICE = """* all kinds of statements
.param unit=1u half='unit/2' f(x)='x*2'
.func twice(x) {2*x}
.global vdd gnd!
.option scale=1
.model nx nmos (level=1)
.model pdk.1 bsim4 type=p
.subckt inv a b vdd vss wn='twice(unit)' params: k=2
Mn b a vss vss nx w={wn} l=60n ad='wn*0.2u' m=2
Mp b a vdd vdd pch w='k>1 ? wn*k : wn' l=60n $ comment
R1 a b 10k $[rp] $SUB=gnd!
.ends inv
Xi1 in mid vdd 0 inv wn=3u
+ k=3 m='1+1'
Xi2 (mid out vdd 0) inv
XI<3:0> a<3:0> b<3:0> vdd 0 inv
Xp d g s b sky130_fd_pr__nfet_01v8 w=1 l=0.15 nf=2
Q1 c b e npn
C1 out 0 10fF
C2 out 0 c=1f
D1 0 out dio area=1p
J1 d g s jmod
L1 a b 1n
K1 L1 L2 0.9
V1 vdd 0 1.8
I1 a 0 pwl(0 0 1n 1)
E1 x 0 vol='v(out)'
G1 x 0 poly(2) a b c d 0 1 1
F1 a b V1 2
H1 a b V1 2
B1 a b i=v(a)*2
S1 a b c d smod
W1 a b V1 wmod
T1 a 0 b 0 z0=50 td=1n
A1 [a b] c gate
.control
run
.endc
.end
"""
CONDITIONS = """* conditions and libraries
.param corner=2 fast=1
.if (corner==1)
.param w0=1u
.elseif (corner==2)
.param w0=2u
.else
.param w0=3u
.endif
.lib 'lib.sp' tt
.include "a.sp"
.subckt cell a b p=1 w='w0'
.if (p>2)
R1 a b 1k
.elseif (p>1 && fast)
R1 a b 2k
.param w=2u
.else
R1 a b 3k
.endif
M1 a b 0 0 nch w=w l=1u
.ends
X1 a b cell p=1
X2 a b cell p=2
X3 a b cell p=3
*%%file lib.sp
.lib tt
.param vth=0.3
.model nch nmos vth0=vth
.endl tt
.lib ss
.param vth=0.4
.endl ss
*%%file a.sp
* included
R9 x y '1k*vth'
.lib lib.sp ss
"""
HSPICE = """* hspice
.option post scale=0.1u
.prot
.unprot
.macro buf in out
+ wp=2 wn=1
Mp out in vdd vdd pch wp 1
Mn out in 0 0 nch w='wn*2+\\\\
1' l=1
.eom buf
.data corners vt
1 2
.enddata
.connect vdd vdd2
Xb a b buf wp=3
X/b a b buf
.alter
.end
"""
CDL = """*.BIPOLAR
*.RESI = 2000
*.SCALE MICRON
*.GLOBAL VDD:P GND:G
*.PININFO A:I Y:O
*.EQUATION
.PARAM
.SUBCKT INV A Y VDD VSS
*.PININFO A:I Y:O VDD:B VSS:B
MMN0 Y A VSS VSS nch W=1 L=0.06 m=1
MMP0 Y A VDD VDD pch W=2 L=0.06 $LDD[pch]
RR0 A Y 1k $SUB=VSS $[rppoly] $W=1 $L=2
CC0 A Y 1f $[mim] m=2
DD0 VSS A ndio 1.2 $X=1
QQ0 A Y VSS pnp5 M=1 $EA=1
XI0 A Y / SUB $T=0 0 0 0
.ENDS
.SUBCKT SUB A Y
RR0 A Y 1k
.ENDS
XTOP<1:0> A<1:0> Y VDD VSS / INV
"""
SPECTRE = """// spectre
simulator lang=spectre
global 0 vdd!
include "a.scs" section=tt
parameters w0=1u l0=60n r=1M
real half(real x) {
  return x/2;
}
library lib
section tt
parameters c=1p
endsection tt
endlibrary lib
model nch bsim4 type=n
+ version=4.5
model pch bsim4 {
 1: type=p lmin=1u
 2: type=p lmin=2u
}
subckt inv (a y vdd vss)
parameters k=2 w=w0*k
M0 (y a vss vss) nch w=w l=l0 m=1
M1 (y a vdd vdd) pch w=half(w)*2 \\
  l=l0
R\\<1\\> (a y) resistor r=5%
if (k>1) {
  C0 (a 0) capacitor c=1f
} else {
  C1 (a 0) capacitor c=2f
}
if (w>1u) D0 (a 0) dio area=1
else D1 (a 0) dio area=2
ends inv
inline subckt nfet (d g s b)
parameters w=1u l=1u
nfet (d g s b) nch w=w l=l
ends nfet
I0 (in out vdd! 0) inv k=3
I1\\<0\\> (in out vdd! 0) inv
I<2:0> (a<2:0> y vdd! 0) inv
N0 (d g s b) nfet w=2u
V0 (vdd! 0) vsource dc=1.8 wave=[0 0 1n 1]
simulator lang=spice
R5 a b 1k
.param z=1
simulator lang=spectre
tran tran stop=1n
opt options scale=1
save all
statistics {
 process { vary w0 dist=gauss std=1 }
}
mc montecarlo numruns=3 {
 tran2 tran stop=1
}
*%%file a.scs
simulator lang=spectre
section tt
parameters vt=0.3
endsection
section ss
endsection
"""
XYCE = """* xyce
.global_param vdd=1.8
.options timeint method=gear
.subckt inv a y params: w=1u l=60n
M1 y a 0 0 nch w={w} l={l}
R1 a y {IF(w>1u, 1k, 2k)}
.ends
X1 a y inv params: w=2u
.print tran format=csv v(y)
Ydelay d a y del
.end
"""
LTSPICE = """* C:\\\\x\\\\a.asc
M\u00a71 d g s b nch l=1\u00b5 w={W}
.param W=2u
R1 N001 N002 4k7
C1 N001 0 1\u00b5 Rser=1m
XU1 N001 N002 opamp
.lib standard.mos
.subckt opamp 1 2
R1 1 2 1Meg
.ends
.backanno
.end
"""
XSCHEM = """** sch_path: x.sch
**.subckt top in,out
*+ vdd
*.ipin in
*.opin out
XM1 out in 0 0 sky130_fd_pr__nfet_01v8 L=0.15 W=1 nf=1 ad='int((nf+1)/2) * W/nf * 0.29' m=1
XM2 net1 net1 GND GND nfet_03v3 L=0.28u W=0.22u nf=1
x1 out in inv
R1[1:0] a[1:0] b 1k
**** begin user architecture code
.lib nowhere.spice tt
.save all
**** end user architecture code
**.ends

.subckt inv A Y
*.ipin A
XM1 Y A VSS VSS sg13_lv_nmos w=1.0u l=0.45u ng=1 m=1
.ends
.GLOBAL GND
.end
"""
EXTRACTED = """* NGSPICE file created from x.ext - technology: sky130A
.option scale=10000u
.subckt top a_172_68# VPWR VGND a[0] a.t0
X0 a_172_68# a[0] VGND VGND sky130_fd_pr__nfet_01v8 ad=1.2 pd=2.4 as=1 ps=2 w=84 l=15
X1 VPWR a.t0 a_172_68# VPWR sky130_fd_pr__pfet_01v8_hvt w=100 l=15
R0 a[0] a.t0 0.5
C0 a_172_68# VGND 0.0046PF
C1 a_172_68# VPWR 1.5fF **FLOATING
.ends
"""
NESTED = """* nested definitions
.subckt outer a b
.subckt inner a b
R1 a b 1
.ends inner
X1 a b inner
.subckt inner2 a
X1 a 0 inner
.ends
X2 a inner2
.ends outer
.subckt outer a b
R1 a b 1
.ends
.subckt inner a b
R1 a b 2
.ends
X1 a b outer
X2 a b inner m=2
"""
RUNS = (
    "* runs\n"
    + "".join(
        f"M{n} d{n} g<{n}> s/x{n} 0 nch w=1u l=60n\nm{n}b a b c d nch w={n % 3}u l=60n\n" for n in range(12)
    )
    + "".join(f"R{n} a{n} b{n} {n}k\n" for n in range(12))
    + "".join(f"X{n} a b / cell k={n}\n" for n in range(12))
)
RUNS += ".subckt cell a b k=1\nC1 a b 'k*1f'\n.ends\n"

DECKS: dict[str, str] = {
    "spice": SPICE,
    "conditions": CONDITIONS,
    "hspice": HSPICE,
    "cdl": CDL,
    "spectre": SPECTRE,
    "xyce": XYCE,
    "ltspice": LTSPICE,
    "xschem": XSCHEM,
    "extracted": EXTRACTED,
    "nested": NESTED,
    "runs": RUNS,
}
EXPRESSIONS = """a=1u
b='a*2'
c={b > 1 ? a : b}
g=agauss(1, 2, 3)
f(x, y)=x**2+y
k=if(a>b, 1k, 2meg)
m=max(1, min(2, f(3, a)))
pi*2
-2**2
1e-6%3
table(a, 0, 0, 1, 1)
a&&b||!c
int((3+1)/2)*0.29
v(out)*2
1\u00b5
0x1f
"""
LINES = [line for deck in DECKS.values() for line in deck.splitlines() if line]


def line_by_line(data: bytes, random: Random, pool: list[bytes]) -> bytes:
    """Bytes with a few lines deleted, doubled, moved, joined or taken from elsewhere."""
    lines = data.split(b"\n")
    for _ in range(random.randint(1, 4)):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        match random.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(other, lines[at])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines[at : at + 2] = [b" ".join(lines[at : at + 2])]
            case 4:
                words = lines[at].split(b" ")
                cut = random.randrange(len(words) + 1)
                lines[at : at + 1] = [b" ".join(words[:cut]), b"+ " + b" ".join(words[cut:])]
            case 5:
                words = lines[at].split(b" ")
                words[random.randrange(len(words))] = random.choice(random.choice(pool).split(b" "))
                lines[at] = b" ".join(words)
            case 6:
                lines[at : at + 1] = [lines[at]] * random.randint(2, 20)
            case _:
                lines.insert(at, random.choice(pool))
        lines = lines or [b""]
    return b"\n".join(lines)
