# SPDX-License-Identifier: BSD-2-Clause
# Tests. See doc/testing.md.
#   make check            everything that fits the time limit    TESTS=GLOB       tests so named
#   make check-unit       unit tests, fuzzers, source checks     HYPERVISOR=FILE  another image
#   make check-guests     micro-guests                           MACHINE=bochs    in Bochs
#   make check-system     whole systems                          XEN=no           without Xen 4.17
#   make check-long       all of that, soak loops and fuzzing    JOBS=1           one at a time
B  ?= build
CC ?= gcc
LD ?= ld
Q  ?= @
ifeq ($(origin say),undefined)
say = @printf '  %-7s %s\n' '$(1)' '$(2)'
endif

include tests/guests/guests.mk
include tests/unit/unit.mk
include tests/fuzz/fuzz.mk

TEST_VARS := TESTS HYPERVISOR MACHINE BOCHS_CPU XEN JOBS LIST
run_tests  = @python3 tests/run.py BUILD=$(B) GROUPS=$(1) $(foreach v,$(TEST_VARS),$(if \
             $($(v)),$(v)='$($(v))')) $(2)

# What the header check compiles with; changes only when the flags do.
$(B)/tests/hv-flags: FORCE
	@mkdir -p $(@D)
	@echo '$(HV_CPP) $(filter-out -MMD -MP -O2 -g,$(HV_CFLAGS))' > $@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv $@.new $@

# The image is built unless the caller gives one.
TEST_HV := $(if $(HYPERVISOR),,$(B)/hospes.gz)
SOURCE_NEEDS := $(B)/tests/hv-flags $(HVB)/asm-offsets.h

# With TESTS=GROUP/GLOB the programs of other groups are not built.
TEST_GROUP := $(if $(findstring /,$(TESTS)),$(firstword $(subst /, ,$(TESTS))))
PROGRAMS-unit  := units
PROGRAMS-fuzz  := fuzzers
PROGRAMS-guest := guests
PROGRAMS = $(foreach g,$(GROUPS_TO_RUN),$(if $(TEST_GROUP),$(if $(filter $(g),$(TEST_GROUP)),\
           $(PROGRAMS-$(g))),$(PROGRAMS-$(g))))
GROUPS_TO_RUN := unit fuzz guest
check-unit: GROUPS_TO_RUN := unit fuzz
check-guests: GROUPS_TO_RUN := guest

# A test program that does not build is a failed test, not the end of all.
test-programs:
	@mkdir -p $(B)/tests
	$(if $(strip $(PROGRAMS)),@$(MAKE) --no-print-directory -k $(strip $(PROGRAMS)) 2>&1 | \
		tee $(B)/tests/build.log,@:)

# All cores, unless make was told how many.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

check: deps
	@$(MAKE) --no-print-directory $(PARALLEL) check-now
check-now: test-programs $(TEST_HV) $(SOURCE_NEEDS) $(TEST_SYSTEM_NEEDS)
	$(call run_tests,source$(,)unit$(,)fuzz$(,)guest$(,)system)
check-long: deps
	@$(MAKE) --no-print-directory $(PARALLEL) check-long-now
check-long-now: test-programs $(TEST_HV) $(SOURCE_NEEDS) $(TEST_SYSTEM_NEEDS)
	$(call run_tests,source$(,)unit$(,)fuzz$(,)guest$(,)system,LONG=yes)
check-unit: test-programs $(SOURCE_NEEDS)
	$(call run_tests,source$(,)unit$(,)fuzz)
check-guests: test-programs $(TEST_HV)
	$(call run_tests,guest)
check-system: $(TEST_HV) $(TEST_SYSTEM_NEEDS)
	$(call run_tests,system)

, := ,
.PHONY: test-programs check check-now check-long check-long-now FORCE
.PHONY: check-unit check-guests check-system
FORCE:
