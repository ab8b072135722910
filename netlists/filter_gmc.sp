* Fourth-order Butterworth low-pass filter from transconductors and capacitors, 0.35 um
*
* Two biquads in cascade.  In each, one transconductor charges C1 with the difference of input and output, a second
* one charges C2 with the difference of the C1 voltage and the output; w0 = gm / sqrt(C1 C2) and
* Q = sqrt(C2 / C1).  The transconductors are cascoded current-mirror amplifiers with resistive source degeneration; their
* bias current tunes the corner.  The capacitors are arrays of one unit.
*
* Supply 3.3 V (vdda, vssa), bias 20 uA into ibias, signal 0.4 Vpp round 1.65 V.
* Typical: corner 6.5 MHz, 24 dB per octave, 0.75 mA.

.param gf_cu = 0.5p
.param gf_lm = 1.0u

.subckt gf_gm inp inn out nb nc pc vdd vss
MT1 ta nb vss vss n w=6u l={gf_lm} m=2
MT2 tb nb vss vss n w=6u l={gf_lm} m=2
RD  ta tb 20k
MI1 d1 inp ta vss n w=16u l=0.6u m=2
MI2 d2 inn tb vss n w=16u l=0.6u m=2
* Cascoded mirrors, PMOS then NMOS
MP1 x1 d1 vdd vdd p w=12u l={gf_lm}
MC1 d1 pc x1  vdd p w=12u l=0.6u
MP2 x2 d2 vdd vdd p w=12u l={gf_lm}
MC2 d2 pc x2  vdd p w=12u l=0.6u
MP3 x3 d1 vdd vdd p w=12u l={gf_lm}
MC3 out pc x3 vdd p w=12u l=0.6u
MP4 x4 d2 vdd vdd p w=12u l={gf_lm}
MC4 u  pc x4  vdd p w=12u l=0.6u
MN1 y1 u  vss vss n w=6u l={gf_lm}
MN2 y2 u  vss vss n w=6u l={gf_lm}
MC5 u   nc y1 vss n w=6u l=0.6u
MC6 out nc y2 vss n w=6u l=0.6u
.ends gf_gm

* Gate lines: ibias itself for the current sources, nc and pc for the cascodes.
.subckt gf_bias ibias nc pc vdd vss
M1 ibias ibias vss vss n w=6u l={gf_lm}
M2 pb ibias vss vss n w=6u l={gf_lm}
M3 pb pb vdd vdd p w=6u l={gf_lm}
M4 nc pb vdd vdd p w=6u l={gf_lm}
M5 nc nc vss vss n w=0.6u l=1.4u
M6 pc ibias vss vss n w=6u l={gf_lm}
M7 pc pc vdd vdd p w=1u l={gf_lm}
CB1 ibias vss 1p
CB2 nc vss 1p
CB3 vdd pc 1p
.ends gf_bias

.subckt gf_cunit a b c={gf_cu}
C1 a b {c}
.ends gf_cunit

.subckt gf_cbank a b units=4
X1 a b gf_cunit m={units}
.ends gf_cbank

.subckt gf_biquad in out nb nc pc vdd vss n1=4 n2=4
Xgm1 in out v1 nb nc pc vdd vss gf_gm
Xc1 v1 vss gf_cbank units={n1}
Xgm2 v1 out out nb nc pc vdd vss gf_gm
Xc2 out vss gf_cbank units={n2}
.ends gf_biquad

* Unit counts give Q = 0.54 and Q = 1.31 at equal w0.
.subckt filter_gmc in out ibias vdda vssa
Xb ibias nc pc vdda vssa gf_bias
Xq1 in  mid ibias nc pc vdda vssa gf_biquad n1=7 n2=2
Xq2 mid out ibias nc pc vdda vssa gf_biquad n1=3 n2=5
.ends filter_gmc
