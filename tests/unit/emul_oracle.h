/* SPDX-License-Identifier: BSD-2-Clause */
/* Unicorn with the same machine as emul_machine.h. */
#ifndef EMUL_ORACLE_H
#define EMUL_ORACLE_H

#include "emul_machine.h"

#define NO_FAULT 0xff

struct oracle_state {
    uint64_t reg[16], rip, rflags;
    uint16_t selector[6];
    uint8_t xmm[8][16];
    unsigned int fault; /* vector, or NO_FAULT */
};

bool oracle_start(void);
/* Brings Unicorn and the machine into a mode; the memory of both gets the same random contents. */
void oracle_enter(struct machine *m, enum emul_mode mode);
/* Makes both again what oracle_enter() left, memory apart. */
void oracle_reset(struct machine *m, enum emul_mode mode);
/* Gives Unicorn the memory that the machine has now. */
void oracle_begin(const struct machine *m);
/* After a jump Unicorn must find a HLT to stop at, and not an instruction that it knows already. */
bool oracle_can_stop_at(const struct machine *m, unsigned int len);
/* Gives Unicorn the machine's registers and performs the instruction at its RIP. */
void oracle_run(const struct machine *m, struct oracle_state *s);
/* Removes the instruction at the machine's RIP. */
void oracle_end(struct machine *m);
/* Where the memories differ, 0 if nowhere; *theirs: what is there in Unicorn's. */
uint32_t oracle_memory_differs(const uint8_t *memory, uint8_t *theirs);

#endif
