* Current-starved voltage-controlled oscillator, seven stages, 0.35 um
*
* A degenerated NMOS turns vctl into a current; PMOS and NMOS mirrors hand that current to every inverter of the
* ring, top and bottom, so that each stage charges its node capacitor with the controlled current and the
* frequency is nearly proportional to it.  A small always-on current keeps the ring alive at vctl = 0.  The
* enable input opens the ring in its first stage.  Three tapered inverters restore full swing.
*
* Supply 3.3 V (vdda, vssa), vctl 0.6-3.0 V.
* Typical: 6-220 MHz, below 1 mA.

.param cs_lm = 1.0u
.param cs_l  = 0.4u
.param cs_cload = 20f

.subckt cs_inv in out vdd vss wn=1.2u wp=3u
MN out in vss vss n w={wn} l={cs_l}
MP out in vdd vdd p w={wp} l={cs_l}
.ends cs_inv

.subckt cs_vtoi vctl pb nb vdd vss rdeg=8k
M1 pb vctl s vss n w=10u l=0.6u m=2
RD s vss {rdeg}
RMIN pb vss 600k
M2 pb pb vdd vdd p w=8u l={cs_lm}
M3 nb pb vdd vdd p w=8u l={cs_lm}
M4 nb nb vss vss n w=3u l={cs_lm}
CP vdd pb 300f
CN nb vss 300f
.ends cs_vtoi

.subckt cs_stage in out pb nb vdd vss
MPS ps pb vdd vdd p w=8u l={cs_lm}
MP out in ps vdd p w=4u l={cs_l}
MN out in ns vss n w=1.6u l={cs_l}
MNS ns nb vss vss n w=3u l={cs_lm}
CL out vss {cs_cload}
.ends cs_stage

* Stage with enable: en low forces the output high.
.subckt cs_stage_en in out en pb nb vdd vss
MPS ps pb vdd vdd p w=8u l={cs_lm}
MP out in ps vdd p w=4u l={cs_l}
MPE out en vdd vdd p w=2u l={cs_l}
MN out in nx vss n w=2.4u l={cs_l}
MNE nx en ns vss n w=2.4u l={cs_l}
MNS ns nb vss vss n w=3u l={cs_lm}
CL out vss {cs_cload}
.ends cs_stage_en

.subckt cs_buffer in out vdd vss
X1 in a vdd vss cs_inv wn=0.8u wp=1.6u
X2 a  b vdd vss cs_inv wn=2u wp=5u
X3 b out vdd vss cs_inv wn=6u wp=15u
.ends cs_buffer

.subckt vco_current_starved vctl en out vdda vssa
Xvi vctl pb nb vdda vssa cs_vtoi
Xs[0] ph[6] ph[0] en pb nb vdda vssa cs_stage_en
Xs[1] ph[0] ph[1] pb nb vdda vssa cs_stage
Xs[2] ph[1] ph[2] pb nb vdda vssa cs_stage
Xs[3] ph[2] ph[3] pb nb vdda vssa cs_stage
Xs[4] ph[3] ph[4] pb nb vdda vssa cs_stage
Xs[5] ph[4] ph[5] pb nb vdda vssa cs_stage
Xs[6] ph[5] ph[6] pb nb vdda vssa cs_stage
Xbuf ph[6] out vdda vssa cs_buffer
.ends vco_current_starved
