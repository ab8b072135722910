* Eight-bit charge-redistribution digital-to-analogue converter, 45 nm
*
* 255 unit capacitors share a top plate; bit k drives the bottom plates of 2^k of them to vrefp or vrefn
* through a transmission gate each way, and one more unit stays at vrefn.  While rst is high the top plate is
* tied to vcm; afterwards it moves by (code - code at reset) / 256 of the reference.  Units are doubled level by level,
* as in the layout, so that all bits match.  The drivers overlap neither switch: each side turns on only after the
* other is off.
*
* Supply 1.0 V (vdd, gnd), vrefp/vrefn 0-1 V, unit 1 fF, total 256 fF.
* Typical: settles to half a least significant bit in 400 ps, differential nonlinearity set by matching only.

.param dac_cu = 1f
.param dac_l = 50n

.subckt dac_unit top bot c={dac_cu}
C0 top bot {c}
.ends dac_unit

.subckt dac_x2 top bot
Xa top bot dac_unit
Xb top bot dac_unit
.ends dac_x2

.subckt dac_x4 top bot
Xa top bot dac_x2
Xb top bot dac_x2
.ends dac_x4

.subckt dac_x8 top bot
Xa top bot dac_x4
Xb top bot dac_x4
.ends dac_x8

.subckt dac_x16 top bot
Xa top bot dac_x8
Xb top bot dac_x8
.ends dac_x16

.subckt dac_x32 top bot
Xa top bot dac_x16
Xb top bot dac_x16
.ends dac_x32

.subckt dac_x64 top bot
Xa top bot dac_x32
Xb top bot dac_x32
.ends dac_x64

.subckt dac_x128 top bot
Xa top bot dac_x64
Xb top bot dac_x64
.ends dac_x128

.subckt dac_inv in out vdd gnd wn=120n wp=180n
MN out in gnd gnd nmos_vtg w={wn} l={dac_l}
MP out in vdd vdd pmos_vtg w={wp} l={dac_l}
.ends dac_inv

.subckt dac_nand2 a b z vdd gnd wn=180n wp=180n
MNA z a x   gnd nmos_vtg w={wn} l={dac_l}
MNB x b gnd gnd nmos_vtg w={wn} l={dac_l}
MPA z a vdd vdd pmos_vtg w={wp} l={dac_l}
MPB z b vdd vdd pmos_vtg w={wp} l={dac_l}
.ends dac_nand2

.subckt dac_tgate a b en enb vdd gnd w=200n nf=1
MN a en  b gnd nmos_vtg w={w} l={dac_l} nf={nf}
MP a enb b vdd pmos_vtg w={2*w} l={dac_l} nf={nf}
.ends dac_tgate

* Non-overlapping complementary drive: hi/hib for the upper switch, lo/lob for the lower one.
.subckt dac_driver in hi hib lo lob vdd gnd
Xi in inb vdd gnd dac_inv
X1 in  lob hib vdd gnd dac_nand2
X2 inb hib lob vdd gnd dac_nand2
X3 hib hi vdd gnd dac_inv wn=240n wp=360n
X4 lob lo vdd gnd dac_inv wn=240n wp=360n
.ends dac_driver

.subckt dac_switch in bot vrefp vrefn vdd gnd w=200n nf=1
Xd in hi hib lo lob vdd gnd dac_driver
Xp vrefp bot hi hib vdd gnd dac_tgate w={w} nf={nf}
Xn vrefn bot lo lob vdd gnd dac_tgate w={w} nf={nf}
.ends dac_switch

.subckt dac_reset rst top vcm vdd gnd
X1 rst rb vdd gnd dac_inv wn=240n wp=360n
X2 vcm top rst rb vdd gnd dac_tgate w=1u nf=2
.ends dac_reset

.subckt dac_capacitive top rst b[7] b[6] b[5] b[4] b[3] b[2] b[1] b[0] vrefp vrefn vcm vdd gnd
Xrst rst top vcm vdd gnd dac_reset
Xsw[0] b[0] bot[0] vrefp vrefn vdd gnd dac_switch
Xsw[1] b[1] bot[1] vrefp vrefn vdd gnd dac_switch
Xsw[2] b[2] bot[2] vrefp vrefn vdd gnd dac_switch
Xsw[3] b[3] bot[3] vrefp vrefn vdd gnd dac_switch
Xsw[4] b[4] bot[4] vrefp vrefn vdd gnd dac_switch w=400n nf=1
Xsw[5] b[5] bot[5] vrefp vrefn vdd gnd dac_switch w=800n nf=2
Xsw[6] b[6] bot[6] vrefp vrefn vdd gnd dac_switch w=1.6u nf=4
Xsw[7] b[7] bot[7] vrefp vrefn vdd gnd dac_switch w=3.2u nf=8
Xcap[0] top bot[0] dac_unit
Xcap[1] top bot[1] dac_x2
Xcap[2] top bot[2] dac_x4
Xcap[3] top bot[3] dac_x8
Xcap[4] top bot[4] dac_x16
Xcap[5] top bot[5] dac_x32
Xcap[6] top bot[6] dac_x64
Xcap[7] top bot[7] dac_x128
Xdummy top vrefn dac_unit
.ends dac_capacitive
