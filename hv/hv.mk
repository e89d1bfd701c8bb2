# SPDX-License-Identifier: BSD-2-Clause
# The hypervisor proper: every source below hv/, pv/, svm/ and vmx/, linked into one 64-bit image,
# wrapped as a 32-bit multiboot ELF (build/hospes) and compressed (build/hospes.gz).
HVB      := $(B)/obj-$(if $(filter y,$(debug)),debug,release)
HV_C     := $(sort $(wildcard hv/*/*.c pv/*.c svm/*.c vmx/*.c))
HV_S     := $(sort $(wildcard hv/*/*.S pv/*.S svm/*.S vmx/*.S))
# hv/boot/wrap.S is the 32-bit envelope, assembled apart from the image it holds.
HV_S     := $(filter-out hv/boot/wrap.S hv/boot/hospes.lds.S,$(HV_S))
HV_OBJS  := $(HV_C:%.c=$(HVB)/%.o) $(HV_S:%.S=$(HVB)/%.o)
HV_VERSION := 0.1

HV_CPP   := -nostdinc -isystem $(shell $(CC) -print-file-name=include 2>/dev/null) \
            -isystem $(HVB)/include -Ihv/include -Ipv/include -D__XEN_TOOLS__ \
            -DHOSPES_VERSION='"$(HV_VERSION)"' $(if $(filter y,$(debug)),-DDEBUG)
HV_CFLAGS := -std=gnu11 -O2 -g -m64 -ffreestanding -fno-builtin-printf -fpie -fvisibility=hidden \
            -mcmodel=small -mno-red-zone -mno-mmx -mno-sse -mno-avx -mno-80387 -msoft-float \
            -fno-asynchronous-unwind-tables -fno-stack-protector -fcf-protection=none \
            -mindirect-branch=thunk-extern -mindirect-branch-register \
            -mfunction-return=thunk-extern -fno-strict-aliasing -fno-common -fno-jump-tables -fno-delete-null-pointer-checks \
            -ffile-prefix-map=$(CURDIR)=. -Wall -Wextra -Wshadow -Wmissing-prototypes \
            -Wstrict-prototypes -Wundef -Wno-unused-parameter -Werror
HV_AFLAGS := -m64 -D__ASSEMBLY__ -g -ffile-prefix-map=$(CURDIR)=.

objects: $(HV_OBJS)

# The public Xen headers, and nothing else of the host's, are in the include path.
$(HVB)/include/xen:
	$(Q)mkdir -p $(@D) && ln -sfn /usr/include/xen $@

# hv/boot/unpack_*.c call Debian's static decoders and so see the host's headers of those libraries.
$(HVB)/hv/boot/unpack_%.o: private HV_CPP := -Ihv/include -isystem $(HVB)/include \
    $(if $(filter y,$(debug)),-DDEBUG)

$(HVB)/%.o: %.c | $(HVB)/include/xen $(HVB)/asm-offsets.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_CPP) $(HV_CFLAGS) $(CFLAGS-$<) -MMD -MP -c -o $@ $<

$(HVB)/%.o: %.S | $(HVB)/include/xen $(HVB)/asm-offsets.h
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_CPP) -I$(HVB) $(HV_AFLAGS) -MMD -MP -c -o $@ $<

# Structure offsets for assembly, read out of compiled C so that they cannot disagree with it.
$(HVB)/asm-offsets.h: hv/cpu/asm_offsets.c.in | $(HVB)/include/xen
	$(call say,GEN,$@)
	$(Q)$(CC) $(HV_CPP) $(HV_CFLAGS) -MMD -MP -MT $@ -MF $@.d -x c -S -o $@.s $<
	$(Q)sed -n 's/^.*->\([A-Za-z0-9_]*\) \$$\{0,1\}\(-\{0,1\}[0-9]*\).*/#define \1 \2/p' \
		$@.s > $@

HV_LIBS := $(addprefix /usr/lib/x86_64-linux-gnu/,liblzma.a libzstd.a liblz4.a libz.a)
HV_LINK  = $(LD) -m elf_x86_64 -static --no-dynamic-linker -z noexecstack -z max-page-size=4096 \
           --build-id=none --no-warn-rwx-segments --no-relax --orphan-handling=warn \
           $(LDFLAGS_HV) -T $(HVB)/hospes.lds

$(HVB)/hospes.lds: hv/boot/hospes.lds.S
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_CPP) -D__ASSEMBLY__ -E -P -MMD -MP -MT $@ -MF $@.d -o $@ $<

# Two links: the symbol table of the first is compiled into the second, whose code and data lie at
# the same addresses because the table comes last.
$(HVB)/syms0.S: hv/lib/mksyms.sh
	$(Q)mkdir -p $(@D)
	$(Q)sh $< </dev/null > $@
$(HVB)/hospes.pass1: $(HV_OBJS) $(HVB)/hospes.lds $(HVB)/syms0.S
	$(call say,LD,$@)
	$(Q)$(CC) -m64 -c -o $(HVB)/syms0.o $(HVB)/syms0.S
	$(Q)$(HV_LINK) -o $@ $(HV_OBJS) $(HVB)/syms0.o --start-group $(HV_LIBS) --end-group
$(HVB)/hospes.elf: $(HVB)/hospes.pass1 hv/lib/mksyms.sh
	$(call say,LD,$@)
	$(Q)nm -n $< | sh hv/lib/mksyms.sh > $(HVB)/syms1.S
	$(Q)$(CC) -m64 -c -o $(HVB)/syms1.o $(HVB)/syms1.S
	$(Q)$(HV_LINK) -o $@ $(HV_OBJS) $(HVB)/syms1.o --start-group $(HV_LIBS) --end-group

# Says which build lies in $(B), so that going from debug=y to release and back makes it anew.
.PHONY: hv-force
$(B)/flavour: hv-force
	$(Q)mkdir -p $(@D)
	$(Q)echo '$(HVB)' | cmp -s - $@ || echo '$(HVB)' > $@

$(B)/hospes: $(HVB)/hospes.elf hv/boot/wrap.S hv/boot/wrap.lds $(B)/flavour
	$(call say,WRAP,$@)
	$(Q)$(OBJCOPY) -O binary $< $(HVB)/hospes.bin
	$(Q)$(CC) -m32 -c -I$(HVB) -o $(HVB)/wrap.o hv/boot/wrap.S
	$(Q)$(LD) -m elf_i386 -T hv/boot/wrap.lds --no-warn-rwx-segments --build-id=none -o $@ \
		$(HVB)/wrap.o $$(nm $< | sed -n \
		's/^ffff8180\([0-9a-f]*\) . hv_\(start\|end\)$$/--defsym=image_\2=0x\1/p')
	$(Q)cp $< $(B)/hospes.elf

$(B)/hospes.gz: $(B)/hospes
	$(call say,GZIP,$@)
	$(Q)gzip -n -9 -c $< > $@

-include $(HV_OBJS:.o=.d) $(HVB)/asm-offsets.h.d $(HVB)/hospes.lds.d
