/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options spec-ctrl=, xpti=, pv-l1tf=, pcid= and tsx=, with Xen 4.17's words
 * (its xen-command-line page). Not taken: eager-fpu=no and lock-harden, for which there is no code;
 * bhb-seq=tsx. A bad word is reported, the others of its list count.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/spec.h>

#define DEFAULT2 { OPT_DEFAULT, OPT_DEFAULT }

struct spec_options spec_options = {
    .thunk = OPT_DEFAULT, .bhb_seq = BHB_DEFAULT, .ibrs = OPT_DEFAULT, .stibp = OPT_DEFAULT,
    .ibpb = OPT_DEFAULT, .ssbd = OPT_DEFAULT, .psfd = OPT_DEFAULT, .l1d_flush = OPT_DEFAULT,
    .branch_harden = OPT_DEFAULT, .srb_lock = OPT_DEFAULT, .unpriv_mmio = OPT_DEFAULT,
    .gds_mit = OPT_DEFAULT, .div_scrub = OPT_DEFAULT, .bhi_dis_s = OPT_DEFAULT, .tsx = OPT_DEFAULT,
    .pcid = OPT_DEFAULT, .msr_sc = DEFAULT2, .rsb = DEFAULT2, .verw = DEFAULT2,
    .ibpb_entry = DEFAULT2, .bhb_entry = DEFAULT2, .xpti = DEFAULT2, .pv_l1tf = DEFAULT2,
};
#define OPT spec_options

/* A word of a list: NAME, no-NAME, NAME=VALUE; value is NULL without '='. */
struct word {
    char text[48];
    const char *name, *value;
    int on;                     /* as a boolean: 0, 1, or -1: the value is none */
};

static int read_word(struct word *w, const char *s, size_t n)
{
    char *eq;

    if (n >= sizeof(w->text))
        return -EINVAL;
    strlcpy(w->text, s, n + 1);
    w->name = w->text;
    eq = strchr(w->text, '=');
    if (eq)
        *eq = '\0';
    w->value = eq ? eq + 1 : NULL;
    w->on = eq ? parse_bool(w->value) : 1;
    if (!eq && !strncmp(w->text, "no-", 3)) {
        w->name += 3;
        w->on = 0;
    }
    return 0;
}

/* fn for each word; the last error. */
static int for_each_word(const char *s, int (*fn)(const struct word *w))
{
    int rc = 0;

    for (;;) {
        const char *comma = strchr(s, ',');
        size_t n = comma ? (size_t)(comma - s) : strlen(s);
        struct word w;
        int one = read_word(&w, s, n);

        if (!one)
            one = fn(&w);
        if (one)
            rc = one;
        if (!comma)
            return rc;
        s = comma + 1;
    }
}

static void set_both(int8_t v[2], int on) { v[0] = v[1] = (int8_t)on; }

/* --- spec-ctrl= --- */

static const struct { const char *name; int8_t *var; } switches[] = {
    { "ibrs", &OPT.ibrs }, { "stibp", &OPT.stibp }, { "ibpb", &OPT.ibpb }, { "ssbd", &OPT.ssbd },
    { "psfd", &OPT.psfd }, { "l1d-flush", &OPT.l1d_flush },
    { "branch-harden", &OPT.branch_harden }, { "srb-lock", &OPT.srb_lock },
    { "unpriv-mmio", &OPT.unpriv_mmio }, { "gds-mit", &OPT.gds_mit },
    { "div-scrub", &OPT.div_scrub }, { "bhi-dis-s", &OPT.bhi_dis_s },
};

/* For both kinds of guests, or with the value [no-]pv or [no-]hvm for one. dom0: a plain boolean
   counts for domain 0 too. */
static const struct { const char *name; int8_t *var; bool *dom0; } primitives[] = {
    { "msr-sc", OPT.msr_sc, NULL }, { "rsb", OPT.rsb, NULL }, { "verw", OPT.verw, NULL },
    { "md-clear", OPT.verw, NULL },
    { "ibpb-entry", OPT.ibpb_entry, &OPT.ibpb_entry_dom0 },
    { "bhb-entry", OPT.bhb_entry, &OPT.bhb_entry_dom0 },
};

static int choose_name(int8_t *var, const char *value, const char *const *names, unsigned int n)
{
    for (unsigned int i = 0; value && i < n; i++)
        if (!strcmp(value, names[i])) {
            *var = (int8_t)i;
            return 0;
        }
    return -EINVAL;
}

static int set_primitive(unsigned int i, const struct word *w)
{
    const char *kind = w->value;
    bool on = true;

    if (w->on >= 0) {
        set_both(primitives[i].var, w->on);
        if (primitives[i].dom0)
            *primitives[i].dom0 = w->on;
        return 0;
    }
    if (!strncmp(kind, "no-", 3)) {
        kind += 3;
        on = false;
    }
    if (strcmp(kind, "pv") && strcmp(kind, "hvm"))
        return -EINVAL;
    primitives[i].var[strcmp(kind, "pv") ? SPEC_HVM : SPEC_PV] = on;
    return 0;
}

static void hypervisor_off(void)
{
    static int8_t *const own[] = { &OPT.ibrs, &OPT.stibp, &OPT.ibpb, &OPT.ssbd, &OPT.psfd,
                                   &OPT.l1d_flush, &OPT.branch_harden, &OPT.srb_lock,
                                   &OPT.unpriv_mmio, &OPT.gds_mit, &OPT.div_scrub, &OPT.bhi_dis_s };

    for (unsigned int i = 0; i < ARRAY_SIZE(own); i++)
        *own[i] = 0;
    OPT.thunk = THUNK_JMP;
    OPT.bhb_seq = BHB_NONE;
    set_both(OPT.rsb, 0);
    set_both(OPT.verw, 0);
    set_both(OPT.ibpb_entry, 0);
    set_both(OPT.bhb_entry, 0);
}

/* What has an option of its own keeps that one's word, if it was said before. */
static void all_off(void)
{
    int8_t *const others[] = { &OPT.xpti[0], &OPT.xpti[1], &OPT.pv_l1tf[0], &OPT.pv_l1tf[1] };

    hypervisor_off();
    set_both(OPT.msr_sc, 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(others); i++)
        if (*others[i] == OPT_DEFAULT)
            *others[i] = 0;
    if (OPT.tsx == OPT_DEFAULT)
        OPT.tsx = 1;
}

static int set_kind(enum spec_kind k, int on)
{
    if (on < 0)
        return -EINVAL;
    for (unsigned int i = 0; i < ARRAY_SIZE(primitives); i++)
        primitives[i].var[k] = (int8_t)on;
    return 0;
}

static int spec_ctrl_word(const struct word *w)
{
    static const char *const thunks[] = { "retpoline", "lfence", "jmp" };
    static const char *const sequences[] = { "none", "short", "long" };
    int whole = w->value ? -1 : parse_bool(w->text);

    if (whole >= 0 || (!strcmp(w->name, "xen") && w->on >= 0)) {
        if (whole > 0 || (whole < 0 && w->on))
            return -EINVAL;
        if (whole < 0)
            hypervisor_off();
        else
            all_off();
        return 0;
    }
    if (!strcmp(w->name, "bti-thunk"))
        return choose_name(&OPT.thunk, w->value, thunks, ARRAY_SIZE(thunks));
    if (!strcmp(w->name, "bhb-seq"))
        return choose_name(&OPT.bhb_seq, w->value, sequences, ARRAY_SIZE(sequences));
    if (!strcmp(w->name, "pv") || !strcmp(w->name, "hvm"))
        return set_kind(w->name[0] == 'p' ? SPEC_PV : SPEC_HVM, w->on);
    if (!strcmp(w->name, "eager-fpu"))
        return w->on == 1 ? 0 : -EINVAL;
    for (unsigned int i = 0; i < ARRAY_SIZE(primitives); i++)
        if (!strcmp(w->name, primitives[i].name))
            return set_primitive(i, w);
    for (unsigned int i = 0; i < ARRAY_SIZE(switches) && w->on >= 0; i++)
        if (!strcmp(w->name, switches[i].name)) {
            *switches[i].var = (int8_t)w->on;
            return 0;
        }
    return -EINVAL;
}

static int __init parse_spec_ctrl(const char *s)
{
    return for_each_word(s, spec_ctrl_word);
}
custom_param("spec-ctrl", parse_spec_ctrl);

/* --- xpti=, pv-l1tf=: boolean, dom0=, domu= --- */

static int domain_word(int8_t v[NR_SPEC_DOMAINS], const struct word *w)
{
    int whole = w->value ? -1 : *w->text ? parse_bool(w->text) : 1;

    if (whole >= 0)
        set_both(v, whole);
    else if (!strcmp(w->name, "dom0") && w->on >= 0)
        v[SPEC_DOM0] = (int8_t)w->on;
    else if (!strcmp(w->name, "domu") && w->on >= 0)
        v[SPEC_DOMU] = (int8_t)w->on;
    else
        return -EINVAL;
    return 0;
}

static int xpti_word(const struct word *w)
{
    if (strcmp(w->text, "default"))
        return domain_word(OPT.xpti, w);
    set_both(OPT.xpti, OPT_DEFAULT);
    return 0;
}
static int __init parse_xpti(const char *s) { return for_each_word(s, xpti_word); }
custom_param("xpti", parse_xpti);

static int pv_l1tf_word(const struct word *w) { return domain_word(OPT.pv_l1tf, w); }
static int __init parse_pv_l1tf(const char *s) { return for_each_word(s, pv_l1tf_word); }
custom_param("pv-l1tf", parse_pv_l1tf);

/* --- the others --- */

static int pcid_word(const struct word *w)
{
    int whole = w->value ? -1 : *w->text ? parse_bool(w->text) : 1;

    if (whole >= 0)
        OPT.pcid = whole ? PCID_ALL : PCID_OFF;
    else if (!strcmp(w->name, "xpti") && w->on >= 0)
        OPT.pcid = w->on ? PCID_XPTI : PCID_NO_XPTI;
    else
        return -EINVAL;
    return 0;
}
static int __init parse_pcid(const char *s) { return for_each_word(s, pcid_word); }
custom_param("pcid", parse_pcid);

static int __init parse_tsx(const char *s)
{
    OPT.tsx = (int8_t)(*s ? parse_bool(s) : 1);
    return OPT.tsx < 0 ? -EINVAL : 0;
}
custom_param("tsx", parse_tsx);
