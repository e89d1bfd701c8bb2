# SPDX-License-Identifier: BSD-2-Clause
# Packages, dom0's kernel and initramfs, and `make run`, whose variables README.md lists.
CACHE    ?= $(B)/cache
RUN_VARS := HYPERVISOR KERNEL INITRD MEM CPUS MACHINE BOARD FIRMWARE ACCEL BOCHS_CPU HVARGS DOM0ARGS DISK AFTER \
            LOG SILENCE LIMIT
# Values go to the shell in single quotes, with any single quote in them quoted.
quoted    = '$(subst ','\'',$(1))'

# What tests/system boots beside the hypervisor.
TEST_SYSTEM_NEEDS := $(B)/vmlinuz $(B)/initrd.img

.PHONY: deps run run-parts kernel initrd

deps:
	@tools/deps.sh

# A part that the caller gives is not built.
RUN_PARTS = $(if $(HYPERVISOR),,$(B)/hospes.gz) $(if $(KERNEL),,$(B)/vmlinuz) \
            $(if $(INITRD),,$(B)/initrd.img)

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
	@$(MAKE) --no-print-directory $(B)/initrd.img

$(B)/vmlinuz: tools/image/packages.py
	$(call say,FETCH,$@)
	$(Q)mkdir -p $(@D) && path=$$(python3 $< $(CACHE) kernel) && rm -f $@ && cp "$$path" $@

$(B)/initrd.img: tools/image/initrd.py tools/image/init tools/image/packages.py | $(B)/vmlinuz
	$(call say,INITRD,$@)
	$(Q)python3 $< $(CACHE) $@
