# SPDX-License-Identifier: BSD-2-Clause
# Fuzzers: tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput() and a line /* sources: a.c */ as unit
# tests have it, under ASan and UBSan. The engine is libFuzzer's, the compiler the one that builds
# what is shipped (coverage.c tells why). Seeds are the files of tests/fuzz/corpus/NAME, or what
# tests/fuzz/seeds.py makes.
FUZZ_B      := $(B)/tests/fuzz
FUZZ_NAMES  := $(sort $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_ENGINE  = $(lastword $(sort \
    $(wildcard /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a)))
FUZZ_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
    -fno-omit-frame-pointer -Wall -Wextra -Wno-unused-parameter -D_GNU_SOURCE -D__XEN_TOOLS__ \
    -DHV_UNIT_TEST -Itools/lib/include -Ihv/include
FUZZ_COVER  := -fsanitize-coverage=trace-pc,trace-cmp
fuzz_line = $(strip $(shell sed -n '1,12s,^.*/\* $(2): \(.*\) \*/.*$$,\1,p' tests/fuzz/fuzz_$(1).c))

fuzzers: $(FUZZ_NAMES:%=$(FUZZ_B)/%)

$(FUZZ_B)/coverage.o: tests/fuzz/coverage.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -Wall -Wextra -c $< -o $@

# The engine has an empty function of the name of coverage.c's; the first one is taken.
define fuzz_rules
$(FUZZ_B)/$(1): tests/fuzz/fuzz_$(1).c $(call fuzz_line,$(1),sources) $(FUZZ_B)/coverage.o \
		$(wildcard tools/lib/include/hospes/*.h hv/boot/*.h hv/include/hv/loader.h)
	$$(call say,FUZZ,$$@)
	$$(Q)$$(if $$(FUZZ_ENGINE),,echo "error: libFuzzer is missing: package libclang-rt-dev"; exit 1;) \
	    $$(CC) $$(FUZZ_CFLAGS) $$(FUZZ_COVER) $$(filter %.c %.o,$$^) $$(FUZZ_ENGINE) \
	    -Wl,--allow-multiple-definition -lstdc++ -lm $(call fuzz_line,$(1),libs) -o $$@
endef
$(foreach n,$(FUZZ_NAMES),$(eval $(call fuzz_rules,$(n))))
.PHONY: fuzzers
