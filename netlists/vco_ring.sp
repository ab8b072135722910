* Five-stage ring oscillator with varactor tuning and tapered output buffer, 45 nm
*
* One NAND gate (enable) and four inverters form the ring; every ring node carries an NMOS varactor whose
* capacitance depends on vctl, so that a higher vctl lowers the load and raises the frequency.  A fixed buffer of three
* tapered inverters isolates the ring; a divide-by-two flip-flop of transmission-gate latches gives a 50 % clock.
*
* Supply 1.0 V (vdd, gnd), vctl 0-1 V.
* Typical: 6-10 GHz before layout, supply current 1 mA.

.param vr_l = 50n
.param vr_beta = 1.7

.subckt vr_inv in out vdd gnd wn=300n wp='vr_beta*wn' l={vr_l}
MN out in gnd gnd nmos_vtg w={wn} l={l}
MP out in vdd vdd pmos_vtg w={wp} l={l}
.ends vr_inv

.subckt vr_nand2 a b z vdd gnd wn=600n wp='vr_beta*wn/2' l={vr_l}
MNA z a x   gnd nmos_vtg w={wn} l={l}
MNB x b gnd gnd nmos_vtg w={wn} l={l}
MPA z a vdd vdd pmos_vtg w={wp} l={l}
MPB z b vdd vdd pmos_vtg w={wp} l={l}
.ends vr_nand2

* Gate on the ring, drain and source on the control line.
.subckt vr_varactor ring ctl gnd
M1 ctl ring ctl gnd nmos_vtg w=2u l=200n nf=2
.ends vr_varactor

.subckt vr_stage in out ctl vdd gnd
Xinv in out vdd gnd vr_inv wn=600n
Xvar out ctl gnd vr_varactor
.ends vr_stage

.subckt vr_buffer in out vdd gnd taper=3 wn=200n
X1 in m1 vdd gnd vr_inv wn={wn}
X2 m1 m2 vdd gnd vr_inv wn={wn*taper}
X3 m2 out vdd gnd vr_inv wn={wn*taper*taper}
.ends vr_buffer

* Clocked inverter: drives while c is high.
.subckt vr_cinv in out c cb vdd gnd wn=200n wp=340n
MN1 out c x gnd nmos_vtg w={wn} l={vr_l}
MN2 x in gnd gnd nmos_vtg w={wn} l={vr_l}
MP1 out cb y vdd pmos_vtg w={wp} l={vr_l}
MP2 y in vdd vdd pmos_vtg w={wp} l={vr_l}
.ends vr_cinv

.subckt vr_latch d q c cb vdd gnd
Xin d m c cb vdd gnd vr_cinv wn=300n wp=500n
Xkeep q m cb c vdd gnd vr_cinv wn=90n wp=120n
Xout m q vdd gnd vr_inv wn=300n
.ends vr_latch

.subckt vr_div2 ck q vdd gnd
Xck1 ck cb vdd gnd vr_inv
Xck2 cb c vdd gnd vr_inv
Xm qb m cb c vdd gnd vr_latch
Xs m q c cb vdd gnd vr_latch
Xfb q qb vdd gnd vr_inv
.ends vr_div2

.subckt vco_ring en vctl out out_div2 vdd gnd
Xnand en ring[4] ring[0] vdd gnd vr_nand2 wn=1.2u
Xvar0 ring[0] vctl gnd vr_varactor
Xst[1] ring[0] ring[1] vctl vdd gnd vr_stage
Xst[2] ring[1] ring[2] vctl vdd gnd vr_stage
Xst[3] ring[2] ring[3] vctl vdd gnd vr_stage
Xst[4] ring[3] ring[4] vctl vdd gnd vr_stage
Xbuf ring[2] out vdd gnd vr_buffer
Xdiv out out_div2 vdd gnd vr_div2
* Identical small loads on the nodes that drive no buffer
Xd0 ring[0] nc0 vdd gnd vr_inv wn=200n
Xd1 ring[1] nc1 vdd gnd vr_inv wn=200n
Xd3 ring[3] nc3 vdd gnd vr_inv wn=200n
.ends vco_ring
