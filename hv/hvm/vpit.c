/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8254 and port 0x61. Source: Intel 8254 data sheet, "Programming the 8254", "Mode
 * Definitions"; port 0x61 as the PC/AT has it. Channel 0 makes ISA interrupt 0; channel 1 exists;
 * channel 2's gate and output are at port 0x61.
 *
 * A counter is a function of the time since it was loaded. A new count in modes 2 and 3 takes
 * effect at once, not at the end of the period.
 */
#include <hv/errno.h>
#include "vplatform.h"

#define BINARY_MAX 0x10000u
#define BCD_MAX 10000u
#define COUNTS -1           /* stopped_at of a channel that counts */

static uint32_t modulus(const struct vpit_channel *c) { return c->bcd ? BCD_MAX : BINARY_MAX; }

static uint32_t from_bcd(uint32_t n)
{
    return (n >> 12 & 15) * 1000 + (n >> 8 & 15) * 100 + (n >> 4 & 15) * 10 + (n & 15);
}

static uint32_t to_bcd(uint32_t n)
{
    return n / 1000 % 10 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 | n % 10;
}

/* --- what a channel shows --- */

static uint64_t elapsed(const struct vpit_channel *c)
{
    return ns_to_cycles(c->stopped_at == COUNTS ? NOW() - c->start : c->stopped_at, PIT_HZ);
}

static bool triggered_by_gate(const struct vpit_channel *c) { return c->mode == 1 || c->mode == 5; }
static bool repeats(const struct vpit_channel *c) { return c->mode == 2 || c->mode == 3; }

static uint16_t counter(const struct vpit_channel *c)
{
    uint64_t gone = elapsed(c);
    uint32_t n;

    if (!c->count)
        return 0;
    if (c->out_held)
        n = c->count;           /* loaded, not begun */
    else if (c->mode == 2)
        n = c->count - (uint32_t)(gone % c->count);
    else if (c->mode == 3)      /* counts down by two, twice a period */
        n = c->count - (uint32_t)(2 * gone % c->count);
    else
        n = (uint32_t)((c->count + modulus(c) - gone % modulus(c)) % modulus(c));
    n %= modulus(c);
    return (uint16_t)(c->bcd ? to_bcd(n) : n);
}

static bool output(const struct vpit_channel *c)
{
    uint64_t gone = elapsed(c);

    if (!c->count || c->out_held)
        return c->mode != 0;    /* high before it begins, but for mode 0 */
    switch (c->mode) {
    case 0: case 1:
        return gone >= c->count;
    case 2:
        return !c->gate || gone % c->count != c->count - 1;
    case 3:
        return !c->gate || gone % c->count < (c->count + 1) / 2;
    default:
        return gone != c->count;
    }
}

/* --- channel 0's interrupt --- */

static bool raise_timer(struct vtick *t)
{
    struct vpit *pit = container_of(t, struct vpit, tick);
    struct vplatform *p = container_of(pit, struct vplatform, pit);

    if (vhpet_legacy(p) || !p->pit.ch[0].count)
        return false;
    hvm_isa_irq_pulse(p->d, 0);
    return hvm_isa_irq_open(p, 0);
}

/* lock is held. */
static void start_tick(struct vplatform *p)
{
    struct vpit_channel *c = &p->pit.ch[0];

    if (!platform_has(p, XEN_X86_EMU_PIC | XEN_X86_EMU_IOAPIC))
        return;
    vtick_stop(&p->pit.tick);
    if (c->count && !c->out_held)
        vtick_start(&p->pit.tick, c->start, c->count, repeats(c) ? c->count : 0, PIT_HZ);
}

/* --- loading and gates; lock is held --- */

static void begin(struct vplatform *p, struct vpit_channel *c)
{
    c->start = NOW();
    c->out_held = false;
    c->stopped_at = c->gate || triggered_by_gate(c) ? COUNTS : 0;
    if (c == &p->pit.ch[0])
        start_tick(p);
}

static void load_count(struct vplatform *p, struct vpit_channel *c, uint16_t val)
{
    uint32_t n = c->bcd ? from_bcd(val) : val;

    c->count = n && n < modulus(c) ? n : modulus(c);
    if (triggered_by_gate(c))
        c->out_held = true;     /* until the gate rises */
    else
        begin(p, c);
}

static void set_gate(struct vplatform *p, struct vpit_channel *c, bool gate)
{
    if (c->gate == gate)
        return;
    c->gate = gate;
    if (!c->count)
        return;
    if (gate && (triggered_by_gate(c) || repeats(c))) {
        begin(p, c);
    } else if (gate) {          /* modes 0 and 4 go on */
        c->start = NOW() - c->stopped_at;
        c->stopped_at = COUNTS;
    } else if (!triggered_by_gate(c)) {
        c->stopped_at = NOW() - c->start;
    }
}

static void set_mode(struct vplatform *p, struct vpit_channel *c, uint8_t val)
{
    c->rw = val >> 4 & 3;
    c->mode = val >> 1 & 7;
    if (c->mode > 5)
        c->mode -= 4;
    c->bcd = val & 1;
    c->count = 0;
    c->out_held = true;
    c->stopped_at = COUNTS;
    c->read_msb = c->write_msb = false;
    c->count_latched = 0;
    c->status_latched = false;
    if (c == &p->pit.ch[0])
        vtick_stop(&p->pit.tick);
}

/* --- commands --- */

static void latch_count(struct vpit_channel *c)
{
    if (c->count_latched)
        return;
    c->latched_count = counter(c);
    c->count_latched = c->rw == PIT_RW_WORD ? 2 : 1;
}

static void latch_status(struct vpit_channel *c)
{
    if (c->status_latched)
        return;
    c->status = (output(c) ? PIT_STATUS_OUT : 0) | (c->count ? 0 : PIT_STATUS_NULL) |
                (uint8_t)(c->rw << 4) | (uint8_t)(c->mode << 1) | (c->bcd ? 1 : 0);
    c->status_latched = true;
}

static void read_back(struct vplatform *p, uint8_t val)
{
    for (unsigned int i = 0; i < PIT_CHANNELS; i++) {
        if (!(val & (2u << i)))
            continue;
        if (!(val & PIT_READ_BACK_NO_COUNT))
            latch_count(&p->pit.ch[i]);
        if (!(val & PIT_READ_BACK_NO_STATUS))
            latch_status(&p->pit.ch[i]);
    }
}

static void write_command(struct vplatform *p, uint8_t val)
{
    unsigned int channel = val >> 6;

    if (channel == PIT_READ_BACK)
        read_back(p, val);
    else if ((val >> 4 & 3) == PIT_RW_LATCH)
        latch_count(&p->pit.ch[channel]);
    else
        set_mode(p, &p->pit.ch[channel], val);
}

static void write_count(struct vplatform *p, struct vpit_channel *c, uint8_t val)
{
    switch (c->rw) {
    case PIT_RW_LSB:
        load_count(p, c, val);
        break;
    case PIT_RW_MSB:
        load_count(p, c, (uint16_t)(val << 8));
        break;
    case PIT_RW_WORD:
        if (c->write_msb) {
            load_count(p, c, (uint16_t)(val << 8 | c->write_latch));
        } else {
            c->write_latch = val;
            /* "Mode 0": the first byte stops the count. */
            if (c->mode == 0) {
                c->count = 0;
                c->out_held = true;
                if (c == &p->pit.ch[0])
                    vtick_stop(&p->pit.tick);
            }
        }
        c->write_msb = !c->write_msb;
        break;
    default:                    /* never programmed since power-on */
        break;
    }
}

static uint8_t read_count(struct vpit_channel *c)
{
    uint16_t n;

    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    n = c->count_latched ? c->latched_count : counter(c);
    if (c->rw == PIT_RW_WORD) {
        bool msb = c->read_msb;

        c->read_msb = !msb;
        if (c->count_latched)
            c->count_latched--;
        return (uint8_t)(msb ? n >> 8 : n);
    }
    c->count_latched = 0;
    return (uint8_t)(c->rw == PIT_RW_MSB ? n >> 8 : n);
}

/* --- ports --- */

static int pit_read(struct vcpu *v, uint64_t port, unsigned int size, uint64_t *val)
{
    struct vplatform *p = vcpu_platform(v);

    *val = 0;
    spin_lock(&p->pit.lock);
    for (unsigned int i = 0; i < size; i++) {
        unsigned int channel = (unsigned int)(port + i - PIT_CHANNEL_0);

        if (channel < PIT_CHANNELS)     /* the mode register reads as 0 */
            *val |= (uint64_t)read_count(&p->pit.ch[channel]) << (8 * i);
    }
    spin_unlock(&p->pit.lock);
    return HVM_IO_DONE;
}

static int pit_write(struct vcpu *v, uint64_t port, unsigned int size, uint64_t val)
{
    struct vplatform *p = vcpu_platform(v);

    spin_lock(&p->pit.lock);
    for (unsigned int i = 0; i < size; i++) {
        unsigned int channel = (unsigned int)(port + i - PIT_CHANNEL_0);

        if (channel < PIT_CHANNELS)
            write_count(p, &p->pit.ch[channel], (uint8_t)(val >> (8 * i)));
        else
            write_command(p, (uint8_t)(val >> (8 * i)));
    }
    spin_unlock(&p->pit.lock);
    return HVM_IO_DONE;
}

static int speaker_read(struct vcpu *v, uint64_t port, unsigned int size, uint64_t *val)
{
    struct vplatform *p = vcpu_platform(v);
    const struct vpit_channel *c = &p->pit.ch[2];

    spin_lock(&p->pit.lock);
    *val = (c->gate ? SPEAKER_GATE : 0) | (p->pit.speaker_data ? SPEAKER_DATA : 0) |
           (NOW() / SPEAKER_REFRESH_NS % 2 ? SPEAKER_REFRESH : 0) |
           (output(c) ? SPEAKER_OUT : 0);
    spin_unlock(&p->pit.lock);
    return HVM_IO_DONE;
}

static int speaker_write(struct vcpu *v, uint64_t port, unsigned int size, uint64_t val)
{
    struct vplatform *p = vcpu_platform(v);

    spin_lock(&p->pit.lock);
    p->pit.speaker_data = val & SPEAKER_DATA;
    set_gate(p, &p->pit.ch[2], val & SPEAKER_GATE);
    spin_unlock(&p->pit.lock);
    return HVM_IO_DONE;
}

static const struct hvm_io_ops pit_ops = { pit_read, pit_write };
static const struct hvm_io_ops speaker_ops = { speaker_read, speaker_write };

int vpit_claim(struct domain *d)
{
    int rc = hvm_io_claim_ports(d, PIT_CHANNEL_0, PIT_MODE, &pit_ops);

    return rc ? rc : hvm_io_claim_ports(d, PORT_SPEAKER, PORT_SPEAKER, &speaker_ops);
}

/* --- life --- */

void vpit_reset(struct vplatform *p)
{
    spin_lock(&p->pit.lock);
    vtick_stop(&p->pit.tick);
    p->pit.speaker_data = false;
    for (unsigned int i = 0; i < PIT_CHANNELS; i++)
        p->pit.ch[i] = (struct vpit_channel){ .mode = 3, .rw = PIT_RW_WORD, .out_held = true,
                                              .gate = i != 2, .stopped_at = COUNTS };
    spin_unlock(&p->pit.lock);
}

void vpit_init(struct vplatform *p)
{
    spin_lock_init(&p->pit.lock, LOCK_HVM_DEVICE);
}

void vpit_init_timers(struct vplatform *p, struct vcpu *v)
{
    vtick_init(&p->pit.tick, v, &p->pit.lock, raise_timer);
}

/* --- record --- */

static unsigned int one_if_pit(const struct domain *d)
{
    return platform_has(domain_platform(d), XEN_X86_EMU_PIT);
}

/* read_state, write_state: 1 LSB, 2 MSB, 3 word's first byte, 4 word's second byte. */
static uint8_t byte_state(const struct vpit_channel *c, bool msb)
{
    return c->rw == PIT_RW_WORD && msb ? c->rw + 1 : c->rw;
}

static void save_pit(struct domain *d, unsigned int instance, void *record)
{
    struct vplatform *p = domain_platform(d);
    struct hvm_hw_pit *r = record;

    memset(r, 0, sizeof(*r));
    spin_lock(&p->pit.lock);
    r->speaker_data_on = p->pit.speaker_data;
    for (unsigned int i = 0; i < PIT_CHANNELS; i++) {
        const struct vpit_channel *c = &p->pit.ch[i];
        struct hvm_hw_pit_channel *to = &r->channels[i];

        to->count = c->count;
        to->latched_count = c->latched_count;
        to->count_latched = c->count_latched ? c->rw : 0;
        to->status_latched = c->status_latched;
        to->status = c->status;
        to->read_state = byte_state(c, c->read_msb);
        to->write_state = byte_state(c, c->write_msb);
        to->write_latch = c->write_latch;
        to->rw_mode = c->rw;
        to->mode = c->mode;
        to->bcd = c->bcd;
        to->gate = c->gate;
    }
    spin_unlock(&p->pit.lock);
}

static const char *check_pit(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_pit *r = record;

    for (unsigned int i = 0; i < PIT_CHANNELS; i++) {
        const struct hvm_hw_pit_channel *c = &r->channels[i];

        if (c->count > (c->bcd ? BCD_MAX : BINARY_MAX))
            return "a PIT channel's count is too large";
        if (c->mode > 7 || c->rw_mode > PIT_RW_WORD)
            return "a PIT channel's mode is unknown";
    }
    return NULL;
}

/* Where a counter was in its period is not in the record: it begins anew. */
static void load_pit(struct domain *d, unsigned int instance, const void *record)
{
    struct vplatform *p = domain_platform(d);
    const struct hvm_hw_pit *r = record;

    vpit_reset(p);
    spin_lock(&p->pit.lock);
    p->pit.speaker_data = r->speaker_data_on;
    for (unsigned int i = 0; i < PIT_CHANNELS; i++) {
        const struct hvm_hw_pit_channel *from = &r->channels[i];
        struct vpit_channel *c = &p->pit.ch[i];

        c->count = from->count;
        c->latched_count = from->latched_count;
        c->rw = from->rw_mode;
        c->mode = from->mode > 5 ? from->mode - 4 : from->mode;
        c->bcd = from->bcd;
        c->read_msb = from->read_state == PIT_RW_WORD + 1;
        c->write_msb = from->write_state == PIT_RW_WORD + 1;
        c->count_latched = from->count_latched ? (c->rw == PIT_RW_WORD && !c->read_msb ? 2 : 1) : 0;
        c->status_latched = from->status_latched;
        c->status = from->status;
        c->write_latch = from->write_latch;
        c->gate = i != 2 || from->gate;
        if (c->count && (!triggered_by_gate(c) || c->gate))
            begin(p, c);
    }
    spin_unlock(&p->pit.lock);
}

const struct hvm_record vpit_record = {
    HVM_RECORD(PIT), .instances = one_if_pit,
    .save = save_pit, .check = check_pit, .load = load_pit,
};
