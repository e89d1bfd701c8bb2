/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 64-bit image. Order: headers and entry, what is freed after boot, text, read-only data with
 * the symbol table at its end (it grows in the second link and may move nothing that it describes),
 * data, bss.
 */
#include <hv/page.h>

OUTPUT_FORMAT("elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(boot_entry32)

SECTIONS
{
    . = HV_IMAGE_START + HV_LOAD_ADDR;
    hv_start = .;
    .head : { KEEP(*(.head)) }

    . = ALIGN(PAGE_SIZE);
    init_start = .;
    .init.text : { *(.init.text .init.text.*) }
    . = ALIGN(PAGE_SIZE);
    init_data_start = .;
    .init.data : { *(.init.page_aligned) *(.init.data .init.data.*) *(.init.rodata .init.rodata.*)
        . = ALIGN(4);
        boot_fixup_start = .;
        KEEP(*(.boot_fixup))
        boot_fixup_end = .;
    }
    . = ALIGN(PAGE_SIZE);
    init_end = .;

    text_start = .;
    .text : {
        *(.text.entry .text.entry.*)
        /* With XPTI it is all that stays mapped of the text (pv/xpti.c). */
        . = ALIGN(PAGE_SIZE);
        text_entry_end = .;
        *(.text.hot .text.hot.*)
        *(.text .text.*)
    }
    . = ALIGN(PAGE_SIZE);
    text_end = .;

    rodata_start = .;
    .rodata : {
        *(.rodata .rodata.* .data.rel.ro .data.rel.ro.*)
        . = ALIGN(8);
        __start_param_table = .;
        KEEP(*(.param_table))
        __stop_param_table = .;
        . = ALIGN(8);
        ex_table_start = .;
        KEEP(*(.ex_table))
        ex_table_end = .;
        alternatives_start = .;
        KEEP(*(.alternatives))
        alternatives_end = .;
        . = ALIGN(8);
        hvm_vendors_start = .;
        KEEP(*(.hvm_vendors))
        hvm_vendors_end = .;
        init_array_start = .;
        KEEP(*(.init_array .init_array.*))
        init_array_end = .;
        init_array_start = .;
        KEEP(*(.init_array .init_array.* .ctors))
        init_array_end = .;
        *(.got .got.plt)
        . = ALIGN(8);
        KEEP(*(.syms))
    }
    . = ALIGN(PAGE_SIZE);
    rodata_end = .;

    data_start = .;
    .data : {
        *(.data.page_aligned)
        ro_after_init_start = .;
        *(.data.ro_after_init .data.ro_after_init.*)
        . = ALIGN(PAGE_SIZE);
        ro_after_init_end = .;
        *(.data.read_mostly .data.read_mostly.*)
        *(.data .data.* .tm_clone_table)
    }
    . = ALIGN(PAGE_SIZE);
    .percpu : {
        percpu_start = .;
        *(.percpu .percpu.*)
        . = ALIGN(64);
        percpu_end = .;
    }
    . = ALIGN(PAGE_SIZE);
    bss_start = .;
    .bss (NOLOAD) : {
        *(.bss.page_aligned)
        *(.bss .bss.* COMMON)
        . = ALIGN(64);
        percpu_template = .;
        . += SIZEOF(.percpu);
        . = ALIGN(PAGE_SIZE);
    }
    hv_end = .;
    ASSERT(hv_end - hv_start < 0x1e00000, "the image exceeds what the boot page tables map")

    .debug_info 0 : { *(.debug_info) }
    .debug_abbrev 0 : { *(.debug_abbrev) }
    .debug_aranges 0 : { *(.debug_aranges) }
    .debug_line 0 : { *(.debug_line) }
    .debug_line_str 0 : { *(.debug_line_str) }
    .debug_str 0 : { *(.debug_str) }
    .debug_frame 0 : { *(.debug_frame) }
    .debug_loc 0 : { *(.debug_loc) }
    .debug_loclists 0 : { *(.debug_loclists) }
    .debug_ranges 0 : { *(.debug_ranges) }
    .debug_rnglists 0 : { *(.debug_rnglists) }
    .comment 0 : { *(.comment) }
    .symtab 0 : { *(.symtab) }
    .strtab 0 : { *(.strtab) }
    .shstrtab 0 : { *(.shstrtab) }
    /DISCARD/ : {
        *(.eh_frame .eh_frame_hdr .note .note.* .gnu.* .interp .dynamic .rela.*)
        *(.iplt .igot .igot.plt)
    }
}
