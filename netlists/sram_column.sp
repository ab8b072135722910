* One data column of a static memory: 64 rows, four bit-line pairs, one sense amplifier, 45 nm
*
* 256 six-transistor cells hang on four bit-line pairs, which are precharged to vdd between accesses.  A read raises one
* word line; the selected cell pulls one of its bit lines down, the column multiplexer passes the pair to
* the latch-type sense amplifier, and sen fires it.  A write drives the multiplexed pair to the full levels of din.
* Word lines have a driver each; the row decoder is outside, it supplies the active-low lines wlb[63:0].
*
* Supply 1.0 V (vdd, gnd); pcb active low, sel[3:0] one-hot, wen and sen active high.
* Typical: 100 mV on the bit lines within 100 ps, read in 300 ps.

.param sr_l = 50n
.param sr_wpd = 205n   ; pull-down
.param sr_wpg = 135n   ; access
.param sr_wpu = 90n    ; pull-up

.subckt sr_cell bl br wl vdd gnd
MPD1 q  qb gnd gnd nmos_vtg w={sr_wpd} l={sr_l}
MPD2 qb q  gnd gnd nmos_vtg w={sr_wpd} l={sr_l}
MPU1 q  qb vdd vdd pmos_vtg w={sr_wpu} l={sr_l}
MPU2 qb q  vdd vdd pmos_vtg w={sr_wpu} l={sr_l}
MPG1 bl wl q  gnd nmos_vtg w={sr_wpg} l={sr_l}
MPG2 br wl qb gnd nmos_vtg w={sr_wpg} l={sr_l}
.ends sr_cell

.subckt sr_inv in out vdd gnd wn=180n wp=360n
MN out in gnd gnd nmos_vtg w={wn} l={sr_l}
MP out in vdd vdd pmos_vtg w={wp} l={sr_l}
.ends sr_inv

.subckt sr_wldriver in wl vdd gnd
X1 in wl vdd gnd sr_inv wn=900n wp=1.8u
.ends sr_wldriver

.subckt sr_precharge bl br pcb vdd
MP1 bl pcb vdd vdd pmos_vtg w=540n l={sr_l}
MP2 br pcb vdd vdd pmos_vtg w=540n l={sr_l}
MEQ bl pcb br vdd pmos_vtg w=360n l={sr_l}
.ends sr_precharge

.subckt sr_colmux bl br bl_out br_out sel vdd gnd
X1 sel selb vdd gnd sr_inv
MN1 bl sel  bl_out gnd nmos_vtg w=1.44u l={sr_l} nf=2
MN2 br sel  br_out gnd nmos_vtg w=1.44u l={sr_l} nf=2
MP1 bl selb bl_out vdd pmos_vtg w=720n l={sr_l}
MP2 br selb br_out vdd pmos_vtg w=720n l={sr_l}
.ends sr_colmux

* Tri-state driver: both lines float while en is low.
.subckt sr_tribuf in out en enb vdd gnd
MP2 p in  vdd vdd pmos_vtg w=2.88u l={sr_l} nf=2
MP1 out enb p vdd pmos_vtg w=2.88u l={sr_l} nf=2
MN1 out en  n gnd nmos_vtg w=2.16u l={sr_l} nf=2
MN2 n in  gnd gnd nmos_vtg w=2.16u l={sr_l} nf=2
.ends sr_tribuf

.subckt sr_writedriver din bl br en vdd gnd
X1 din db vdd gnd sr_inv
X2 db d vdd gnd sr_inv
X3 en enb vdd gnd sr_inv
Xl db bl en enb vdd gnd sr_tribuf
Xr d  br en enb vdd gnd sr_tribuf
.ends sr_writedriver

* Latch with isolation: the pair follows bl/br while en is low, regenerates when en is high.
.subckt sr_senseamp bl br dout en vdd gnd
MI1 bl en s  vdd pmos_vtg w=720n l={sr_l}
MI2 br en sb vdd pmos_vtg w=720n l={sr_l}
MP1 s  sb vdd vdd pmos_vtg w=540n l={sr_l}
MP2 sb s  vdd vdd pmos_vtg w=540n l={sr_l}
MN1 s  sb t gnd nmos_vtg w=270n l=100n
MN2 sb s  t gnd nmos_vtg w=270n l=100n
MT  t en gnd gnd nmos_vtg w=720n l={sr_l}
X1 sb dout vdd gnd sr_inv wn=360n wp=720n
X2 s  sx   vdd gnd sr_inv wn=360n wp=720n   ; equal load on the other side
.ends sr_senseamp

.subckt sr_array bl[0] br[0] bl[1] br[1] bl[2] br[2] bl[3] br[3] wl[0] wl[1] wl[2] wl[3] wl[4] wl[5] wl[6]
+ wl[7] wl[8] wl[9] wl[10] wl[11] wl[12] wl[13] wl[14] wl[15] wl[16] wl[17] wl[18] wl[19] wl[20] wl[21] wl[22]
+ wl[23] wl[24] wl[25] wl[26] wl[27] wl[28] wl[29] wl[30] wl[31] wl[32] wl[33] wl[34] wl[35] wl[36] wl[37]
+ wl[38] wl[39] wl[40] wl[41] wl[42] wl[43] wl[44] wl[45] wl[46] wl[47] wl[48] wl[49] wl[50] wl[51] wl[52]
+ wl[53] wl[54] wl[55] wl[56] wl[57] wl[58] wl[59] wl[60] wl[61] wl[62] wl[63] vdd gnd
Xbit_r0_c0 bl[0] br[0] wl[0] vdd gnd sr_cell
Xbit_r0_c1 bl[1] br[1] wl[0] vdd gnd sr_cell
Xbit_r0_c2 bl[2] br[2] wl[0] vdd gnd sr_cell
Xbit_r0_c3 bl[3] br[3] wl[0] vdd gnd sr_cell
Xbit_r1_c0 bl[0] br[0] wl[1] vdd gnd sr_cell
Xbit_r1_c1 bl[1] br[1] wl[1] vdd gnd sr_cell
Xbit_r1_c2 bl[2] br[2] wl[1] vdd gnd sr_cell
Xbit_r1_c3 bl[3] br[3] wl[1] vdd gnd sr_cell
Xbit_r2_c0 bl[0] br[0] wl[2] vdd gnd sr_cell
Xbit_r2_c1 bl[1] br[1] wl[2] vdd gnd sr_cell
Xbit_r2_c2 bl[2] br[2] wl[2] vdd gnd sr_cell
Xbit_r2_c3 bl[3] br[3] wl[2] vdd gnd sr_cell
Xbit_r3_c0 bl[0] br[0] wl[3] vdd gnd sr_cell
Xbit_r3_c1 bl[1] br[1] wl[3] vdd gnd sr_cell
Xbit_r3_c2 bl[2] br[2] wl[3] vdd gnd sr_cell
Xbit_r3_c3 bl[3] br[3] wl[3] vdd gnd sr_cell
Xbit_r4_c0 bl[0] br[0] wl[4] vdd gnd sr_cell
Xbit_r4_c1 bl[1] br[1] wl[4] vdd gnd sr_cell
Xbit_r4_c2 bl[2] br[2] wl[4] vdd gnd sr_cell
Xbit_r4_c3 bl[3] br[3] wl[4] vdd gnd sr_cell
Xbit_r5_c0 bl[0] br[0] wl[5] vdd gnd sr_cell
Xbit_r5_c1 bl[1] br[1] wl[5] vdd gnd sr_cell
Xbit_r5_c2 bl[2] br[2] wl[5] vdd gnd sr_cell
Xbit_r5_c3 bl[3] br[3] wl[5] vdd gnd sr_cell
Xbit_r6_c0 bl[0] br[0] wl[6] vdd gnd sr_cell
Xbit_r6_c1 bl[1] br[1] wl[6] vdd gnd sr_cell
Xbit_r6_c2 bl[2] br[2] wl[6] vdd gnd sr_cell
Xbit_r6_c3 bl[3] br[3] wl[6] vdd gnd sr_cell
Xbit_r7_c0 bl[0] br[0] wl[7] vdd gnd sr_cell
Xbit_r7_c1 bl[1] br[1] wl[7] vdd gnd sr_cell
Xbit_r7_c2 bl[2] br[2] wl[7] vdd gnd sr_cell
Xbit_r7_c3 bl[3] br[3] wl[7] vdd gnd sr_cell
Xbit_r8_c0 bl[0] br[0] wl[8] vdd gnd sr_cell
Xbit_r8_c1 bl[1] br[1] wl[8] vdd gnd sr_cell
Xbit_r8_c2 bl[2] br[2] wl[8] vdd gnd sr_cell
Xbit_r8_c3 bl[3] br[3] wl[8] vdd gnd sr_cell
Xbit_r9_c0 bl[0] br[0] wl[9] vdd gnd sr_cell
Xbit_r9_c1 bl[1] br[1] wl[9] vdd gnd sr_cell
Xbit_r9_c2 bl[2] br[2] wl[9] vdd gnd sr_cell
Xbit_r9_c3 bl[3] br[3] wl[9] vdd gnd sr_cell
Xbit_r10_c0 bl[0] br[0] wl[10] vdd gnd sr_cell
Xbit_r10_c1 bl[1] br[1] wl[10] vdd gnd sr_cell
Xbit_r10_c2 bl[2] br[2] wl[10] vdd gnd sr_cell
Xbit_r10_c3 bl[3] br[3] wl[10] vdd gnd sr_cell
Xbit_r11_c0 bl[0] br[0] wl[11] vdd gnd sr_cell
Xbit_r11_c1 bl[1] br[1] wl[11] vdd gnd sr_cell
Xbit_r11_c2 bl[2] br[2] wl[11] vdd gnd sr_cell
Xbit_r11_c3 bl[3] br[3] wl[11] vdd gnd sr_cell
Xbit_r12_c0 bl[0] br[0] wl[12] vdd gnd sr_cell
Xbit_r12_c1 bl[1] br[1] wl[12] vdd gnd sr_cell
Xbit_r12_c2 bl[2] br[2] wl[12] vdd gnd sr_cell
Xbit_r12_c3 bl[3] br[3] wl[12] vdd gnd sr_cell
Xbit_r13_c0 bl[0] br[0] wl[13] vdd gnd sr_cell
Xbit_r13_c1 bl[1] br[1] wl[13] vdd gnd sr_cell
Xbit_r13_c2 bl[2] br[2] wl[13] vdd gnd sr_cell
Xbit_r13_c3 bl[3] br[3] wl[13] vdd gnd sr_cell
Xbit_r14_c0 bl[0] br[0] wl[14] vdd gnd sr_cell
Xbit_r14_c1 bl[1] br[1] wl[14] vdd gnd sr_cell
Xbit_r14_c2 bl[2] br[2] wl[14] vdd gnd sr_cell
Xbit_r14_c3 bl[3] br[3] wl[14] vdd gnd sr_cell
Xbit_r15_c0 bl[0] br[0] wl[15] vdd gnd sr_cell
Xbit_r15_c1 bl[1] br[1] wl[15] vdd gnd sr_cell
Xbit_r15_c2 bl[2] br[2] wl[15] vdd gnd sr_cell
Xbit_r15_c3 bl[3] br[3] wl[15] vdd gnd sr_cell
Xbit_r16_c0 bl[0] br[0] wl[16] vdd gnd sr_cell
Xbit_r16_c1 bl[1] br[1] wl[16] vdd gnd sr_cell
Xbit_r16_c2 bl[2] br[2] wl[16] vdd gnd sr_cell
Xbit_r16_c3 bl[3] br[3] wl[16] vdd gnd sr_cell
Xbit_r17_c0 bl[0] br[0] wl[17] vdd gnd sr_cell
Xbit_r17_c1 bl[1] br[1] wl[17] vdd gnd sr_cell
Xbit_r17_c2 bl[2] br[2] wl[17] vdd gnd sr_cell
Xbit_r17_c3 bl[3] br[3] wl[17] vdd gnd sr_cell
Xbit_r18_c0 bl[0] br[0] wl[18] vdd gnd sr_cell
Xbit_r18_c1 bl[1] br[1] wl[18] vdd gnd sr_cell
Xbit_r18_c2 bl[2] br[2] wl[18] vdd gnd sr_cell
Xbit_r18_c3 bl[3] br[3] wl[18] vdd gnd sr_cell
Xbit_r19_c0 bl[0] br[0] wl[19] vdd gnd sr_cell
Xbit_r19_c1 bl[1] br[1] wl[19] vdd gnd sr_cell
Xbit_r19_c2 bl[2] br[2] wl[19] vdd gnd sr_cell
Xbit_r19_c3 bl[3] br[3] wl[19] vdd gnd sr_cell
Xbit_r20_c0 bl[0] br[0] wl[20] vdd gnd sr_cell
Xbit_r20_c1 bl[1] br[1] wl[20] vdd gnd sr_cell
Xbit_r20_c2 bl[2] br[2] wl[20] vdd gnd sr_cell
Xbit_r20_c3 bl[3] br[3] wl[20] vdd gnd sr_cell
Xbit_r21_c0 bl[0] br[0] wl[21] vdd gnd sr_cell
Xbit_r21_c1 bl[1] br[1] wl[21] vdd gnd sr_cell
Xbit_r21_c2 bl[2] br[2] wl[21] vdd gnd sr_cell
Xbit_r21_c3 bl[3] br[3] wl[21] vdd gnd sr_cell
Xbit_r22_c0 bl[0] br[0] wl[22] vdd gnd sr_cell
Xbit_r22_c1 bl[1] br[1] wl[22] vdd gnd sr_cell
Xbit_r22_c2 bl[2] br[2] wl[22] vdd gnd sr_cell
Xbit_r22_c3 bl[3] br[3] wl[22] vdd gnd sr_cell
Xbit_r23_c0 bl[0] br[0] wl[23] vdd gnd sr_cell
Xbit_r23_c1 bl[1] br[1] wl[23] vdd gnd sr_cell
Xbit_r23_c2 bl[2] br[2] wl[23] vdd gnd sr_cell
Xbit_r23_c3 bl[3] br[3] wl[23] vdd gnd sr_cell
Xbit_r24_c0 bl[0] br[0] wl[24] vdd gnd sr_cell
Xbit_r24_c1 bl[1] br[1] wl[24] vdd gnd sr_cell
Xbit_r24_c2 bl[2] br[2] wl[24] vdd gnd sr_cell
Xbit_r24_c3 bl[3] br[3] wl[24] vdd gnd sr_cell
Xbit_r25_c0 bl[0] br[0] wl[25] vdd gnd sr_cell
Xbit_r25_c1 bl[1] br[1] wl[25] vdd gnd sr_cell
Xbit_r25_c2 bl[2] br[2] wl[25] vdd gnd sr_cell
Xbit_r25_c3 bl[3] br[3] wl[25] vdd gnd sr_cell
Xbit_r26_c0 bl[0] br[0] wl[26] vdd gnd sr_cell
Xbit_r26_c1 bl[1] br[1] wl[26] vdd gnd sr_cell
Xbit_r26_c2 bl[2] br[2] wl[26] vdd gnd sr_cell
Xbit_r26_c3 bl[3] br[3] wl[26] vdd gnd sr_cell
Xbit_r27_c0 bl[0] br[0] wl[27] vdd gnd sr_cell
Xbit_r27_c1 bl[1] br[1] wl[27] vdd gnd sr_cell
Xbit_r27_c2 bl[2] br[2] wl[27] vdd gnd sr_cell
Xbit_r27_c3 bl[3] br[3] wl[27] vdd gnd sr_cell
Xbit_r28_c0 bl[0] br[0] wl[28] vdd gnd sr_cell
Xbit_r28_c1 bl[1] br[1] wl[28] vdd gnd sr_cell
Xbit_r28_c2 bl[2] br[2] wl[28] vdd gnd sr_cell
Xbit_r28_c3 bl[3] br[3] wl[28] vdd gnd sr_cell
Xbit_r29_c0 bl[0] br[0] wl[29] vdd gnd sr_cell
Xbit_r29_c1 bl[1] br[1] wl[29] vdd gnd sr_cell
Xbit_r29_c2 bl[2] br[2] wl[29] vdd gnd sr_cell
Xbit_r29_c3 bl[3] br[3] wl[29] vdd gnd sr_cell
Xbit_r30_c0 bl[0] br[0] wl[30] vdd gnd sr_cell
Xbit_r30_c1 bl[1] br[1] wl[30] vdd gnd sr_cell
Xbit_r30_c2 bl[2] br[2] wl[30] vdd gnd sr_cell
Xbit_r30_c3 bl[3] br[3] wl[30] vdd gnd sr_cell
Xbit_r31_c0 bl[0] br[0] wl[31] vdd gnd sr_cell
Xbit_r31_c1 bl[1] br[1] wl[31] vdd gnd sr_cell
Xbit_r31_c2 bl[2] br[2] wl[31] vdd gnd sr_cell
Xbit_r31_c3 bl[3] br[3] wl[31] vdd gnd sr_cell
Xbit_r32_c0 bl[0] br[0] wl[32] vdd gnd sr_cell
Xbit_r32_c1 bl[1] br[1] wl[32] vdd gnd sr_cell
Xbit_r32_c2 bl[2] br[2] wl[32] vdd gnd sr_cell
Xbit_r32_c3 bl[3] br[3] wl[32] vdd gnd sr_cell
Xbit_r33_c0 bl[0] br[0] wl[33] vdd gnd sr_cell
Xbit_r33_c1 bl[1] br[1] wl[33] vdd gnd sr_cell
Xbit_r33_c2 bl[2] br[2] wl[33] vdd gnd sr_cell
Xbit_r33_c3 bl[3] br[3] wl[33] vdd gnd sr_cell
Xbit_r34_c0 bl[0] br[0] wl[34] vdd gnd sr_cell
Xbit_r34_c1 bl[1] br[1] wl[34] vdd gnd sr_cell
Xbit_r34_c2 bl[2] br[2] wl[34] vdd gnd sr_cell
Xbit_r34_c3 bl[3] br[3] wl[34] vdd gnd sr_cell
Xbit_r35_c0 bl[0] br[0] wl[35] vdd gnd sr_cell
Xbit_r35_c1 bl[1] br[1] wl[35] vdd gnd sr_cell
Xbit_r35_c2 bl[2] br[2] wl[35] vdd gnd sr_cell
Xbit_r35_c3 bl[3] br[3] wl[35] vdd gnd sr_cell
Xbit_r36_c0 bl[0] br[0] wl[36] vdd gnd sr_cell
Xbit_r36_c1 bl[1] br[1] wl[36] vdd gnd sr_cell
Xbit_r36_c2 bl[2] br[2] wl[36] vdd gnd sr_cell
Xbit_r36_c3 bl[3] br[3] wl[36] vdd gnd sr_cell
Xbit_r37_c0 bl[0] br[0] wl[37] vdd gnd sr_cell
Xbit_r37_c1 bl[1] br[1] wl[37] vdd gnd sr_cell
Xbit_r37_c2 bl[2] br[2] wl[37] vdd gnd sr_cell
Xbit_r37_c3 bl[3] br[3] wl[37] vdd gnd sr_cell
Xbit_r38_c0 bl[0] br[0] wl[38] vdd gnd sr_cell
Xbit_r38_c1 bl[1] br[1] wl[38] vdd gnd sr_cell
Xbit_r38_c2 bl[2] br[2] wl[38] vdd gnd sr_cell
Xbit_r38_c3 bl[3] br[3] wl[38] vdd gnd sr_cell
Xbit_r39_c0 bl[0] br[0] wl[39] vdd gnd sr_cell
Xbit_r39_c1 bl[1] br[1] wl[39] vdd gnd sr_cell
Xbit_r39_c2 bl[2] br[2] wl[39] vdd gnd sr_cell
Xbit_r39_c3 bl[3] br[3] wl[39] vdd gnd sr_cell
Xbit_r40_c0 bl[0] br[0] wl[40] vdd gnd sr_cell
Xbit_r40_c1 bl[1] br[1] wl[40] vdd gnd sr_cell
Xbit_r40_c2 bl[2] br[2] wl[40] vdd gnd sr_cell
Xbit_r40_c3 bl[3] br[3] wl[40] vdd gnd sr_cell
Xbit_r41_c0 bl[0] br[0] wl[41] vdd gnd sr_cell
Xbit_r41_c1 bl[1] br[1] wl[41] vdd gnd sr_cell
Xbit_r41_c2 bl[2] br[2] wl[41] vdd gnd sr_cell
Xbit_r41_c3 bl[3] br[3] wl[41] vdd gnd sr_cell
Xbit_r42_c0 bl[0] br[0] wl[42] vdd gnd sr_cell
Xbit_r42_c1 bl[1] br[1] wl[42] vdd gnd sr_cell
Xbit_r42_c2 bl[2] br[2] wl[42] vdd gnd sr_cell
Xbit_r42_c3 bl[3] br[3] wl[42] vdd gnd sr_cell
Xbit_r43_c0 bl[0] br[0] wl[43] vdd gnd sr_cell
Xbit_r43_c1 bl[1] br[1] wl[43] vdd gnd sr_cell
Xbit_r43_c2 bl[2] br[2] wl[43] vdd gnd sr_cell
Xbit_r43_c3 bl[3] br[3] wl[43] vdd gnd sr_cell
Xbit_r44_c0 bl[0] br[0] wl[44] vdd gnd sr_cell
Xbit_r44_c1 bl[1] br[1] wl[44] vdd gnd sr_cell
Xbit_r44_c2 bl[2] br[2] wl[44] vdd gnd sr_cell
Xbit_r44_c3 bl[3] br[3] wl[44] vdd gnd sr_cell
Xbit_r45_c0 bl[0] br[0] wl[45] vdd gnd sr_cell
Xbit_r45_c1 bl[1] br[1] wl[45] vdd gnd sr_cell
Xbit_r45_c2 bl[2] br[2] wl[45] vdd gnd sr_cell
Xbit_r45_c3 bl[3] br[3] wl[45] vdd gnd sr_cell
Xbit_r46_c0 bl[0] br[0] wl[46] vdd gnd sr_cell
Xbit_r46_c1 bl[1] br[1] wl[46] vdd gnd sr_cell
Xbit_r46_c2 bl[2] br[2] wl[46] vdd gnd sr_cell
Xbit_r46_c3 bl[3] br[3] wl[46] vdd gnd sr_cell
Xbit_r47_c0 bl[0] br[0] wl[47] vdd gnd sr_cell
Xbit_r47_c1 bl[1] br[1] wl[47] vdd gnd sr_cell
Xbit_r47_c2 bl[2] br[2] wl[47] vdd gnd sr_cell
Xbit_r47_c3 bl[3] br[3] wl[47] vdd gnd sr_cell
Xbit_r48_c0 bl[0] br[0] wl[48] vdd gnd sr_cell
Xbit_r48_c1 bl[1] br[1] wl[48] vdd gnd sr_cell
Xbit_r48_c2 bl[2] br[2] wl[48] vdd gnd sr_cell
Xbit_r48_c3 bl[3] br[3] wl[48] vdd gnd sr_cell
Xbit_r49_c0 bl[0] br[0] wl[49] vdd gnd sr_cell
Xbit_r49_c1 bl[1] br[1] wl[49] vdd gnd sr_cell
Xbit_r49_c2 bl[2] br[2] wl[49] vdd gnd sr_cell
Xbit_r49_c3 bl[3] br[3] wl[49] vdd gnd sr_cell
Xbit_r50_c0 bl[0] br[0] wl[50] vdd gnd sr_cell
Xbit_r50_c1 bl[1] br[1] wl[50] vdd gnd sr_cell
Xbit_r50_c2 bl[2] br[2] wl[50] vdd gnd sr_cell
Xbit_r50_c3 bl[3] br[3] wl[50] vdd gnd sr_cell
Xbit_r51_c0 bl[0] br[0] wl[51] vdd gnd sr_cell
Xbit_r51_c1 bl[1] br[1] wl[51] vdd gnd sr_cell
Xbit_r51_c2 bl[2] br[2] wl[51] vdd gnd sr_cell
Xbit_r51_c3 bl[3] br[3] wl[51] vdd gnd sr_cell
Xbit_r52_c0 bl[0] br[0] wl[52] vdd gnd sr_cell
Xbit_r52_c1 bl[1] br[1] wl[52] vdd gnd sr_cell
Xbit_r52_c2 bl[2] br[2] wl[52] vdd gnd sr_cell
Xbit_r52_c3 bl[3] br[3] wl[52] vdd gnd sr_cell
Xbit_r53_c0 bl[0] br[0] wl[53] vdd gnd sr_cell
Xbit_r53_c1 bl[1] br[1] wl[53] vdd gnd sr_cell
Xbit_r53_c2 bl[2] br[2] wl[53] vdd gnd sr_cell
Xbit_r53_c3 bl[3] br[3] wl[53] vdd gnd sr_cell
Xbit_r54_c0 bl[0] br[0] wl[54] vdd gnd sr_cell
Xbit_r54_c1 bl[1] br[1] wl[54] vdd gnd sr_cell
Xbit_r54_c2 bl[2] br[2] wl[54] vdd gnd sr_cell
Xbit_r54_c3 bl[3] br[3] wl[54] vdd gnd sr_cell
Xbit_r55_c0 bl[0] br[0] wl[55] vdd gnd sr_cell
Xbit_r55_c1 bl[1] br[1] wl[55] vdd gnd sr_cell
Xbit_r55_c2 bl[2] br[2] wl[55] vdd gnd sr_cell
Xbit_r55_c3 bl[3] br[3] wl[55] vdd gnd sr_cell
Xbit_r56_c0 bl[0] br[0] wl[56] vdd gnd sr_cell
Xbit_r56_c1 bl[1] br[1] wl[56] vdd gnd sr_cell
Xbit_r56_c2 bl[2] br[2] wl[56] vdd gnd sr_cell
Xbit_r56_c3 bl[3] br[3] wl[56] vdd gnd sr_cell
Xbit_r57_c0 bl[0] br[0] wl[57] vdd gnd sr_cell
Xbit_r57_c1 bl[1] br[1] wl[57] vdd gnd sr_cell
Xbit_r57_c2 bl[2] br[2] wl[57] vdd gnd sr_cell
Xbit_r57_c3 bl[3] br[3] wl[57] vdd gnd sr_cell
Xbit_r58_c0 bl[0] br[0] wl[58] vdd gnd sr_cell
Xbit_r58_c1 bl[1] br[1] wl[58] vdd gnd sr_cell
Xbit_r58_c2 bl[2] br[2] wl[58] vdd gnd sr_cell
Xbit_r58_c3 bl[3] br[3] wl[58] vdd gnd sr_cell
Xbit_r59_c0 bl[0] br[0] wl[59] vdd gnd sr_cell
Xbit_r59_c1 bl[1] br[1] wl[59] vdd gnd sr_cell
Xbit_r59_c2 bl[2] br[2] wl[59] vdd gnd sr_cell
Xbit_r59_c3 bl[3] br[3] wl[59] vdd gnd sr_cell
Xbit_r60_c0 bl[0] br[0] wl[60] vdd gnd sr_cell
Xbit_r60_c1 bl[1] br[1] wl[60] vdd gnd sr_cell
Xbit_r60_c2 bl[2] br[2] wl[60] vdd gnd sr_cell
Xbit_r60_c3 bl[3] br[3] wl[60] vdd gnd sr_cell
Xbit_r61_c0 bl[0] br[0] wl[61] vdd gnd sr_cell
Xbit_r61_c1 bl[1] br[1] wl[61] vdd gnd sr_cell
Xbit_r61_c2 bl[2] br[2] wl[61] vdd gnd sr_cell
Xbit_r61_c3 bl[3] br[3] wl[61] vdd gnd sr_cell
Xbit_r62_c0 bl[0] br[0] wl[62] vdd gnd sr_cell
Xbit_r62_c1 bl[1] br[1] wl[62] vdd gnd sr_cell
Xbit_r62_c2 bl[2] br[2] wl[62] vdd gnd sr_cell
Xbit_r62_c3 bl[3] br[3] wl[62] vdd gnd sr_cell
Xbit_r63_c0 bl[0] br[0] wl[63] vdd gnd sr_cell
Xbit_r63_c1 bl[1] br[1] wl[63] vdd gnd sr_cell
Xbit_r63_c2 bl[2] br[2] wl[63] vdd gnd sr_cell
Xbit_r63_c3 bl[3] br[3] wl[63] vdd gnd sr_cell
.ends sr_array

.subckt sr_wldriver_array wlb[63] wlb[62] wlb[61] wlb[60] wlb[59] wlb[58] wlb[57] wlb[56] wlb[55] wlb[54]
+ wlb[53] wlb[52] wlb[51] wlb[50] wlb[49] wlb[48] wlb[47] wlb[46] wlb[45] wlb[44] wlb[43] wlb[42] wlb[41]
+ wlb[40] wlb[39] wlb[38] wlb[37] wlb[36] wlb[35] wlb[34] wlb[33] wlb[32] wlb[31] wlb[30] wlb[29] wlb[28]
+ wlb[27] wlb[26] wlb[25] wlb[24] wlb[23] wlb[22] wlb[21] wlb[20] wlb[19] wlb[18] wlb[17] wlb[16] wlb[15]
+ wlb[14] wlb[13] wlb[12] wlb[11] wlb[10] wlb[9] wlb[8] wlb[7] wlb[6] wlb[5] wlb[4] wlb[3] wlb[2] wlb[1]
+ wlb[0] wl[63] wl[62] wl[61] wl[60] wl[59] wl[58] wl[57] wl[56] wl[55] wl[54] wl[53] wl[52] wl[51] wl[50]
+ wl[49] wl[48] wl[47] wl[46] wl[45] wl[44] wl[43] wl[42] wl[41] wl[40] wl[39] wl[38] wl[37] wl[36] wl[35]
+ wl[34] wl[33] wl[32] wl[31] wl[30] wl[29] wl[28] wl[27] wl[26] wl[25] wl[24] wl[23] wl[22] wl[21] wl[20]
+ wl[19] wl[18] wl[17] wl[16] wl[15] wl[14] wl[13] wl[12] wl[11] wl[10] wl[9] wl[8] wl[7] wl[6] wl[5] wl[4]
+ wl[3] wl[2] wl[1] wl[0] vdd gnd
Xdrv[0] wlb[0] wl[0] vdd gnd sr_wldriver
Xdrv[1] wlb[1] wl[1] vdd gnd sr_wldriver
Xdrv[2] wlb[2] wl[2] vdd gnd sr_wldriver
Xdrv[3] wlb[3] wl[3] vdd gnd sr_wldriver
Xdrv[4] wlb[4] wl[4] vdd gnd sr_wldriver
Xdrv[5] wlb[5] wl[5] vdd gnd sr_wldriver
Xdrv[6] wlb[6] wl[6] vdd gnd sr_wldriver
Xdrv[7] wlb[7] wl[7] vdd gnd sr_wldriver
Xdrv[8] wlb[8] wl[8] vdd gnd sr_wldriver
Xdrv[9] wlb[9] wl[9] vdd gnd sr_wldriver
Xdrv[10] wlb[10] wl[10] vdd gnd sr_wldriver
Xdrv[11] wlb[11] wl[11] vdd gnd sr_wldriver
Xdrv[12] wlb[12] wl[12] vdd gnd sr_wldriver
Xdrv[13] wlb[13] wl[13] vdd gnd sr_wldriver
Xdrv[14] wlb[14] wl[14] vdd gnd sr_wldriver
Xdrv[15] wlb[15] wl[15] vdd gnd sr_wldriver
Xdrv[16] wlb[16] wl[16] vdd gnd sr_wldriver
Xdrv[17] wlb[17] wl[17] vdd gnd sr_wldriver
Xdrv[18] wlb[18] wl[18] vdd gnd sr_wldriver
Xdrv[19] wlb[19] wl[19] vdd gnd sr_wldriver
Xdrv[20] wlb[20] wl[20] vdd gnd sr_wldriver
Xdrv[21] wlb[21] wl[21] vdd gnd sr_wldriver
Xdrv[22] wlb[22] wl[22] vdd gnd sr_wldriver
Xdrv[23] wlb[23] wl[23] vdd gnd sr_wldriver
Xdrv[24] wlb[24] wl[24] vdd gnd sr_wldriver
Xdrv[25] wlb[25] wl[25] vdd gnd sr_wldriver
Xdrv[26] wlb[26] wl[26] vdd gnd sr_wldriver
Xdrv[27] wlb[27] wl[27] vdd gnd sr_wldriver
Xdrv[28] wlb[28] wl[28] vdd gnd sr_wldriver
Xdrv[29] wlb[29] wl[29] vdd gnd sr_wldriver
Xdrv[30] wlb[30] wl[30] vdd gnd sr_wldriver
Xdrv[31] wlb[31] wl[31] vdd gnd sr_wldriver
Xdrv[32] wlb[32] wl[32] vdd gnd sr_wldriver
Xdrv[33] wlb[33] wl[33] vdd gnd sr_wldriver
Xdrv[34] wlb[34] wl[34] vdd gnd sr_wldriver
Xdrv[35] wlb[35] wl[35] vdd gnd sr_wldriver
Xdrv[36] wlb[36] wl[36] vdd gnd sr_wldriver
Xdrv[37] wlb[37] wl[37] vdd gnd sr_wldriver
Xdrv[38] wlb[38] wl[38] vdd gnd sr_wldriver
Xdrv[39] wlb[39] wl[39] vdd gnd sr_wldriver
Xdrv[40] wlb[40] wl[40] vdd gnd sr_wldriver
Xdrv[41] wlb[41] wl[41] vdd gnd sr_wldriver
Xdrv[42] wlb[42] wl[42] vdd gnd sr_wldriver
Xdrv[43] wlb[43] wl[43] vdd gnd sr_wldriver
Xdrv[44] wlb[44] wl[44] vdd gnd sr_wldriver
Xdrv[45] wlb[45] wl[45] vdd gnd sr_wldriver
Xdrv[46] wlb[46] wl[46] vdd gnd sr_wldriver
Xdrv[47] wlb[47] wl[47] vdd gnd sr_wldriver
Xdrv[48] wlb[48] wl[48] vdd gnd sr_wldriver
Xdrv[49] wlb[49] wl[49] vdd gnd sr_wldriver
Xdrv[50] wlb[50] wl[50] vdd gnd sr_wldriver
Xdrv[51] wlb[51] wl[51] vdd gnd sr_wldriver
Xdrv[52] wlb[52] wl[52] vdd gnd sr_wldriver
Xdrv[53] wlb[53] wl[53] vdd gnd sr_wldriver
Xdrv[54] wlb[54] wl[54] vdd gnd sr_wldriver
Xdrv[55] wlb[55] wl[55] vdd gnd sr_wldriver
Xdrv[56] wlb[56] wl[56] vdd gnd sr_wldriver
Xdrv[57] wlb[57] wl[57] vdd gnd sr_wldriver
Xdrv[58] wlb[58] wl[58] vdd gnd sr_wldriver
Xdrv[59] wlb[59] wl[59] vdd gnd sr_wldriver
Xdrv[60] wlb[60] wl[60] vdd gnd sr_wldriver
Xdrv[61] wlb[61] wl[61] vdd gnd sr_wldriver
Xdrv[62] wlb[62] wl[62] vdd gnd sr_wldriver
Xdrv[63] wlb[63] wl[63] vdd gnd sr_wldriver
.ends sr_wldriver_array

.subckt sr_periphery bl[0] br[0] bl[1] br[1] bl[2] br[2] bl[3] br[3]
+ din dout pcb sel[3] sel[2] sel[1] sel[0] wen sen vdd gnd
Xpre_0 bl[0] br[0] pcb vdd sr_precharge
Xpre_1 bl[1] br[1] pcb vdd sr_precharge
Xpre_2 bl[2] br[2] pcb vdd sr_precharge
Xpre_3 bl[3] br[3] pcb vdd sr_precharge
Xmux_0 bl[0] br[0] bl_out br_out sel[0] vdd gnd sr_colmux
Xmux_1 bl[1] br[1] bl_out br_out sel[1] vdd gnd sr_colmux
Xmux_2 bl[2] br[2] bl_out br_out sel[2] vdd gnd sr_colmux
Xmux_3 bl[3] br[3] bl_out br_out sel[3] vdd gnd sr_colmux
Xprem bl_out br_out pcb vdd sr_precharge
Xwd din bl_out br_out wen vdd gnd sr_writedriver
Xsa bl_out br_out dout sen vdd gnd sr_senseamp
.ends sr_periphery

.subckt sram_column wlb[63] wlb[62] wlb[61] wlb[60] wlb[59] wlb[58] wlb[57] wlb[56] wlb[55] wlb[54] wlb[53]
+ wlb[52] wlb[51] wlb[50] wlb[49] wlb[48] wlb[47] wlb[46] wlb[45] wlb[44] wlb[43] wlb[42] wlb[41] wlb[40]
+ wlb[39] wlb[38] wlb[37] wlb[36] wlb[35] wlb[34] wlb[33] wlb[32] wlb[31] wlb[30] wlb[29] wlb[28] wlb[27]
+ wlb[26] wlb[25] wlb[24] wlb[23] wlb[22] wlb[21] wlb[20] wlb[19] wlb[18] wlb[17] wlb[16] wlb[15] wlb[14]
+ wlb[13] wlb[12] wlb[11] wlb[10] wlb[9] wlb[8] wlb[7] wlb[6] wlb[5] wlb[4] wlb[3] wlb[2] wlb[1] wlb[0] pcb
+ sel[3] sel[2] sel[1] sel[0] din wen sen dout vdd gnd
Xwld wlb[63] wlb[62] wlb[61] wlb[60] wlb[59] wlb[58] wlb[57] wlb[56] wlb[55] wlb[54] wlb[53] wlb[52] wlb[51]
+ wlb[50] wlb[49] wlb[48] wlb[47] wlb[46] wlb[45] wlb[44] wlb[43] wlb[42] wlb[41] wlb[40] wlb[39] wlb[38]
+ wlb[37] wlb[36] wlb[35] wlb[34] wlb[33] wlb[32] wlb[31] wlb[30] wlb[29] wlb[28] wlb[27] wlb[26] wlb[25]
+ wlb[24] wlb[23] wlb[22] wlb[21] wlb[20] wlb[19] wlb[18] wlb[17] wlb[16] wlb[15] wlb[14] wlb[13] wlb[12]
+ wlb[11] wlb[10] wlb[9] wlb[8] wlb[7] wlb[6] wlb[5] wlb[4] wlb[3] wlb[2] wlb[1] wlb[0] wl[63] wl[62] wl[61]
+ wl[60] wl[59] wl[58] wl[57] wl[56] wl[55] wl[54] wl[53] wl[52] wl[51] wl[50] wl[49] wl[48] wl[47] wl[46]
+ wl[45] wl[44] wl[43] wl[42] wl[41] wl[40] wl[39] wl[38] wl[37] wl[36] wl[35] wl[34] wl[33] wl[32] wl[31]
+ wl[30] wl[29] wl[28] wl[27] wl[26] wl[25] wl[24] wl[23] wl[22] wl[21] wl[20] wl[19] wl[18] wl[17] wl[16]
+ wl[15] wl[14] wl[13] wl[12] wl[11] wl[10] wl[9] wl[8] wl[7] wl[6] wl[5] wl[4] wl[3] wl[2] wl[1] wl[0] vdd
+ gnd sr_wldriver_array
Xarray bl[0] br[0] bl[1] br[1] bl[2] br[2] bl[3] br[3] wl[0] wl[1] wl[2] wl[3] wl[4] wl[5] wl[6] wl[7] wl[8]
+ wl[9] wl[10] wl[11] wl[12] wl[13] wl[14] wl[15] wl[16] wl[17] wl[18] wl[19] wl[20] wl[21] wl[22] wl[23]
+ wl[24] wl[25] wl[26] wl[27] wl[28] wl[29] wl[30] wl[31] wl[32] wl[33] wl[34] wl[35] wl[36] wl[37] wl[38]
+ wl[39] wl[40] wl[41] wl[42] wl[43] wl[44] wl[45] wl[46] wl[47] wl[48] wl[49] wl[50] wl[51] wl[52] wl[53]
+ wl[54] wl[55] wl[56] wl[57] wl[58] wl[59] wl[60] wl[61] wl[62] wl[63] vdd gnd sr_array
Xper bl[0] br[0] bl[1] br[1] bl[2] br[2] bl[3] br[3]
+ din dout pcb sel[3] sel[2] sel[1] sel[0] wen sen vdd gnd sr_periphery
.ends sram_column
