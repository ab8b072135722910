* Five-transistor operational transconductance amplifier, 45 nm
*
* An NMOS differential pair steers the tail current; a PMOS current mirror turns the two branch currents into
* one single-ended output current, so that gain is gm1 * (ro2 || ro4) and the bandwidth is set by the load.
* The tail mirrors the current that the user feeds into pin ibias (ratio 1:2).  Capacitors at the mirror node and
* on the bias line are the usual decoupling, drawn as MOS capacitors.
*
* Supply 1.0 V (vdd, gnd), bias 10 uA into ibias, input common mode 0.55-0.85 V.
* Typical: gain 40 dB, unity-gain frequency 35 MHz into 1 pF, supply current 30 uA.

.param ota_l = 200n
.param ota_lbias = 500n

* Matched pair in common-source connection; the bulk is a pin of its own.
.subckt ota_pair d1 d2 g1 g2 s b w=2u l={ota_l} nf=2 m=2
M1 d1 g1 s b nmos_vtg w={w} l={l} nf={nf} m={m}
M2 d2 g2 s b nmos_vtg w={w} l={l} nf={nf} m={m}
.ends ota_pair

* PMOS mirror: diode side `in`, copied to `out`.
.subckt ota_mirror in out vdd w=2u l={ota_l} nf=2 m=2
M1 in  in vdd vdd pmos_vtg w={w} l={l} nf={nf} m={m}
M2 out in vdd vdd pmos_vtg w={w} l={l} nf={nf} m={m}
.ends ota_mirror

* NMOS bias branch: the diode takes the reference, the copy sinks `ratio` times as much.
.subckt ota_tail ibias out gnd w=2u l={ota_lbias} ratio=2
M1 ibias ibias gnd gnd nmos_vtg w={w} l={l} nf=2 m=2
M2 out   ibias gnd gnd nmos_vtg w={w} l={l} nf=2 m='2*ratio'
MC gnd   ibias gnd gnd nmos_vtg w='2*w' l='2*l' nf=1   ; decoupling of the bias line
.ends ota_tail

.subckt ota_5t inp inn out ibias vdd gnd
Xtail ibias tail gnd ota_tail w=2u ratio=2
Xpair mir out inp inn tail gnd ota_pair w=4u nf=4
Xmir  mir out vdd ota_mirror w=3u nf=2
* Dummy fingers at both ends of the pair
MD1 tail gnd tail gnd nmos_vtg w=1u l={ota_l}
MD2 tail gnd tail gnd nmos_vtg w=1u l={ota_l}
.ends ota_5t
