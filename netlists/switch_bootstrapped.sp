* Differential bootstrapped sampling switch, 45 nm
*
* While clk is low a capacitor is charged to vdd and the gate of the switch is held at gnd.  When clk rises, the
* capacitor is placed between the input and that gate, so that the switch sees vdd as its gate-source voltage
* whatever the input is, and its resistance does not depend on the signal.  The wells of the two PMOS at the
* capacitor's top plate follow that plate, which goes above vdd.  A half-size dummy, driven in antiphase, takes up
* the channel charge; a cross-coupled pair of off devices cancels the feedthrough of the open switch.
*
* Supply 1.0 V (vdd, gnd), inputs 0-1 V, clock 50 % up to 500 MHz.
* Typical: gate voltage vin + 0.9 V, on-resistance 70 Ohm.

.param bs_l = 50n

.subckt bs_inv in out vdd gnd wn=400n wp=800n
MN out in gnd gnd nmos_vtg w={wn} l={bs_l}
MP out in vdd vdd pmos_vtg w={wp} l={bs_l}
.ends bs_inv

.subckt bs_clock clk c cb vdd gnd
X1 clk cb vdd gnd bs_inv wn=1u wp=2u
X2 cb  c  vdd gnd bs_inv wn=2u wp=4u
.ends bs_clock

.subckt bs_gate in g c cb vdd gnd cboost=200f
CB ct cn {cboost}
* Charging while c is low
MPC ct g vdd ct pmos_vtg w=2u l={bs_l} nf=2
MNB cn cb gnd gnd nmos_vtg w=2u l={bs_l} nf=2
* Connecting while c is high
MPX x c vdd vdd pmos_vtg w=600n l={bs_l}
MNX x c cn gnd nmos_vtg w=600n l={bs_l}
MNY x g cn gnd nmos_vtg w=600n l={bs_l}
MPG g x ct ct pmos_vtg w=2u l={bs_l} nf=2
MNI in g cn gnd nmos_vtg w=2u l={bs_l} nf=2
* Pulling the gate down through a cascode that never sees more than vdd
MND g vdd y gnd nmos_vtg w=2u l={bs_l} nf=2
MNE y cb gnd gnd nmos_vtg w=2u l={bs_l} nf=2
.ends bs_gate

.subckt bs_switch in out inx c cb vdd gnd w=4u nf=4
Xg in g c cb vdd gnd bs_gate
MS in g out gnd nmos_vtg w={w} l={bs_l} nf={nf}
MD out cb out gnd nmos_vtg w={w/2} l={bs_l} nf={nf/2}
MX inx gnd out gnd nmos_vtg w={w} l={bs_l} nf={nf}
.ends bs_switch

.subckt switch_bootstrapped inp inn outp outn clk vdd gnd
Xclk clk c cb vdd gnd bs_clock
Xp inp outp inn c cb vdd gnd bs_switch
Xn inn outn inp c cb vdd gnd bs_switch
.ends switch_bootstrapped
