# SPDX-License-Identifier: BSD-2-Clause
# Packages, dom0's kernel and initramfs, and `make run`, whose variables README.md lists.
CACHE    ?= $(B)/cache
RUN_VARS := HYPERVISOR KERNEL INITRD GUESTS MEM CPUS MACHINE BOARD FIRMWARE ACCEL BOCHS_CPU HVARGS \
            DOM0ARGS DISK AFTER LOG SILENCE LIMIT
# Values go to the shell in single quotes, with any single quote in them quoted.
quoted    = '$(subst ','\'',$(1))'

# What tests/system boots beside the hypervisor.
TEST_SYSTEM_NEEDS := $(B)/vmlinuz $(B)/initrd.img $(B)/toolstack.img $(B)/dom0.img

.PHONY: deps run run-parts kernel initrd

deps:
	@tools/deps.sh

# A part that the caller gives is not built.
RUN_PARTS = $(if $(HYPERVISOR),,$(B)/hospes.gz) $(if $(KERNEL),,$(B)/vmlinuz) \
            $(if $(INITRD),,$(B)/dom0.img)

run-parts: $(RUN_PARTS)
	@:

# Packages come before anything is read or built with them, so the parts are a make of their own.
run:
	@tools/run/parts.sh $(MAKE) --no-print-directory run-parts
	@python3 tools/run/run.py BUILD=$(B) \
		$(foreach v,$(RUN_VARS),$(if $($(v)),$(v)=$(call quoted,$($(v)))))

kernel: deps
	@$(MAKE) --no-print-directory $(B)/vmlinuz
initrd: deps
	@$(MAKE) --no-print-directory $(B)/initrd.img $(B)/toolstack.img $(B)/dom0.img

$(B)/vmlinuz: tools/image/packages.py
	$(call say,FETCH,$@)
	$(Q)mkdir -p $(@D) && path=$$(python3 $< $(CACHE) kernel) && rm -f $@ && cp "$$path" $@

$(B)/initrd.img: tools/image/initrd.py tools/image/init tools/image/packages.py | $(B)/vmlinuz
	$(call say,INITRD,$@)
	$(Q)python3 $< $(CACHE) $@

$(B)/toolstack.img: tools/image/toolstack.py tools/image/initrd.py tools/image/packages.py
	$(call say,INITRD,$@)
	$(Q)mkdir -p $(@D) && python3 $< $(CACHE) $@

$(B)/guest.img: tools/image/guest.py tools/image/initrd.py tools/image/packages.py \
        $(shell find tools/image/guest -type f) | $(B)/vmlinuz
	$(call say,INITRD,$@)
	$(Q)mkdir -p $(@D) && python3 $< $(CACHE) $@

# Domain 0 as a host of guests: with the tools, and a guest's kernel and initramfs.
$(B)/dom0.img: tools/image/dom0.py $(shell find tools/image/dom0 -type f) $(B)/initrd.img \
        $(B)/toolstack.img $(B)/guest.img $(B)/vmlinuz $(B)/tools/hospes
	$(call say,INITRD,$@)
	$(Q)python3 $< $(CACHE) $@ --parts $(B)/initrd.img $(B)/toolstack.img \
	    --hospes $(B)/tools/hospes --guest $(B)/vmlinuz $(B)/guest.img

# The library, of our own sources and the hypervisor's kernel loader, and the commands.
TOOLS_B      := $(B)/tools
TOOLS_CFLAGS := -std=gnu11 -O2 -g -D_GNU_SOURCE -D__XEN_TOOLS__ -DHV_UNIT_TEST -Wall -Wextra \
    -Wshadow -Wmissing-prototypes -Werror -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE \
    -DHOSPES_VERSION='"$(HV_VERSION)"' -Itools/lib/include -Ihv/include -MMD -MP
TOOLS_LDFLAGS := -pie -Wl,-z,relro,-z,now
LOADER_SRC   := $(addprefix hv/boot/,elf.c bzimage.c unpack.c unpack_gzip.c unpack_lz4.c \
    unpack_lzma2.c unpack_xz.c unpack_xz_fast.c unpack_zstd.c)
HOSPES_OBJ   := $(patsubst %.c,$(TOOLS_B)/%.o,$(wildcard tools/hospes/*.c) \
    $(wildcard tools/lib/*.c) $(LOADER_SRC))
HOSPES_LIBS  := -lxencall -lxenforeignmemory -lxenevtchn -lxengnttab -lxenstore -ljson-c -llzma \
    -lzstd -llz4 -lz

.PHONY: tools
tools: $(TOOLS_B)/hospes $(TOOLS_B)/hospes.8 $(TOOLS_B)/hospes.cfg.5 $(TOOLS_B)/hospes.bash
# Manual pages and completion are made of the command's own tables.
$(TOOLS_B)/hospes.8 $(TOOLS_B)/hospes.cfg.5: $(TOOLS_B)/hospes
	$(Q)$< manual $(@F) > $@
$(TOOLS_B)/hospes.bash: $(TOOLS_B)/hospes
	$(Q)$< completion > $@
$(TOOLS_B)/hospes: $(HOSPES_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(TOOLS_LDFLAGS) $^ $(HOSPES_LIBS) -o $@
$(TOOLS_B)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TOOLS_CFLAGS) -c $< -o $@
-include $(HOSPES_OBJ:.o=.d)
