* LC oscillator with cross-coupled pairs, switched capacitors and varactors, 45 nm
*
* NMOS and PMOS cross-coupled pairs share one tail current and cancel the losses of a spiral inductor, given as
* two halves with series resistance and oxide capacitance.  A three-bit bank of switched capacitors picks the band, a
* pair of MOS varactors tunes within it.  Two self-biased inverters behind coupling capacitors drive the outputs.
*
* Supply 1.0 V (vdd, gnd), bias 250 uA into ibias, vctl 0-1 V, band bits 0/1 V.
* Typical: 5.0-6.4 GHz, 1 V differential amplitude, 2 mA including buffers.

.param lc_l = 50n

.subckt lc_spiral a b sub lh=1.8n rs=3 cox=15f
L1 a m1 {lh}
R1 m1 ct {rs}
R2 ct m2 {rs}
L2 m2 b {lh}
C1 a sub {cox}
C2 b sub {cox}
.ends lc_spiral

.subckt lc_core a b tail vdd gnd
MN1 a b tail gnd nmos_vtg w=20u l={lc_l} nf=10
MN2 b a tail gnd nmos_vtg w=20u l={lc_l} nf=10
MP1 a b vdd vdd pmos_vtg w=36u l={lc_l} nf=18
MP2 b a vdd vdd pmos_vtg w=36u l={lc_l} nf=18
.ends lc_core

.subckt lc_tail ibias tail gnd
M1 ibias ibias gnd gnd nmos_vtg w=10u l=200n nf=5
M2 tail ibias gnd gnd nmos_vtg w=10u l=200n nf=5 m=8
CT ibias gnd 2p
.ends lc_tail

.subckt lc_varactor a b ctl gnd
M1 ctl a ctl gnd nmos_vtg w=16u l=200n nf=8
M2 ctl b ctl gnd nmos_vtg w=16u l=200n nf=8
.ends lc_varactor

* One weight of the capacitor bank: a differential switch and two pull-downs for a defined off state.
.subckt lc_capbit a b en gnd k=1 cu=20f
CA a x {cu*k}
CB b y {cu*k}
MS x en y gnd nmos_vtg w={4u*k} l={lc_l} nf={2*k}
MA x en gnd gnd nmos_vtg w=300n l={lc_l}
MB y en gnd gnd nmos_vtg w=300n l={lc_l}
.ends lc_capbit

.subckt lc_buffer in out vdd gnd
CC in g 100f
RF g out 20k
MN out g gnd gnd nmos_vtg w=4u l={lc_l} nf=2
MP out g vdd vdd pmos_vtg w=7u l={lc_l} nf=4
.ends lc_buffer

.subckt vco_lc vctl band[2] band[1] band[0] outp outn ibias vdd gnd
Xl a b gnd lc_spiral
Xcore a b tail vdd gnd lc_core
Xtail ibias tail gnd lc_tail
Xvar a b vctl gnd lc_varactor
Xbit[0] a b band[0] gnd lc_capbit k=1
Xbit[1] a b band[1] gnd lc_capbit k=2
Xbit[2] a b band[2] gnd lc_capbit k=4
Xbufp a outp vdd gnd lc_buffer
Xbufn b outn vdd gnd lc_buffer
.ends vco_lc
