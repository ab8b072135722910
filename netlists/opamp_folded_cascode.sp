* Fully differential folded-cascode operational amplifier, 0.35 um
*
* A PMOS input pair folds its current into NMOS cascodes; PMOS cascodes form the high-impedance load.  A bias
* generator derives two plain and two cascode gate lines from one reference current.  The common-mode
* feedback compares both outputs with vcm in two PMOS pairs; the sum of the reference-side currents flows
* through an NMOS diode whose gate voltage controls a quarter of each bottom current source.
*
* Supply 3.3 V (vdda, vssa), bias 10 uA into ibias, vcm 1.65 V, input common mode 0-1.5 V.
* Typical: gain 70-90 dB, unity-gain frequency about 100 MHz into 1 pF per side, 140 uA.

.param fc_lin = 0.4u
.param fc_lcs = 1.2u
.param fc_lca = 0.6u
.param fc_wn  = 4u
.param fc_wp  = 10u

* One current source with its cascode, NMOS and PMOS, in units of 10 uA.
.subckt fc_nsink out fold gb gc vss units=1
MS fold gb vss  vss n w={fc_wn} l={fc_lcs} m={units}
MC out  gc fold vss n w={fc_wn} l={fc_lca} m={units}
.ends fc_nsink

.subckt fc_psource out mid gb gc vdd units=1
MS mid gb vdd vdd p w={fc_wp} l={fc_lcs} m={units}
MC out gc mid vdd p w={fc_wp} l={fc_lca} m={units}
.ends fc_psource

.subckt fc_bias ibias vbnc vbp vbpc vdd vss
* Reference into a wide-swing diode; ibias itself is the gate line of the NMOS sources
MR1 mr ibias vss vss n w={fc_wn} l={fc_lcs}
MR2 ibias vbnc mr vss n w={fc_wn} l={fc_lca}
* vbnc: narrow diode fed with the PMOS copy
MB1 vbnc vbnc vss vss n w=0.8u l={fc_lcs}
XP1 vbnc m1 vbp vbpc vdd fc_psource units=1
* vbp: wide-swing PMOS diode fed with an NMOS copy
XN1 vbp m2 ibias vbnc vss fc_nsink units=1
MP1 m3 vbp vdd vdd p w={fc_wp} l={fc_lcs}
MP2 vbp vbpc m3 vdd p w={fc_wp} l={fc_lca}
* vbpc: narrow PMOS diode
XN2 vbpc m4 ibias vbnc vss fc_nsink units=1
MB2 vbpc vbpc vdd vdd p w=1.6u l={fc_lcs}
* Start-up: ibias floats up while vbnc is missing and turns this follower on; in operation it is off
MST vst ibias vbnc vss n w=1u l=2u
RST vdd vst 100k
CD1 ibias vss 200f
CD2 vdd vbp 200f
.ends fc_bias

.subckt fc_input inp inn foldp foldn vbp vbpc vdd vss
XT tail mt vbp vbpc vdd fc_psource units=4
MI1 foldn inp tail vdd p w=20u l={fc_lin} m=4
MI2 foldp inn tail vdd p w=20u l={fc_lin} m=4
.ends fc_input

* One output branch.  Bottom: 3 units fixed, 1 unit steered by the common-mode loop.
.subckt fc_branch out fold vcmfb vbn vbnc vbp vbpc vdd vss
MSF fold vbn   vss vss n w={fc_wn} l={fc_lcs} m=3
MSC fold vcmfb vss vss n w={fc_wn} l={fc_lcs}
MCN out vbnc fold vss n w={fc_wn} l={fc_lca} m=3
XP out mp vbp vbpc vdd fc_psource units=2
.ends fc_branch

.subckt fc_cmfb outp outn vcm vcmfb vbp vbpc vdd vss
XTA ta ma vbp vbpc vdd fc_psource units=1
XTB tb mb vbp vbpc vdd fc_psource units=1
MA1 vx    outp ta vdd p w=1u l=0.8u
MA2 vcmfb vcm  ta vdd p w=1u l=0.8u
MB1 vcmfb vcm  tb vdd p w=1u l=0.8u
MB2 vx    outn tb vdd p w=1u l=0.8u
MD1 vx    vx    vss vss n w={fc_wn} l={fc_lcs}
MD2 vcmfb vcmfb vss vss n w={fc_wn} l={fc_lcs}
CCM vcmfb vss 50f
.ends fc_cmfb

.subckt opamp_folded_cascode inp inn outp outn vcm ibias vdda vssa
Xbias ibias vbnc vbp vbpc vdda vssa fc_bias
Xin inp inn foldp foldn vbp vbpc vdda vssa fc_input
Xbp outp foldp vcmfb ibias vbnc vbp vbpc vdda vssa fc_branch
Xbn outn foldn vcmfb ibias vbnc vbp vbpc vdda vssa fc_branch
Xcm outp outn vcm vcmfb vbp vbpc vdda vssa fc_cmfb
.ends opamp_folded_cascode
