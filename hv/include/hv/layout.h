/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's part of the address space: top-level slots 256-271, given by the Xen x86-64 PV
 * ABI (xen/arch-x86/xen-x86_64.h). Everything else belongs to the guest.
 *
 *   slot 256           0xffff800000000000  machine-to-physical table (256 GiB; guests may read it)
 *   slot 257           0xffff808000000000  per-domain area: GDT and LDT windows of its vCPUs
 *   slot 258           0xffff810000000000  frame table (struct page_info per frame)
 *   slot 259           0xffff818000000000  hypervisor image, stacks, per-CPU copies, ioremap window
 *   slot 260           0xffff820000000000  machine-to-physical table again, to be written
 *   slots 264-271      0xffff840000000000  direct map of all RAM, 4 TiB
 * Slots 261-263 are reserved.
 */
#ifndef HV_LAYOUT_H
#define HV_LAYOUT_H

#ifdef __ASSEMBLY__
#define _UL(x) x
#else
#define _UL(x) x##UL
#endif

#define HV_FIRST_SLOT 256
#define HV_LAST_SLOT 271
#define PERDOMAIN_SLOT 257
#define HV_IMAGE_SLOT 259
#define DIRECTMAP_SLOT 264

#define HV_VIRT_START _UL(0xffff800000000000)
#define HV_VIRT_END _UL(0xffff880000000000)
#define M2P_VIRT_START _UL(0xffff800000000000)
#define M2P_VIRT_END _UL(0xffff804000000000)
#define PERDOMAIN_VIRT_START _UL(0xffff808000000000)
#define FRAMETABLE_VIRT_START _UL(0xffff810000000000)
#define FRAMETABLE_VIRT_END _UL(0xffff818000000000)
#define HV_IMAGE_START _UL(0xffff818000000000)   /* text, data: 1 GiB */
#define STACKS_VIRT_START _UL(0xffff818040000000) /* 512 MiB: STACK_SIZE per CPU, guard pages
                                                     unmapped */
#define PERCPU_VIRT_START _UL(0xffff818060000000) /* per-CPU data copies and SYSCALL
                                                     stubs, within 2 GiB of the image */
#define IOREMAP_VIRT_START _UL(0xffff818080000000) /* ioremap, fixed mappings: 256 GiB */
#define IOREMAP_VIRT_END _UL(0xffff81c080000000)
#define M2P_RW_VIRT_START _UL(0xffff820000000000)
#define DIRECTMAP_VIRT_START _UL(0xffff840000000000)
#define DIRECTMAP_VIRT_END _UL(0xffff880000000000)

/* The boot page tables map so much of it. */
#define BOOT_DIRECTMAP_LIMIT _UL(0x100000000)

/* The image is linked at HV_IMAGE_START + this machine address and loaded there, or higher by a
   multiple of the alignment and wholly below the limit where that is taken. */
#define HV_LOAD_ADDR 0x200000
#define HV_LOAD_ALIGN 0x200000
#define HV_LOAD_LIMIT 0xfe000000

/* A vCPU's window in the per-domain area: 16 pages of GDT (14 guest frames, 2 of the
   hypervisor), 16 pages of LDT. */
#define GDT_LDT_VCPU_SHIFT 17
#define GDT_VIRT_START(vcpu_id)                                                                    \
    (PERDOMAIN_VIRT_START + ((unsigned long)(vcpu_id) << GDT_LDT_VCPU_SHIFT))
#define LDT_VIRT_START(vcpu_id) (GDT_VIRT_START(vcpu_id) + 0x10000)

#endif
