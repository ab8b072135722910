* Low-dropout regulator 1.0 V to 0.8 V, PMOS pass device, 45 nm
*
* The error amplifier compares a fraction of the output (feedback divider) with vref and drives the gate of a large
* PMOS between vdd and vout.  The amplifier is a current-mirror type whose output can swing close to both rails; the
* Miller capacitor with its series resistor from vout to the gate makes the gate node dominant, so that the loop is
* stable without an external capacitor.  en low turns the pass device and all bias off.
*
* Supply 0.95-1.1 V (vdd, gnd), vref 0.5 V, vout 0.8 V, load 0.1-20 mA, 100 pF load capacitance.
* Typical: load regulation below 1 mV/mA, 150 uA quiescent current.

.param ld_lcs = 300n
.param ld_vout = 0.8  ld_vref = 0.5
.param ld_r2 = 25k
.param ld_r1 = 'ld_r2*(ld_vout/ld_vref - 1)'

.subckt ld_inv in out vdd gnd wn=400n wp=800n
MN out in gnd gnd nmos_vtg w={wn} l=50n
MP out in vdd vdd pmos_vtg w={wp} l=50n
.ends ld_inv

.subckt ld_bias ibias nb en enb gnd
MSW ibias en nb gnd nmos_vtg w=2u l=50n
MN1 nb nb gnd gnd nmos_vtg w=2u l={ld_lcs} nf=2
ME1 nb enb gnd gnd nmos_vtg w=400n l=50n
MCD gnd nb gnd gnd nmos_vtg w=4u l=1u nf=2
.ends ld_bias

* out rises when inp rises above inn
.subckt ld_erramp inp inn out nb vdd gnd
MT tail nb gnd gnd nmos_vtg w=2u l={ld_lcs} nf=2 m=4
MI1 d1 inp tail gnd nmos_vtg w=8u l=200n nf=4 m=2
MI2 d2 inn tail gnd nmos_vtg w=8u l=200n nf=4 m=2
MP1 d1 d1 vdd vdd pmos_vtg w=4u l=400n nf=4
MP2 d2 d2 vdd vdd pmos_vtg w=4u l=400n nf=4
MP3 out d1 vdd vdd pmos_vtg w=4u l=400n nf=4 m=2
MP4 u  d2 vdd vdd pmos_vtg w=4u l=400n nf=4 m=2
MN1 u u gnd gnd nmos_vtg w=2u l=600n nf=2 m=2
MN2 out u gnd gnd nmos_vtg w=2u l=600n nf=2 m=2
.ends ld_erramp

* One slice of the pass device: eight fingers.
.subckt ld_pass_slice d g s b w=16u nf=8
M1 d g s b pmos_vtg w={w} l=100n nf={nf}
.ends ld_pass_slice

.subckt ld_pass d g vdd
X1 d g vdd vdd ld_pass_slice m=8
X2 d g vdd vdd ld_pass_slice m=8
X3 d g vdd vdd ld_pass_slice m=8
X4 d g vdd vdd ld_pass_slice m=8
.ends ld_pass

.subckt ld_divider top mid gnd r1={ld_r1} r2={ld_r2}
R1A top a {r1/2}
R1B a mid {r1/2}
R2A mid b {r2/2}
R2B b gnd {r2/2}
Cff top mid 100f      $ feed-forward zero
.ends ld_divider

.subckt ldo vref vout ibias en vdd gnd
Xinv en enb vdd gnd ld_inv
Xbias ibias nb en enb gnd ld_bias
Xea fb vref gate nb vdd gnd ld_erramp
Xpass vout gate vdd ld_pass
Xdiv vout fb gnd ld_divider
Rz gate cz 300
Cz cz vout 12p
MOFF gate en vdd vdd pmos_vtg w=2u l=50n
.ends ldo
