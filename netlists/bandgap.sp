* Bandgap voltage reference with PNP core, current-mirror amplifier and start-up, 0.35 um
*
* Equal currents from a PMOS mirror flow into one PNP and, through R1, into eight parallel PNP.  An amplifier
* drives the mirror until both branch voltages are equal, so that the current is (kT/q) ln 8 / R1 and grows with
* temperature.  A third copy of it through R2 on top of a PNP adds the rising voltage to a falling
* base-emitter voltage; the sum is flat.  All resistors are rows of one unit.  The amplifier takes its bias from the
* mirror it drives; the start-up circuit pulls the gate line down while the reference voltage is missing.
*
* Supply 2.7-3.6 V, nominal 3.3 V (vdd, vss).
* Typical: vref 1.2 V, below 30 ppm/K from -40 to 125 C, iref sources 5 uA, 35 uA total.

.param bg_lm = 2u
.param bg_wm = 8u

* Unit PNP: grounded collector and base, emitter out.
.subckt bg_pnp e vss
Q1 vss vss e vpnp area=1
.ends bg_pnp

.subckt bg_pnp8 e vss
Xq[0] e vss bg_pnp
Xq[1] e vss bg_pnp
Xq[2] e vss bg_pnp
Xq[3] e vss bg_pnp
Xq[4] e vss bg_pnp
Xq[5] e vss bg_pnp
Xq[6] e vss bg_pnp
Xq[7] e vss bg_pnp
.ends bg_pnp8

* Unit resistor, about 10.8 kOhm at 1 kOhm per square; four in series.
.subckt bg_runit a b
R1 a b rhpoly w=2u l=21.6u
.ends bg_runit

.subckt bg_r4 a b
X1 a  m1 bg_runit
X2 m1 m2 bg_runit
X3 m2 m3 bg_runit
X4 m3 b  bg_runit
.ends bg_r4

.subckt bg_mirror g o1 o2 o3 o4 vdd
M1 o1 g vdd vdd p w={bg_wm} l={bg_lm} m=2
M2 o2 g vdd vdd p w={bg_wm} l={bg_lm} m=2
M3 o3 g vdd vdd p w={bg_wm} l={bg_lm} m=2
M4 o4 g vdd vdd p w={bg_wm} l={bg_lm} m=2
.ends bg_mirror

* Current-mirror amplifier with PMOS inputs; its tail hangs on the same gate line as the core.
.subckt bg_amp inp inn out pb vdd vss
MT tail pb vdd vdd p w={bg_wm} l={bg_lm} m=2
MI1 d1 inn tail vdd p w=10u l=1u m=4
MI2 d2 inp tail vdd p w=10u l=1u m=4
MN1 d1 d1 vss vss n w=4u l=2u
MN2 d2 d2 vss vss n w=4u l=2u
MN3 u1 d1 vss vss n w=4u l=2u
MN4 out d2 vss vss n w=4u l=2u
MP1 u1 u1 vdd vdd p w=6u l=1u
MP2 out u1 vdd vdd p w=6u l=1u
.ends bg_amp

.subckt bg_startup pb vref vdd vss
MS1 st vss sx vdd p w=0.8u l=20u
MS2 sx vss vdd vdd p w=0.8u l=20u
MS3 st vref vss vss n w=4u l=0.8u
MS4 pb st vss vss n w=1u l=1u
.ends bg_startup

.subckt bandgap vref iref vdd vss
Xmir pb va vb vref iref vdd bg_mirror
Xamp vb va pb pb vdd vss bg_amp
Xq1 va vss bg_pnp
Xr1 vb e2 bg_runit
Xq8 e2 vss bg_pnp8
* R2: ten units
Xr2a vref r2x bg_r4
Xr2b r2x r2y bg_r4
Xr2c r2y r2z bg_runit
Xr2d r2z e3 bg_runit
Xq3 e3 vss bg_pnp
Xst pb vref vdd vss bg_startup
* Compensation and output filter
CC vdd pb 4p
CL vref vss 2p
.ends bandgap
