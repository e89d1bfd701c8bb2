# SPDX-License-Identifier: BSD-2-Clause
# Hospes: `make` builds build/hospes.gz; `make run` and `make check` do all the rest. See README.md.
#   make V=1      show commands        make debug=y  assertions, lock-order checks, frame poisoning
B       := build
debug   ?= n
V       ?= 0
CC      := gcc
LD      := ld
OBJCOPY := objcopy
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

.PHONY: all objects clean
.DELETE_ON_ERROR:
.SECONDEXPANSION:
all: $(B)/hospes.gz

include hv/hv.mk
-include tools/tools.mk
-include tests/tests.mk

clean:
	$(Q)rm -rf $(filter-out $(B)/cache,$(wildcard $(B)/*))
