# SPDX-License-Identifier: BSD-2-Clause
# Unit tests: tests/unit/test_NAME.c with cmocka and the shipped sources it names in one of its
# first lines, /* sources: hv/lib/a.c hv/lib/b.c */, built for the host under ASan and UBSan. A
# further line /* cflags: -DX */ adds flags for all of that test's sources. Sources in a line
# /* traced: a.c b.c */ call the test at each of their accesses to memory (explore.h). Shims for
# what a source includes and a host program lacks lie in tests/unit/include, which comes first. A
# program with a line /* long: SECONDS */ is run a second time by check-long, with the argument
# `long`.
UNIT_B     := $(B)/tests/unit
UNIT_NAMES := $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c)))
UNIT_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer -fno-strict-aliasing -Wall -Wextra -Wshadow -Wno-unused-parameter \
    -Werror -DUNIT_TEST -D__XEN_TOOLS__ -DHOSPES_VERSION='"test"' -Itests/unit/include \
    -Ihv/include -Ipv/include -MMD -MP
unit_line = $(strip $(shell sed -n '1,12s,^.*/\* $(2): \(.*\) \*/.*$$,\1,p' tests/unit/$(1).c))

# GCC's instrumentation for ThreadSanitizer, without its run-time library.
UNIT_TRACED := -fno-sanitize=all -fsanitize=thread --param tsan-distinguish-volatile=1 \
    --param tsan-instrument-func-entry-exit=0 -Wno-tsan

# Those that TESTS names, where it is a glob that make understands: one star at the most.
UNIT_GLOB   := $(notdir $(TESTS))
UNIT_WANTED := $(if $(or $(findstring ?,$(UNIT_GLOB)),$(findstring [,$(UNIT_GLOB)),$(word 3,\
    $(subst *, ,x$(UNIT_GLOB)x))),,$(if $(UNIT_GLOB),test_$(subst *,%,$(UNIT_GLOB))))

units: $(patsubst %,$(UNIT_B)/%,$(if $(UNIT_WANTED),$(filter $(UNIT_WANTED),$(UNIT_NAMES)),\
       $(UNIT_NAMES)))

# Every test compiles its sources for itself: their flags may differ.
define unit_rules
$(UNIT_B)/$(1): $(UNIT_B)/$(1).d/tests/unit/$(1).o \
		$(patsubst %.c,$(UNIT_B)/$(1).d/%.o,$(call unit_line,$(1),sources)) \
		$(patsubst %.c,$(UNIT_B)/$(1).d/traced/%.o,$(call unit_line,$(1),traced))
	$$(call say,LD,$$@)
	$$(Q)$$(CC) -fsanitize=address,undefined $$^ -lcmocka $(call unit_line,$(1),libs) -o $$@
$(UNIT_B)/$(1).d/%.o: %.c
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(UNIT_CFLAGS) $(call unit_line,$(1),cflags) -c $$< -o $$@
$(UNIT_B)/$(1).d/traced/%.o: %.c
	$$(call say,CC,$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(UNIT_CFLAGS) $$(UNIT_TRACED) $(call unit_line,$(1),cflags) -c $$< -o $$@
-include $(wildcard $(UNIT_B)/$(1).d/*/*/*/*.d $(UNIT_B)/$(1).d/*/*/*.d $(UNIT_B)/$(1).d/*/*.d)
endef
$(foreach n,$(UNIT_NAMES),$(eval $(call unit_rules,$(n))))
.PHONY: units
