# SPDX-License-Identifier: BSD-2-Clause
# Micro-guests: every folder tests/guests/NAME with a main.c becomes build/tests/guests/NAME.elf,
# linked with all of tests/guests/lib. tests/bench/guest is one more program of the same kind.
GUEST_B    := $(B)/tests/guests
GUEST_LIB  := tests/guests/lib
GUEST_NAMES := $(sort $(patsubst tests/guests/%/main.c,%,$(wildcard tests/guests/*/main.c)))
GUEST_ELFS := $(GUEST_NAMES:%=$(GUEST_B)/%.elf)
GUEST_LIB_SRC := $(sort $(wildcard $(GUEST_LIB)/*.c))
GUEST_LIB_OBJ := $(GUEST_B)/lib/start.o $(GUEST_LIB_SRC:$(GUEST_LIB)/%.c=$(GUEST_B)/lib/%.o)

# Folders hvm-*: hardware-assisted guests, with another start, traps and memory.
HVM_LIB_OBJ := $(GUEST_B)/lib/hvm/start.o \
    $(patsubst $(GUEST_LIB)/%.c,$(GUEST_B)/lib/%.o,$(wildcard $(GUEST_LIB)/hvm/*.c)) \
    $(addprefix $(GUEST_B)/lib/,clock.o event.o grant.o pack.o report.o str.o)

GUEST_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel \
    -mno-red-zone -mno-sse -mno-mmx -mno-80387 -fno-stack-protector -fcf-protection=none \
    -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-omit-frame-pointer \
    -ffunction-sections -fdata-sections -fno-tree-loop-distribute-patterns \
    -Wall -Wextra -Wshadow -Wmissing-prototypes -Werror -MMD -MP \
    -I$(GUEST_LIB) -I$(GUEST_LIB)/hvm -isystem /usr/include -D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=0x00041300 \
    -ffile-prefix-map=$(CURDIR)/=

guests: $(GUEST_ELFS) $(GUEST_B)/bench.elf

$(GUEST_B)/lib/%.o: $(GUEST_LIB)/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@

$(GUEST_B)/lib/start.o: $(GUEST_LIB)/start.S
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -D__ASSEMBLY__ -isystem /usr/include -g -MMD -MP -c $< -o $@

$(GUEST_B)/lib/hvm/start.o: $(GUEST_LIB)/hvm/start.S
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -D__ASSEMBLY__ -isystem /usr/include -g -MMD -MP -c $< -o $@

$(GUEST_B)/obj/%.o: tests/guests/%/main.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@

$(GUEST_B)/obj/bench.o: tests/bench/guest/main.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c $< -o $@

# What the program calls itself in its verdict: the folder's name.
$(GUEST_B)/obj/%.name.o:
	@mkdir -p $(@D)
	$(Q)printf 'const char program_name[] = "%s";\n' '$*' | \
	    $(CC) -std=gnu11 -mcmodel=kernel -fno-pic -x c -c - -o $@

$(GUEST_B)/hvm-%.elf: $(GUEST_B)/obj/hvm-%.o $(GUEST_B)/obj/hvm-%.name.o $(HVM_LIB_OBJ) \
    $(GUEST_LIB)/guest.lds
	$(call say,LD,$@)
	$(Q)$(LD) -n --gc-sections --build-id=none -z noexecstack --no-warn-rwx-segments \
	    -T $(GUEST_LIB)/guest.lds $< $(GUEST_B)/obj/hvm-$*.name.o $(HVM_LIB_OBJ) -o $@

$(GUEST_B)/%.elf: $(GUEST_B)/obj/%.o $(GUEST_B)/obj/%.name.o $(GUEST_LIB_OBJ) $(GUEST_LIB)/guest.lds
	$(call say,LD,$@)
	$(Q)$(LD) -n --gc-sections --build-id=none -z noexecstack --no-warn-rwx-segments \
	    -T $(GUEST_LIB)/guest.lds $< $(GUEST_B)/obj/$*.name.o $(GUEST_LIB_OBJ) -o $@

-include $(wildcard $(GUEST_B)/lib/*.d $(GUEST_B)/lib/hvm/*.d $(GUEST_B)/obj/*.d)
.PRECIOUS: $(GUEST_B)/obj/%.o $(GUEST_B)/obj/%.name.o $(GUEST_B)/lib/%.o
.PHONY: guests
