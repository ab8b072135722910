* Phase-frequency detector with charge pump, 0.35 um
*
* Two edge-triggered latches of NAND gates remember which of ref and fb fell first; a four-input NAND resets both
* once both edges have arrived.  The reset path is slowed by a chain of inverters, which keeps both outputs on for
* a short time at zero phase error and so removes the dead zone.  UP and DN steer a cascoded PMOS source and NMOS sink
* into the output; while a switch is open its current flows into a dump branch held near the output voltage by a
* unity-gain follower, so that the source nodes do not move.
*
* Supply 3.3 V (vdd, vss), bias 20 uA into ibias, input frequency up to 50 MHz.
* Typical: pump current 20 uA, output range 0.5-2.7 V, mismatch below 3 %.

.param cp_l  = 0.4u
.param cp_lm = 1.0u
.param cp_wn = 6u
.param cp_wp = 16u

.subckt cp_inv in out vdd vss wn=1u wp=2u l={cp_l}
MN out in vss vss n w={wn} l={l}
MP out in vdd vdd p w={wp} l={l}
.ends cp_inv

.subckt cp_nand2 a b z vdd vss wn=2u wp=2u
MNA z a x vss n w={wn} l={cp_l}
MNB x b vss vss n w={wn} l={cp_l}
MPA z a vdd vdd p w={wp} l={cp_l}
MPB z b vdd vdd p w={wp} l={cp_l}
.ends cp_nand2

.subckt cp_nand3 a b c z vdd vss wn=3u wp=2u
MNA z a x vss n w={wn} l={cp_l}
MNB x b y vss n w={wn} l={cp_l}
MNC y c vss vss n w={wn} l={cp_l}
MPA z a vdd vdd p w={wp} l={cp_l}
MPB z b vdd vdd p w={wp} l={cp_l}
MPC z c vdd vdd p w={wp} l={cp_l}
.ends cp_nand3

.subckt cp_nand4 a b c d z vdd vss wn=4u wp=2u
MNA z a x vss n w={wn} l={cp_l}
MNB x b y vss n w={wn} l={cp_l}
MNC y c w vss n w={wn} l={cp_l}
MND w d vss vss n w={wn} l={cp_l}
MPA z a vdd vdd p w={wp} l={cp_l}
MPB z b vdd vdd p w={wp} l={cp_l}
MPC z c vdd vdd p w={wp} l={cp_l}
MPD z d vdd vdd p w={wp} l={cp_l}
.ends cp_nand4

* Falling-edge latch; qb low after an edge until rb goes low.  g and s go to the reset gate.
.subckt cp_edge ck rb qb g s vdd vss
X1 ck qb g vdd vss cp_nand2
X2 g sb s vdd vss cp_nand2
X3 s rb sb vdd vss cp_nand2
X4 g s rb qb vdd vss cp_nand3
.ends cp_edge

.subckt cp_delay in out vdd vss
X1 in a vdd vss cp_inv l=0.8u
X2 a  b vdd vss cp_inv l=0.8u
X3 b  c vdd vss cp_inv l=0.8u
X4 c out vdd vss cp_inv wn=2u wp=4u
.ends cp_delay

* Each output of the detector drives its switch and the complement of it at about the same time.
.subckt cp_pfd ref fb up upb dn dnb vdd vss
Xr ref rbd qru gr sr vdd vss cp_edge
Xf fb  rbd qrd gf sf vdd vss cp_edge
Xn gr sr gf sf rb0 vdd vss cp_nand4
Xd rb0 rbd vdd vss cp_delay
Xu1 qru up vdd vss cp_inv wn=2u wp=4u
Xu2 qru ux vdd vss cp_inv wn=2u wp=4u
Xu3 ux upb vdd vss cp_inv wn=2u wp=4u
Xd1 qrd dn vdd vss cp_inv wn=2u wp=4u
Xd2 qrd dx vdd vss cp_inv wn=2u wp=4u
Xd3 dx dnb vdd vss cp_inv wn=2u wp=4u
.ends cp_pfd

.subckt cp_bias ibias nc pb pc vdd vss
* ibias is the gate line of the sinks; nc and pc come from narrow diodes
M1 x1 ibias vss vss n w={cp_wn} l={cp_lm}
M2 ibias nc x1 vss n w={cp_wn} l={cp_l}
M3 x2 ibias vss vss n w={cp_wn} l={cp_lm}
M4 pb nc x2 vss n w={cp_wn} l={cp_l}
M5 x3 pb vdd vdd p w={cp_wp} l={cp_lm}
M6 pb pc x3 vdd p w={cp_wp} l={cp_l}
M7 x4 pb vdd vdd p w={cp_wp} l={cp_lm}
M8 nc pc x4 vdd p w={cp_wp} l={cp_l}
M9 nc nc vss vss n w=1u l={cp_lm}
M10 x5 ibias vss vss n w={cp_wn} l={cp_lm}
M11 pc nc x5 vss n w={cp_wn} l={cp_l}
M12 pc pc vdd vdd p w=2.4u l={cp_lm}
MST st ibias nc vss n w=1u l=2u          ; start-up: conducts only while nc is missing
RST vdd st 100k
CB1 ibias vss 500f
CB2 vdd pb 500f
.ends cp_bias

.subckt cp_follower in out ib vdd vss
MT t ib vss vss n w={cp_wn} l={cp_lm} m=2
MI1 d in t vss n w=8u l=0.6u
MI2 out out t vss n w=8u l=0.6u
MP1 d d vdd vdd p w=8u l=0.6u
MP2 out d vdd vdd p w=8u l=0.6u
.ends cp_follower

.subckt cp_core out dump up upb dn dnb nb nc pb pc vdd vss
MPS p1 pb vdd vdd p w={cp_wp} l={cp_lm}
MPC p2 pc p1 vdd p w={cp_wp} l={cp_l}
MPU out  upb p2 vdd p w=4u l={cp_l}
MPD dump up  p2 vdd p w=4u l={cp_l}
MNS n1 nb vss vss n w={cp_wn} l={cp_lm}
MNC n2 nc n1 vss n w={cp_wn} l={cp_l}
MNU out  dn  n2 vss n w=2u l={cp_l}
MND dump dnb n2 vss n w=2u l={cp_l}
.ends cp_core

.subckt charge_pump ref fb out ibias vdd vss
Xpfd ref fb up upb dn dnb vdd vss cp_pfd
Xbias ibias nc pb pc vdd vss cp_bias
Xcore out dump up upb dn dnb ibias nc pb pc vdd vss cp_core
Xfol out dump ibias vdd vss cp_follower
.ends charge_pump
