* Eight-bit successive-approximation converter slice, 45 nm
*
* Two bootstrapped switches sample the differential input on the top plates of two capacitive converters.  A sequencer
* of eight flip-flops sets one code bit per clock period, the comparator decides while clk is low, and
* the rise of the next bit stores that decision in the bit under test.  The converter on the positive
* side gets the inverted code, so that both top plates move towards each other.  After eight periods eoc pulses.
* The sub-circuits come from the files included below.
*
* Supply 1.0 V (vdd, gnd), vrefp/vrefn 1 V/0 V, bias 20 uA into ibias; the reset switches to vcm stay off.
* sample high tracks the input and resets the logic; then nine periods of clk.
* Typical: 200 MHz clock, 20 MS/s, input +-0.7 V differential round 0.6 V, one LSB is about 7.4 mV.

.include "comparator_strongarm.sp"
.include "dac_capacitive.sp"
.include "switch_bootstrapped.sp"

.param sar_l = 50n

.subckt sar_inv in out vdd gnd wn=180n wp=270n
MN out in gnd gnd nmos_vtg w={wn} l={sar_l}
MP out in vdd vdd pmos_vtg w={wp} l={sar_l}
.ends sar_inv

.subckt sar_nand2 a b z vdd gnd wn=270n wp=270n
MNA z a x   gnd nmos_vtg w={wn} l={sar_l}
MNB x b gnd gnd nmos_vtg w={wn} l={sar_l}
MPA z a vdd vdd pmos_vtg w={wp} l={sar_l}
MPB z b vdd vdd pmos_vtg w={wp} l={sar_l}
.ends sar_nand2

.subckt sar_tgate a b en enb vdd gnd w=180n
MN a en  b gnd nmos_vtg w={w} l={sar_l}
MP a enb b vdd pmos_vtg w={w} l={sar_l}
.ends sar_tgate

* Rising-edge flip-flop with asynchronous active-low set and reset.
.subckt sar_dff d ck sb rb q qb vdd gnd
Xc1 ck cn vdd gnd sar_inv
Xc2 cn cp vdd gnd sar_inv
Xt1 d  m1 cn cp vdd gnd sar_tgate
Xm1 m1 rb m2 vdd gnd sar_nand2
Xm2 m2 sb m3 vdd gnd sar_nand2
Xt2 m3 m1 cp cn vdd gnd sar_tgate w=90n
Xt3 m2 s1 cp cn vdd gnd sar_tgate
Xs1 s1 sb s2 vdd gnd sar_nand2
Xs2 s2 rb s3 vdd gnd sar_nand2
Xt4 s3 s1 cn cp vdd gnd sar_tgate w=90n
Xq1 s1 q  vdd gnd sar_inv wn=270n wp=405n
Xq2 q  qb vdd gnd sar_inv
.ends sar_dff

* One position: sequencer flip-flop and code flip-flop.  The sequencer output sets the code bit for its trial; the
* rise of the following bit (next) stores the decision.
.subckt sar_bit prev ck cmp next sbseq rbseq rbcode go code codeb vdd gnd
Xseq prev ck sbseq rbseq go gob vdd gnd sar_dff
Xcode cmp next gob rbcode code codeb vdd gnd sar_dff
.ends sar_bit

.subckt sar_logic sample clk cmp code[7] code[6] code[5] code[4] code[3] code[2] code[1] code[0] codeb[7]
+ codeb[6] codeb[5] codeb[4] codeb[3] codeb[2] codeb[1] codeb[0] eoc vdd gnd
Xr1 sample rb vdd gnd sar_inv wn=1u wp=1.5u
Xtail go[0] clk vdd rb eoc eocb vdd gnd sar_dff
Xbit[7] gnd clk cmp code[6] rb vdd vdd go[7] code[7] codeb[7] vdd gnd sar_bit
Xbit[6] go[7] clk cmp code[5] vdd rb rb go[6] code[6] codeb[6] vdd gnd sar_bit
Xbit[5] go[6] clk cmp code[4] vdd rb rb go[5] code[5] codeb[5] vdd gnd sar_bit
Xbit[4] go[5] clk cmp code[3] vdd rb rb go[4] code[4] codeb[4] vdd gnd sar_bit
Xbit[3] go[4] clk cmp code[2] vdd rb rb go[3] code[3] codeb[3] vdd gnd sar_bit
Xbit[2] go[3] clk cmp code[1] vdd rb rb go[2] code[2] codeb[2] vdd gnd sar_bit
Xbit[1] go[2] clk cmp code[0] vdd rb rb go[1] code[1] codeb[1] vdd gnd sar_bit
Xbit[0] go[1] clk cmp eoc vdd rb rb go[0] code[0] codeb[0] vdd gnd sar_bit
.ends sar_logic

.subckt adc_sar_slice inp inn sample clk code[7] code[6] code[5] code[4] code[3] code[2] code[1] code[0] eoc
+ vrefp vrefn vcm ibias vdd gnd
Xsw inp inn topp topn sample vdd gnd switch_bootstrapped
Xdacp topp gnd codeb[7] codeb[6] codeb[5] codeb[4] codeb[3] codeb[2] codeb[1] codeb[0] vrefp vrefn vcm vdd gnd
+ dac_capacitive
Xdacn topn gnd code[7] code[6] code[5] code[4] code[3] code[2] code[1] code[0] vrefp vrefn vcm vdd gnd
+ dac_capacitive
Xck clk clkb vdd gnd sar_inv wn=540n wp=810n
Xcmp topp topn clkb cmp cmpb ibias vdd gnd comparator_strongarm
Xlogic sample clk cmp code[7] code[6] code[5] code[4] code[3] code[2] code[1] code[0] codeb[7] codeb[6]
+ codeb[5] codeb[4] codeb[3] codeb[2] codeb[1] codeb[0] eoc vdd gnd sar_logic
.ends adc_sar_slice
