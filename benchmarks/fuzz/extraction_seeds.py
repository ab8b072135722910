"""Extraction results with everything the readers know, to begin fuzzing with."""

from __future__ import annotations

import re

SPICE = """* cell
.subckt inv A Y VDD gnd
Cg0 A 0 1.2e-16
Cc0 A Y 3.4fF
Cc1 Y A 3.4fF $ remark
C3 Y
+ gnd 0.1p ; more
C4 a b c=2f m=3
C5 A Y mimcap w=1u l=2u
M1 Y A gnd gnd nch w=1u
X1 Y A VDD VDD sky130_fd_pr__pfet_01v8 w=1 l=0.15
R1 A A:1 10
R2 A:1 A:2 1.5k
R3 Y N_Y_c_1_n 5 $[rp]
C6 A:2 0 1f
C7 Y#2 Y.n3 1f
.include models.sp
.ends inv
"""
PIECES = """*|P M1:G a M1:G M2:G
*|P m a
*|P s 0 M1:S
.subckt t a b
C1 M1:G b 1f
C2 m 0 2f
C3 M1:G s 4f
.ends
"""
CALIBRE = """* Program "Calibre xRC"
.include "net.pex"
.subckt inv GND VDD A Y
MM0 N_Y_MM0_d N_A_MM0_g N_GND_MM0_s GND NMOS L=5e-08 W=2e-07
.include "inv.pxi"
.ends
*%%file net.pex
.subckt PM_INV%A 1 2 5
c4 9 0 0.02f
c6 5 0 0.01f
r6 1 9 10
r7 9 2 12
r8 9 5 12
.ends
.subckt PM_INV%GND 1 2
c5 2 0 0.03f
r6 1 2 10
.ends
*%%file inv.pxi
x_PM_INV%A N_A_MM0_g N_A_c_2_n A PM_INV%A
x_PM_INV%GND N_GND_MM0_s GND PM_INV%GND
cc_1 N_A_MM0_g N_Y_MM0_d 0.5f
cc_2 A Y 0.25f
"""
SPECTRE = r"""// File
simulator lang=spectre
subckt PM_inv\%A ( 1 2 )
c26 ( 5 0 ) capacitor c=0.0625f //x=0.495
r35 ( 1 5 ) resistor r=4.30252 //w=0.357 \
 //thickness=0.1
r36 ( 5 2 ) resistor r=4.3
ends PM_inv\%A
subckt inv ( A Y )
M0 ( N_Y_M0_d N_A_M0_g 0 \
 0 ) NMOS l=0.16 w=2.3
x1 ( A N_A_M0_g ) PM_inv\%A
cc_1 ( N_Y_M0_d N_A_M0_g ) capacitor c=0.25f
ends inv
"""
LEVELS = """.param unit=2f
.subckt inv a y k=1
X0 y a 0 0 nfet w=1
C0 a y 'unit*k'
C1 y 0 -1f
.ends
Xu1 in mid inv k=3
Xu2 mid out inv m=2
C0 in mid 5f
"""
DSPF = """*|DSPF 1.3
*|DESIGN "amp"
*|DIVIDER /
*|DELIMITER :
*|GROUND_NET 0 VSS
.SUBCKT amp in out VSS
*|NET in 0.0046PF
*|P (in I 0 1 2)
*|I (x1/M1:G x1/M1 G I 0 1 2)
*|S (in:1 1 2)
*|S (in:2 1 2) // $llx=1
R1 in in:1 10
C1 in:1 0 1.6f
C2 in:1 out:7 2e-15
C3 x1/M1:G VSS:3 1FF
*|NET out 3 FF
*|I (x1/M1:D x1/M1 D I 0 1 2)
*|S (out:7 1 2)
C4 out:7 VSS 1f
C5 out:7 in:1 2e-15
*|NET VSS 1PF
* Instance Section
MM1 x1/M1:D x1/M1:G VSS VSS nmos
+ w=1u
.ENDS
"""
SPEF = """*SPEF "IEEE 1481-1998"
*DESIGN "amp"
*DIVIDER /
*DELIMITER :
*BUS_DELIMITER [ ]
*T_UNIT 1 NS
*C_UNIT 1 FF
*R_UNIT 1 OHM
*L_UNIT 1 HENRY
*NAME_MAP
*1 in
*2 out\\[0\\]
*3 x1/M1
*POWER_NETS vdd
*GROUND_NETS VSS
*PORTS
*1 I
*D_NET *1 3.75
*CONN
*P *1 I
*I *3:G I *D nch
*CAP
1 *1:1 1 // remark
2 *3:G 2:2.5:3
3 *1:1 *2:1 0.25
4 *3:G vdd 0.5
*RES
1 *3:G *1:1 0
*END
*D_NET *2 0.25
*CONN
*I *3:D O
*CAP
1 *2:1 *1:1 0.25 *SC 1:2
*END
*R_NET vdd 8
*DRIVER *3:S
*CELL x
*C2_R1_C1 4 1 4
*END
"""
MAGIC = """timestamp 1600000000
version 8.3
tech sky130A
style ngspice()
scale 1000 1 500000
resistclasses 4400000 2200000
use sub u1 1 0 0 0 1 0
use sub u2[0:1:10][0:0:5] 1 0 10 0 1 0
node "A" 10 12.5 0 0 li 0 0
port "A" 1 0 0 1 1 m1
equiv "A" "a_1#"
node "Y" 10 2.5 0 0 li 0 0
substrate "VSUBS" 0 0 0 0 pw
cap "A" "Y" 33.25
cap "A" "u1/q" 1
merge "Y" "u1/p" -0.5
killnode "z"
rnode "z.n1" 0 1 0 0 0
resist "z.n1" "z.n2" 5
subcap "A" -0.5
device msubckt nfet 0 0 1 1 l=30 w=200 "VSUBS" "A" 60 0 "Y" 200 0 "VSUBS" 200 0
fet pfet 0 0 1 1 2 4 "VSUBS" "A" 4 0 "Y" 2 0 "vdd!" 2 0
*%%file sub.ext
tech sky130A
scale 1000 1 500000
node "p" 1 2 0 0 li
node "q" 1 3 0 0 li
substrate "VSUBS" 0 0 0 0 pw
cap "p" "q" 7
"""

FILES = (SPICE, PIECES, CALIBRE, SPECTRE, LEVELS, DSPF, SPEF, MAGIC)
LINES = [line for text in FILES for line in text.splitlines() if line]
WORDS = re.findall(
    r"\S+",
    r"""
.subckt .ends .include .end .macro .eom *|NET *|I *|P *|S *|GROUND_NET *|DELIMITER *|DESIGN *|DSPF *SPEF
*DESIGN *C_UNIT *NAME_MAP *D_NET *R_NET *CONN *CAP *RES *END *INDUC *SC *DELIMITER *PORTS *GROUND_NETS
*POWER_NETS *C2_R1_C1 // /* */ simulator lang=spectre subckt ends capacitor resistor scale node cap merge
equiv port use substrate killnode rnode resist subcap device fet " \ + $ ; # : / . | [ ] fF PF 1e-15 1e999
nan -1 0 1f 1_0 c= r= m= w= l= N_a_c_1_n PM_x%y x_PM_
""",
)
