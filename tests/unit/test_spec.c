/* SPDX-License-Identifier: BSD-2-Clause */
/* Which CPU leaks what, and what is done about it: CPUs of all ages, with the microcode they have
 * today or without; and the words of spec-ctrl= and its kin. */
/* sources: hv/cpu/spec_bugs.c hv/cpu/spec_policy.c hv/cpu/spec_options.c */
/* sources: hv/boot/cmdline.c hv/lib/string.c */
/* cflags: -DHV_UNIT_TEST -fno-builtin -Dmemcpy=hv_memcpy -Dmemmove=hv_memmove -Dmemset=hv_memset */
/* cflags: -Dmemcmp=hv_memcmp -Dmemchr=hv_memchr -Dstrlen=hv_strlen -Dstrnlen=hv_strnlen */
/* cflags: -Dstrcmp=hv_strcmp -Dstrncmp=hv_strncmp -Dstrchr=hv_strchr -Dstrstr=hv_strstr */
/* cflags: -Dstrlcpy=hv_strlcpy -Dstrtoul=hv_strtoul */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hv/msr_index.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/spec.h>
#include "../../hv/boot/boot_private.h"

static unsigned int complaints;
void printk(const char *fmt, ...) { complaints++; }

#define F(name) X86_FEATURE_##name
#define END 0xffff
#define B(name) BIT(BUG_##name)
#define ALWAYS (B(BOUNDS) | B(BRANCH))
/* What every Intel CPU up to Skylake has. */
#define OLD_INTEL (ALWAYS | B(MELTDOWN) | B(SSB) | B(LAZY_FPU) | B(L1TF) | B(MDS))
/* Microcode of 2018: Spectre 2, SSB, L1TF. */
#define UCODE_2018 F(IBRSB), F(STIBP), F(SSBD), F(L1D_FLUSH)

struct sample {
    const char *name;
    uint32_t vendor, family, model, stepping, ucode, paddr_bits;
    bool smt, sbpb;
    uint16_t features[24];
    uint32_t bugs, open;
    enum branch_thunk thunk;
    uint32_t ctrl;
    const char *pv;     /* what the hypervisor does for PV guests, see summary() */
};

static const struct sample samples[] = {
    { "Nehalem, never updated", VENDOR_intel, 6, 0x1a, 5, 0x11, 40, true, false, { END },
      OLD_INTEL, B(BRANCH) | B(SSB) | B(MDS), THUNK_RETPOLINE, 0, "rsb xpti l1tf" },
    { "Nehalem", VENDOR_intel, 6, 0x1a, 5, 0x1d, 40, true, false, { UCODE_2018, END },
      OLD_INTEL, B(MDS), THUNK_RETPOLINE, 0, "msr rsb ibpb xpti l1tf l1d" },
    { "Sandy Bridge", VENDOR_intel, 6, 0x2a, 7, 0x2f, 36, true, false,
      { UCODE_2018, F(MD_CLEAR), F(AVX), F(PCID), END },
      OLD_INTEL, 0, THUNK_RETPOLINE, 0, "msr rsb verw ibpb xpti l1tf l1d" },
    { "Haswell", VENDOR_intel, 6, 0x3c, 3, 0x28, 39, true, false,
      { UCODE_2018, F(MD_CLEAR), F(SRBDS_CTRL), F(AVX), F(RTM), F(SMEP), F(PCID), F(INVPCID), END },
      OLD_INTEL | B(SRBDS), 0, THUNK_RETPOLINE, 0,
      "msr verw ibpb xpti pcid l1tf l1d srb" },
    { "Haswell, never updated", VENDOR_intel, 6, 0x3c, 3, 0x7, 39, true, false,
      { F(AVX), F(RTM), F(SMEP), F(PCID), F(INVPCID), END },
      OLD_INTEL | B(SRBDS), B(BRANCH) | B(SSB) | B(MDS) | B(SRBDS), THUNK_RETPOLINE, 0,
      "xpti pcid l1tf" },
    { "Skylake", VENDOR_intel, 6, 0x5e, 3, 0xf0, 39, true, false,
      { UCODE_2018, F(MD_CLEAR), F(SRBDS_CTRL), F(AVX), F(SMEP), F(PCID), F(INVPCID), F(ARCH_CAPS),
        F(RSBA), F(GDS_CTRL), END },
      OLD_INTEL | B(SRBDS) | B(MMIO) | B(RETBLEED) | B(GDS), 0, THUNK_JMP,
      SPEC_CTRL_IBRS | SPEC_CTRL_STIBP, "msr verw ibpb xpti pcid l1tf l1d srb gds idle-ctrl" },
    { "Cascade Lake", VENDOR_intel, 6, 0x55, 7, 0x5003605, 46, true, false,
      { UCODE_2018, F(MD_CLEAR), F(AVX), F(RTM), F(SMEP), F(PCID), F(INVPCID), F(ARCH_CAPS),
        F(RDCL_NO), F(EIBRS), F(SKIP_L1DFL), F(MDS_NO), F(TSX_CTRL), F(FB_CLEAR), F(RRSBA),
        F(GDS_CTRL), END },
      ALWAYS | B(SSB) | B(LAZY_FPU) | B(TAA) | B(MMIO) | B(GDS) | B(BHI) | B(ITS), 0, THUNK_JMP,
      SPEC_CTRL_IBRS | SPEC_CTRL_STIBP, "msr bhb ibpb notsx gds its idle-ctrl" },
    { "Ice Lake", VENDOR_intel, 6, 0x6a, 6, 0xd0003a5, 46, true, false,
      { UCODE_2018, F(MD_CLEAR), F(AVX), F(SMEP), F(PCID), F(INVPCID), F(ARCH_CAPS), F(RDCL_NO),
        F(EIBRS), F(SKIP_L1DFL), F(MDS_NO), F(TAA_NO), F(FB_CLEAR), F(RRSBA), F(GDS_CTRL), END },
      ALWAYS | B(SSB) | B(LAZY_FPU) | B(MMIO) | B(GDS) | B(BHI) | B(ITS), 0, THUNK_JMP,
      SPEC_CTRL_IBRS | SPEC_CTRL_STIBP, "msr bhb ibpb gds its idle-ctrl" },
    { "Sapphire Rapids", VENDOR_intel, 6, 0x8f, 8, 0x2b0004d0, 46, true, false,
      { UCODE_2018, F(MD_CLEAR), F(AVX), F(SMEP), F(PCID), F(INVPCID), F(ARCH_CAPS), F(RDCL_NO),
        F(EIBRS), F(SKIP_L1DFL), F(MDS_NO), F(TAA_NO), F(SBDR_SSDP_NO), F(FBSDP_NO), F(PSDP_NO),
        F(RRSBA), F(BHI_CTRL), F(INTEL_PSFD), F(PBRSB_NO), END },
      ALWAYS | B(SSB) | B(LAZY_FPU) | B(BHI), 0, THUNK_JMP,
      SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_BHI_DIS_S, "msr ibpb idle-ctrl" },
    { "Alder Lake", VENDOR_intel, 6, 0x97, 2, 0x35, 46, true, false,
      { UCODE_2018, F(MD_CLEAR), F(AVX), F(SMEP), F(PCID), F(INVPCID), F(ARCH_CAPS), F(RDCL_NO),
        F(EIBRS), F(MDS_NO), F(SBDR_SSDP_NO), F(FBSDP_NO), F(PSDP_NO), F(BHI_CTRL), F(RFDS_CLEAR),
        END },
      ALWAYS | B(SSB) | B(LAZY_FPU) | B(BHI) | B(RFDS), 0, THUNK_JMP,
      SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_BHI_DIS_S, "msr verw ibpb idle-ctrl" },
    { "Zen 1", VENDOR_amd, 0x17, 1, 2, 0x800126f, 48, true, false,
      { F(IBPB), F(SMEP), F(AVX), END },
      ALWAYS | B(SSB) | B(RETBLEED) | B(RSB_SMT) | B(SRSO) | B(DIV), 0, THUNK_RETPOLINE, 0,
      "ibpb-entry div idle-rsb" },
    { "Zen 1, one thread", VENDOR_amd, 0x17, 1, 2, 0x800126f, 48, false, false,
      { F(IBPB), F(SMEP), F(AVX), END },
      ALWAYS | B(SSB) | B(RETBLEED) | B(DIV), 0, THUNK_RETPOLINE, 0, "ibpb-entry div" },
    { "Zen 1, never updated", VENDOR_amd, 0x17, 1, 2, 0x8001126, 48, true, false,
      { F(SMEP), F(AVX), END },
      ALWAYS | B(SSB) | B(RETBLEED) | B(RSB_SMT) | B(SRSO) | B(DIV),
      B(BRANCH) | B(RETBLEED) | B(SRSO), THUNK_RETPOLINE, 0, "div idle-rsb" },
    { "Zen 2", VENDOR_amd, 0x17, 0x31, 0, 0x830107c, 48, true, false,
      { F(IBPB), F(IBRS), F(AMD_STIBP), F(AMD_SSBD), F(SMEP), F(AVX), END },
      ALWAYS | B(SSB) | B(RETBLEED) | B(RSB_SMT) | B(SRSO), 0, THUNK_RETPOLINE, SPEC_CTRL_STIBP,
      "ibpb-entry idle-rsb idle-ctrl" },
    { "Zen 2, before July 2023", VENDOR_amd, 0x17, 0x31, 0, 0x8301055, 48, true, false,
      { F(IBPB), F(IBRS), F(AMD_STIBP), F(AMD_SSBD), F(SMEP), F(AVX), END },
      ALWAYS | B(SSB) | B(RETBLEED) | B(RSB_SMT) | B(SRSO) | B(ZENBLEED), 0, THUNK_RETPOLINE,
      SPEC_CTRL_STIBP, "ibpb-entry idle-rsb chicken idle-ctrl" },
    { "Zen 3", VENDOR_amd, 0x19, 1, 1, 0xa0011d7, 48, true, true,
      { F(IBPB), F(IBRS), F(AMD_STIBP), F(STIBP_ALWAYS), F(AMD_SSBD), F(SMEP), F(AVX), END },
      ALWAYS | B(SSB) | B(SRSO) | B(TSA), 0, THUNK_RETPOLINE, SPEC_CTRL_STIBP,
      "verw ibpb-entry idle-ctrl" },
    { "Zen 3, never updated", VENDOR_amd, 0x19, 1, 1, 0xa001119, 48, true, false,
      { F(IBPB), F(IBRS), F(AMD_STIBP), F(STIBP_ALWAYS), F(AMD_SSBD), F(SMEP), F(AVX), END },
      ALWAYS | B(SSB) | B(SRSO) | B(TSA), B(SRSO) | B(TSA), THUNK_RETPOLINE, SPEC_CTRL_STIBP,
      "ibpb idle-ctrl" },
    { "Zen 4", VENDOR_amd, 0x19, 0x11, 1, 0xa10114c, 52, true, true,
      { F(IBPB), F(IBRS), F(AMD_STIBP), F(STIBP_ALWAYS), F(AMD_SSBD), F(AUTO_IBRS), F(IBPB_RET),
        F(SMEP), F(AVX), END },
      ALWAYS | B(SSB) | B(SRSO) | B(TSA), 0, THUNK_RETPOLINE, SPEC_CTRL_STIBP,
      "verw ibpb-entry idle-ctrl" },
    { "Zen 5", VENDOR_amd, 0x1a, 2, 1, 0xb00211a, 52, true, false,
      { F(IBPB), F(IBRS), F(AMD_STIBP), F(AMD_SSBD), F(IBPB_RET), F(BTC_NO), F(SRSO_NO), F(SMEP),
        F(AVX), END },
      ALWAYS | B(SSB), 0, THUNK_RETPOLINE, SPEC_CTRL_STIBP, "ibpb idle-ctrl" },
    { "Haswell below a hypervisor", VENDOR_intel, 6, 0x3c, 3, 1, 40, false, false,
      { F(HYPERVISOR), F(AVX), F(SMEP), END },
      OLD_INTEL | B(SRBDS) | B(GDS) | B(BHI), B(BRANCH) | B(SSB) | B(MDS) | B(SRBDS),
      THUNK_RETPOLINE, 0, "bhb xpti l1tf noavx" },
};

static struct cpu_data cpu;
static struct spec_host host;
static struct spec_model model;
static struct spec result;

static void set_cpu(const struct sample *s)
{
    cpu = (struct cpu_data){ .vendor = s->vendor, .family = s->family, .model = s->model,
                             .stepping = s->stepping, .paddr_bits = s->paddr_bits };
    for (unsigned int i = 0; s->features[i] != END; i++)
        cpu.features[s->features[i] / 32] |= 1u << (s->features[i] % 32);
    host = (struct spec_host){ .cpu = &cpu, .ucode = s->ucode, .smt = s->smt, .sbpb = s->sbpb,
                               .max_ram = 16UL << 30 };
}

static void decide(const struct sample *s, const char *options)
{
    static struct spec_options defaults;
    static bool saved;

    if (!saved)
        defaults = spec_options;
    saved = true;
    spec_options = defaults;
    complaints = 0;
    cmdline_parse(options);
    cmdline_report();
    set_cpu(s);
    spec_bugs_find(&host, &model);
    spec_decide(&result, &host, &model, &spec_options);
}

static const struct sample *sample(const char *name)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(samples); i++)
        if (!strcmp(samples[i].name, name))
            return &samples[i];
    fail_msg("no sample %s", name);
    return NULL;
}

static const char *summary(void)
{
    static char text[160];
    const struct { bool on; const char *word; } words[] = {
        { result.msr_sc[SPEC_PV], "msr" }, { result.rsb[SPEC_PV], "rsb" },
        { result.verw[SPEC_PV], "verw" }, { result.bhb_entry[SPEC_PV], "bhb" },
        { result.ibpb_switch, "ibpb" }, { result.ibpb_entry[SPEC_PV], "ibpb-entry" },
        { result.xpti[SPEC_DOMU], "xpti" }, { result.xpti[SPEC_DOMU] && result.pcid[1], "pcid" },
        { result.pv_l1tf[SPEC_DOMU], "l1tf" }, { result.l1d_flush, "l1d" },
        { result.tsx_off, "notsx" }, { result.srb_lock, "srb" }, { result.gds_lock, "gds" },
        { result.avx_off, "noavx" }, { result.div_scrub, "div" }, { result.rsb_idle, "idle-rsb" },
        { result.return_thunk, "its" }, { result.fp_backup_fix, "chicken" },
        { result.ctrl_idle, "idle-ctrl" },
    };

    text[0] = '\0';
    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
        if (words[i].on)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", text[0] ? " " : "",
                     words[i].word);
    return text;
}

static void every_cpu(void **state)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(samples); i++) {
        const struct sample *s = &samples[i];

        decide(s, "");
        print_message("%s: %s\n", s->name, summary());
        for (unsigned int b = 0; b < NR_SPEC_BUGS; b++) {
            if ((result.bugs ^ s->bugs) & BIT(b))
                fail_msg("%s: %s is %s", s->name, spec_bug_name(b),
                         s->bugs & BIT(b) ? "missed" : "wrongly found");
            if ((result.open ^ s->open) & BIT(b))
                fail_msg("%s: %s is %s", s->name, spec_bug_name(b),
                         s->open & BIT(b) ? "open" : "not open");
        }
        assert_int_equal(result.declined, 0);
        assert_int_equal(result.thunk, s->thunk);
        assert_int_equal(result.ctrl, s->ctrl);
        assert_string_equal(summary(), s->pv);
        assert_false(result.xpti[SPEC_DOM0] != result.xpti[SPEC_DOMU]);
        assert_false(result.pv_l1tf[SPEC_DOM0]);
    }
}

static bool cpu_shows(unsigned int f) { return (cpu.features[f / 32] >> (f % 32)) & 1; }

/* What guests are told on CPUs that were made before the bit was. */
static void bits_of_newer_microcode(void **state)
{
    decide(sample("Haswell"), "");
    assert_true(cpu_shows(F(ITS_NO)) && cpu_shows(F(GDS_NO)) && cpu_shows(F(RFDS_NO)));
    assert_false(cpu_shows(F(RSBA)) || cpu_shows(F(RRSBA)));
    decide(sample("Haswell below a hypervisor"), "");
    assert_false(cpu_shows(F(ITS_NO)) || cpu_shows(F(GDS_NO)) || cpu_shows(F(RFDS_NO)));
    decide(sample("Cascade Lake"), "");
    assert_false(cpu_shows(F(ITS_NO)) || cpu_shows(F(GDS_NO)));
    assert_true(cpu_shows(F(RRSBA)) && cpu_shows(F(RFDS_NO)));
    assert_false(cpu_shows(F(RTM)));        /* the hypervisor took it away */
    decide(sample("Sapphire Rapids"), "");
    assert_true(cpu_shows(F(ITS_NO)) && cpu_shows(F(GDS_NO)) && cpu_shows(F(RFDS_NO)));
    decide(sample("Alder Lake"), "");
    assert_false(cpu_shows(F(RFDS_NO)));
    decide(sample("Zen 3"), "");
    assert_true(cpu_shows(F(BTC_NO)) && cpu_shows(F(IBPB_BRTYPE)) && cpu_shows(F(VERW_CLEAR)));
    decide(sample("Zen 1, one thread"), "");
    assert_true(cpu_shows(F(SRSO_NO)) && cpu_shows(F(TSA_L1_NO)));
    decide(sample("Zen 1"), "");
    assert_false(cpu_shows(F(SRSO_NO)) || cpu_shows(F(BTC_NO)));
}

/* An address that isn't present must not hit the cache: the cache looks at 46 bits here, CPUID
   tells of 39 or 46. */
static void l1tf_addresses(void **state)
{
    decide(sample("Haswell"), "");
    assert_int_equal(result.l1tf_mask, 0x3ffffffff000);
    assert_int_equal(result.l1tf_safe, 1UL << 39);
    set_cpu(sample("Haswell"));
    cpu.paddr_bits = 46;
    spec_bugs_find(&host, &model);
    spec_decide(&result, &host, &model, &spec_options);
    assert_int_equal(result.l1tf_safe, 3UL << 44);
    host.max_ram = 0x3f0000000000;
    spec_decide(&result, &host, &model, &spec_options);
    assert_int_equal(result.l1tf_safe, 0x3f0000000000);
    decide(sample("Nehalem"), "");
    assert_int_equal(result.l1tf_mask, 0xffffffff000);
}

static void spec_ctrl_words(void **state)
{
    const struct sample *haswell = sample("Haswell"), *lake = sample("Cascade Lake");

    decide(haswell, "spec-ctrl=no");
    assert_int_equal(complaints, 0);
    assert_string_equal(summary(), "");
    assert_int_equal(result.thunk, THUNK_JMP);
    assert_int_equal(result.open, 0);
    assert_int_equal(result.declined,
                     B(MDS) | B(MELTDOWN) | B(L1TF));
    decide(haswell, "xpti=on spec-ctrl=no");
    assert_string_equal(summary(), "xpti pcid");
    decide(haswell, "spec-ctrl=no-xen");
    assert_string_equal(summary(), "msr xpti pcid l1tf");
    decide(haswell, "spec-ctrl=bti-thunk=lfence,rsb,no-verw,ibpb=off");
    assert_int_equal(complaints, 0);
    assert_int_equal(result.thunk, THUNK_LFENCE);
    assert_string_equal(summary(), "msr rsb xpti pcid l1tf l1d srb");
    assert_int_equal(result.declined, B(MDS));
    decide(haswell, "spec-ctrl=verw=no-pv,rsb=pv,md-clear=hvm");
    assert_false(result.verw[SPEC_PV]);
    assert_true(result.verw[SPEC_HVM] && result.rsb[SPEC_PV]);
    decide(haswell, "spec-ctrl=no-pv");
    assert_false(result.msr_sc[SPEC_PV] || result.verw[SPEC_PV]);
    assert_true(result.msr_sc[SPEC_HVM] && result.verw[SPEC_HVM]);
    decide(haswell, "spec-ctrl=ibrs,ssbd");
    assert_int_equal(result.ctrl, SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD);
    assert_int_equal(result.thunk, THUNK_JMP);
    decide(lake, "spec-ctrl=bhb-seq=long tsx=on");
    assert_int_equal(result.bhb_seq, BHB_LONG);
    assert_false(result.tsx_off);
    assert_int_equal(result.declined, B(TAA));
    decide(lake, "spec-ctrl=no-gds-mit,no-bhb-entry");
    assert_int_equal(result.declined, B(GDS) | B(BHI));
    decide(lake, "spec-ctrl=unpriv-mmio");
    assert_true(result.verw[SPEC_PV]);
    decide(sample("Zen 3"), "");
    assert_false(result.ibpb_entry_dom0);
    decide(sample("Zen 3"), "spec-ctrl=ibpb-entry");
    assert_true(result.ibpb_entry_dom0);
}

static void bad_words(void **state)
{
    static const char *const bad[] = {
        "spec-ctrl=yes", "spec-ctrl=xen", "spec-ctrl=frobnicate", "spec-ctrl=bti-thunk=magic",
        "spec-ctrl=rsb=maybe", "spec-ctrl=no-eager-fpu", "spec-ctrl=bhb-seq=tsx", "xpti=dom2",
        "xpti=dom0=perhaps", "pv-l1tf=default", "pcid=dom0", "tsx=some", "spec-ctrl=ibrs,,ssbd",
        "spec-ctrl=a-word-that-is-far-too-long-to-be-one-of-the-words-of-this-list",
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        decide(sample("Haswell"), bad[i]);
        if (complaints != 1)
            fail_msg("%s: %u complaints", bad[i], complaints);
    }
    /* The others of the list count. */
    decide(sample("Haswell"), "spec-ctrl=frobnicate,ssbd");
    assert_int_equal(result.ctrl, SPEC_CTRL_SSBD);
}

static void domain_words(void **state)
{
    const struct sample *haswell = sample("Haswell");

    decide(haswell, "xpti=dom0=off,domu=on");
    assert_true(!result.xpti[SPEC_DOM0] && result.xpti[SPEC_DOMU]);
    decide(haswell, "xpti=no-domu");
    assert_true(result.xpti[SPEC_DOM0] && !result.xpti[SPEC_DOMU]);
    assert_int_equal(result.declined, B(MELTDOWN));
    decide(haswell, "xpti=off xpti=default");
    assert_true(result.xpti[SPEC_DOM0] && result.xpti[SPEC_DOMU]);
    decide(sample("Zen 1"), "xpti");
    assert_true(result.xpti[SPEC_DOM0] && result.xpti[SPEC_DOMU]);
    decide(sample("Zen 1"), "no-xpti pv-l1tf=dom0");
    assert_true(result.pv_l1tf[SPEC_DOM0] && !result.pv_l1tf[SPEC_DOMU]);
    decide(haswell, "pcid=off");
    assert_true(!result.pcid[0] && !result.pcid[1]);
    decide(haswell, "pcid");
    assert_true(result.pcid[0] && result.pcid[1]);
    decide(haswell, "pcid=no-xpti");
    assert_true(result.pcid[0] && !result.pcid[1]);
    decide(sample("Sandy Bridge"), "pcid");     /* has no INVPCID */
    assert_true(!result.pcid[0] && !result.pcid[1]);
}

/* Every state of every bug has words, and they say which it is. */
static void descriptions(void **state)
{
    char text[96];

    for (unsigned int i = 0; i < ARRAY_SIZE(samples); i++) {
        decide(&samples[i], "");
        for (unsigned int b = 0; b < NR_SPEC_BUGS; b++) {
            spec_describe(&result, b, text, sizeof(text));
            assert_true(text[0]);
            assert_null(strstr(text, "(null)"));
            if (!(result.bugs & BIT(b)))
                assert_string_equal(text, "not affected");
            assert_int_equal(!!strstr(text, "VULNERABLE"), !!(result.open & BIT(b)));
        }
    }
    decide(sample("Haswell"), "");
    spec_describe(&result, BUG_MELTDOWN, text, sizeof(text));
    assert_string_equal(text, "XPTI for all domains, with PCID");
    decide(sample("Haswell"), "xpti=no-dom0");
    spec_describe(&result, BUG_MELTDOWN, text, sizeof(text));
    assert_string_equal(text, "XPTI for all but domain 0, with PCID");
    decide(sample("Haswell"), "xpti=off");
    spec_describe(&result, BUG_MELTDOWN, text, sizeof(text));
    assert_string_equal(text, "VULNERABLE by the command line");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cpu),        cmocka_unit_test(bits_of_newer_microcode),
        cmocka_unit_test(l1tf_addresses),   cmocka_unit_test(spec_ctrl_words),
        cmocka_unit_test(bad_words),        cmocka_unit_test(domain_words),
        cmocka_unit_test(descriptions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
