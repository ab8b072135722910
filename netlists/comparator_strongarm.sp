* Clocked comparator: preamplifier, StrongARM latch, SR latch, output buffers, 45 nm
*
* The preamplifier (NMOS pair, diode plus cross-coupled PMOS load) lifts small differences over the latch's offset
* and shields the inputs from its kick-back.  While clk is low, four PMOS precharge the latch to vdd; when clk rises,
* the input pair discharges its two internal nodes at different speeds and the cross-coupled inverters regenerate.
* An SR latch of NOR gates keeps the decision during precharge; two inverters drive the load.
*
* Supply 1.0 V (vdd, gnd), bias 20 uA into ibias, input common mode 0.5-0.8 V, clock up to 2 GHz.
* Typical: preamplifier gain about 5, decision 50 ps after the clock for 1 mV, 60 uA plus dynamic current.

.param sa_l = 50n

.subckt sa_inv in out vdd gnd wn=200n wp='1.6*wn' l={sa_l}
MN out in gnd gnd nmos_vtg w={wn} l={l}
MP out in vdd vdd pmos_vtg w={wp} l={l}
.ends sa_inv

.subckt sa_nor2 a b z vdd gnd wn=300n wp=800n l={sa_l}
MNA z a gnd gnd nmos_vtg w={wn} l={l}
MNB z b gnd gnd nmos_vtg w={wn} l={l}
MPA z a x   vdd pmos_vtg w={wp} l={l}
MPB x b vdd vdd pmos_vtg w={wp} l={l}
.ends sa_nor2

.subckt sa_preamp inp inn outp outn ibias vdd gnd
MB ibias ibias gnd gnd nmos_vtg w=2u l=200n nf=2 m=2
MT tail  ibias gnd gnd nmos_vtg w=2u l=200n nf=2 m=4
MI1 outn inp tail gnd nmos_vtg w=4u l=100n nf=4
MI2 outp inn tail gnd nmos_vtg w=4u l=100n nf=4
MD1 outn outn vdd vdd pmos_vtg w=1u l=200n nf=2
MD2 outp outp vdd vdd pmos_vtg w=1u l=200n nf=2
MX1 outn outp vdd vdd pmos_vtg w=600n l=200n
MX2 outp outn vdd vdd pmos_vtg w=600n l=200n
.ends sa_preamp

* ob falls where inp is the higher input, o falls in the other case; both are high in precharge.
.subckt sa_latch inp inn clk o ob vdd gnd win=3u wn=1.5u wp=1.2u
MT tail clk gnd gnd nmos_vtg w=3u l={sa_l} nf=2
MI1 di1 inp tail gnd nmos_vtg w={win} l={sa_l} nf=2
MI2 di2 inn tail gnd nmos_vtg w={win} l={sa_l} nf=2
MN1 ob o di1 gnd nmos_vtg w={wn} l={sa_l}
MN2 o ob di2 gnd nmos_vtg w={wn} l={sa_l}
MP1 ob o vdd vdd pmos_vtg w={wp} l={sa_l}
MP2 o ob vdd vdd pmos_vtg w={wp} l={sa_l}
MR1 ob  clk vdd vdd pmos_vtg w=800n l={sa_l}
MR2 o   clk vdd vdd pmos_vtg w=800n l={sa_l}
MR3 di1 clk vdd vdd pmos_vtg w=400n l={sa_l}
MR4 di2 clk vdd vdd pmos_vtg w=400n l={sa_l}
.ends sa_latch

* The inverters keep the state of the SR latch from loading the StrongARM latch unequally.
.subckt sa_srlatch sb rb q qb vdd gnd
Xi1 sb s vdd gnd sa_inv
Xi2 rb r vdd gnd sa_inv
X1 r qb q  vdd gnd sa_nor2
X2 s q  qb vdd gnd sa_nor2
.ends sa_srlatch

.subckt sa_clkbuf in out vdd gnd
X1 in  mid vdd gnd sa_inv wn=400n
X2 mid out vdd gnd sa_inv wn=1.2u wp=2u
.ends sa_clkbuf

.subckt comparator_strongarm inp inn clk outp outn ibias vdd gnd
Xpre inp inn ap an ibias vdd gnd sa_preamp
Xclk clk clki vdd gnd sa_clkbuf
Xlat ap an clki o ob vdd gnd sa_latch win=3u
Xsr  ob o q qb vdd gnd sa_srlatch
Xbq  qb outp vdd gnd sa_inv wn=800n
Xbqb q  outn vdd gnd sa_inv wn=800n
.ends comparator_strongarm
