/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8259A pair with its edge/level control registers. Source: 8259A data sheet, "Functional
 * Description" and "Programming the 8259A". State is the ABI's struct hvm_hw_vpic. The slave's
 * output is an input of the master that is always a level.
 */
#include <hv/errno.h>
#include "vplatform.h"

#define CASCADE_BIT (1u << PIC_CASCADE_IRQ)
/* hvm_hw_vpic.init_state: next ICW, and what ICW1 said of it. */
#define INIT_STEP 3u
#define INIT_IC4 4u
#define INIT_SNGL 8u
#define NO_IR 8u

/* --- priorities --- */

/* Distance of the most urgent bit of mask from the top priority; NO_IR if there is none. */
static unsigned int priority(const struct hvm_hw_vpic *pic, unsigned int mask)
{
    unsigned int add = pic->priority_add & 7, rotated;

    if (!mask)
        return NO_IR;
    rotated = ((mask >> add) | (mask << (8 - add))) & 0xff;
    return ffs64(rotated);
}

static unsigned int ir_at(const struct hvm_hw_vpic *pic, unsigned int prio)
{
    return (prio + pic->priority_add) & 7;
}

/* The input to serve next, or NO_IR. */
static unsigned int next_ir(const struct hvm_hw_vpic *pic)
{
    unsigned int wanted = priority(pic, pic->irr & ~pic->imr & 0xffu), served = pic->isr;

    if (pic->special_mask_mode)
        served &= ~(unsigned int)pic->imr;
    if (pic->special_fully_nested_mode && pic->is_master)
        served &= ~CASCADE_BIT;
    return wanted < priority(pic, served) ? ir_at(pic, wanted) : NO_IR;
}

/* --- output --- */

static void kick_listeners(struct vplatform *p)
{
    struct vcpu *v;

    for_each_vcpu (p->d, v)
        if (v->vcpu_id == 0 || (vcpu_vlapic(v) && vlapic_takes_extint(vcpu_vlapic(v))))
            vcpu_kick(v);
}

static void update(struct vplatform *p)
{
    struct hvm_hw_vpic *master = &p->pic[0], *slave = &p->pic[1];
    bool was = master->int_output;

    slave->int_output = next_ir(slave) != NO_IR;
    if (slave->int_output)
        master->irr |= CASCADE_BIT;
    else
        master->irr &= ~CASCADE_BIT;
    WRITE_ONCE(master->int_output, next_ir(master) != NO_IR);
    if (master->int_output && !was)
        kick_listeners(p);
}

void vpic_edge(struct vplatform *p, unsigned int irq, bool level)
{
    struct hvm_hw_vpic *pic = &p->pic[irq >> 3];
    uint8_t bit = (uint8_t)(1u << (irq & 7));

    if (irq == PIC_CASCADE_IRQ)
        return;
    if (level)
        pic->irr |= bit;
    else if (pic->elcr & bit)
        pic->irr &= (uint8_t)~bit;  /* an edge is remembered, a level is not */
    update(p);
}

/* --- acknowledge and end --- */

static void end_of(struct hvm_hw_vpic *pic, unsigned int ir, bool rotate)
{
    pic->isr &= (uint8_t)~(1u << ir);
    if (rotate)
        pic->priority_add = (ir + 1) & 7;
}

static void acknowledge(struct hvm_hw_vpic *pic, unsigned int ir)
{
    uint8_t bit = (uint8_t)(1u << ir);

    if (!(pic->elcr & bit))
        pic->irr &= (uint8_t)~bit;
    pic->isr |= bit;
    if (pic->auto_eoi)
        end_of(pic, ir, pic->rotate_on_auto_eoi);
}

int vpic_ack(struct vplatform *p, unsigned int *irq)
{
    struct hvm_hw_vpic *pic = &p->pic[0];
    unsigned int ir;

    if (!pic->int_output)
        return -1;
    ir = next_ir(pic);
    acknowledge(pic, ir);
    *irq = ir;
    if (ir == PIC_CASCADE_IRQ) {
        pic = &p->pic[1];
        ir = next_ir(pic);
        if (ir == NO_IR)
            ir = PIC_SPURIOUS_IR;   /* "spurious": nothing is in service for it */
        else
            acknowledge(pic, ir);
        *irq = ir + 8;
    }
    update(p);
    return pic->irq_base + (int)ir;
}

/* --- commands --- */

static void write_icw1(struct vplatform *p, struct hvm_hw_vpic *pic, uint8_t val)
{
    pic->irr &= pic->elcr;          /* edges are forgotten */
    pic->imr = pic->isr = 0;
    pic->priority_add = 0;
    pic->rotate_on_auto_eoi = 0;
    pic->special_mask_mode = 0;
    pic->readsel_isr = pic->poll = 0;
    if (!(val & PIC_ICW1_IC4))
        pic->auto_eoi = pic->special_fully_nested_mode = 0;
    pic->init_state = (uint8_t)((val & PIC_ICW1_MODE) << 2) | 1;
}

static void write_ocw2(struct hvm_hw_vpic *pic, uint8_t val)
{
    unsigned int ir = val & 7, served = pic->isr, prio;

    if (pic->special_mask_mode)
        served &= ~(unsigned int)pic->imr;
    prio = priority(pic, served);
    switch ((enum pic_ocw2)(val >> 5)) {
    case PIC_SET_ROTATE_AEOI: case PIC_CLEAR_ROTATE_AEOI:
        pic->rotate_on_auto_eoi = val >> 7;
        break;
    case PIC_EOI: case PIC_EOI_ROTATE:
        if (prio != NO_IR)
            end_of(pic, ir_at(pic, prio), val >> 7);
        break;
    case PIC_EOI_IR: case PIC_EOI_IR_ROTATE:
        end_of(pic, ir, val >> 7);
        break;
    case PIC_SET_PRIORITY:
        pic->priority_add = (ir + 1) & 7;
        break;
    default:
        break;
    }
}

static void write_ocw3(struct hvm_hw_vpic *pic, uint8_t val)
{
    if (val & PIC_OCW3_ESMM)
        pic->special_mask_mode = !!(val & PIC_OCW3_SMM);
    if (val & PIC_OCW3_POLL)
        pic->poll = 1;
    if (val & PIC_OCW3_RR)
        pic->readsel_isr = val & PIC_OCW3_RIS;
}

static void write_data(struct hvm_hw_vpic *pic, uint8_t val)
{
    switch (pic->init_state & INIT_STEP) {
    case 0:
        pic->imr = val;
        return;
    case 1:
        pic->irq_base = val & 0xf8;
        pic->init_state++;
        if (pic->init_state & INIT_SNGL)
            pic->init_state++;      /* no ICW3 */
        break;
    case 2:
        pic->init_state++;          /* who is cascaded where is fixed */
        break;
    default:
        pic->special_fully_nested_mode = !!(val & PIC_ICW4_SFNM);
        pic->auto_eoi = !!(val & PIC_ICW4_AUTO_EOI);
        pic->init_state = 0;
        return;
    }
    if ((pic->init_state & INIT_STEP) == 3 && !(pic->init_state & INIT_IC4))
        pic->init_state = 0;
}

static void write_pic(struct vplatform *p, uint16_t port, uint8_t val)
{
    struct hvm_hw_vpic *pic = &p->pic[port >= PIC_SLAVE_CMD];

    if (port & 1)
        write_data(pic, val);
    else if (val & PIC_ICW1)
        write_icw1(p, pic, val);
    else if (val & PIC_OCW3)
        write_ocw3(pic, val);
    else
        write_ocw2(pic, val);
    update(p);
}

/* "Poll Command": the read is the acknowledge. */
static uint8_t poll(struct vplatform *p, struct hvm_hw_vpic *pic)
{
    unsigned int ir = next_ir(pic);

    pic->poll = 0;
    if (ir == NO_IR)
        return 0;
    acknowledge(pic, ir);
    update(p);
    return PIC_POLL_INT | (uint8_t)ir;
}

static uint8_t read_pic(struct vplatform *p, uint16_t port)
{
    struct hvm_hw_vpic *pic = &p->pic[port >= PIC_SLAVE_CMD];

    if (pic->poll)
        return poll(p, pic);
    if (port & 1)
        return pic->imr;
    return pic->readsel_isr ? pic->isr : pic->irr;
}

/* --- edge/level control --- */

/* An input that becomes a level follows its line from now on. */
static void write_elcr(struct vplatform *p, unsigned int chip, uint8_t val)
{
    struct hvm_hw_vpic *pic = &p->pic[chip];

    pic->elcr = chip ? val & PIC_ELCR_SLAVE_MASK : (val & PIC_ELCR_MASTER_MASK) | CASCADE_BIT;
    for (unsigned int ir = 0; ir < 8; ir++) {
        if (!(pic->elcr & (1u << ir)) || (!chip && ir == PIC_CASCADE_IRQ))
            continue;
        if (gsi_level(p, isa_irq_gsi(chip * 8 + ir)))
            pic->irr |= (uint8_t)(1u << ir);
        else
            pic->irr &= (uint8_t)~(1u << ir);
    }
    update(p);
}

/* --- ports --- */

static int pic_read(struct vcpu *v, uint64_t port, unsigned int size, uint64_t *val)
{
    struct vplatform *p = vcpu_platform(v);

    *val = 0;
    spin_lock(&p->irq_lock);
    for (unsigned int i = 0; i < size; i++)
        *val |= (uint64_t)read_pic(p, (uint16_t)(port + i)) << (8 * i);
    spin_unlock(&p->irq_lock);
    return HVM_IO_DONE;
}

static int pic_write(struct vcpu *v, uint64_t port, unsigned int size, uint64_t val)
{
    struct vplatform *p = vcpu_platform(v);

    spin_lock(&p->irq_lock);
    for (unsigned int i = 0; i < size; i++)
        write_pic(p, (uint16_t)(port + i), (uint8_t)(val >> (8 * i)));
    spin_unlock(&p->irq_lock);
    return HVM_IO_DONE;
}

static int elcr_read(struct vcpu *v, uint64_t port, unsigned int size, uint64_t *val)
{
    struct vplatform *p = vcpu_platform(v);

    *val = 0;
    spin_lock(&p->irq_lock);
    for (unsigned int i = 0; i < size; i++) {
        unsigned int chip = (unsigned int)(port + i - PIC_ELCR_MASTER);
        uint8_t mask = chip ? PIC_ELCR_SLAVE_MASK : PIC_ELCR_MASTER_MASK;

        *val |= (uint64_t)(p->pic[chip].elcr & mask) << (8 * i);
    }
    spin_unlock(&p->irq_lock);
    return HVM_IO_DONE;
}

static int elcr_write(struct vcpu *v, uint64_t port, unsigned int size, uint64_t val)
{
    struct vplatform *p = vcpu_platform(v);

    spin_lock(&p->irq_lock);
    for (unsigned int i = 0; i < size; i++)
        write_elcr(p, (unsigned int)(port + i - PIC_ELCR_MASTER), (uint8_t)(val >> (8 * i)));
    spin_unlock(&p->irq_lock);
    return HVM_IO_DONE;
}

static const struct hvm_io_ops pic_ops = { pic_read, pic_write };
static const struct hvm_io_ops elcr_ops = { elcr_read, elcr_write };

int vpic_claim(struct domain *d)
{
    int rc = hvm_io_claim_ports(d, PIC_MASTER_CMD, PIC_MASTER_DATA, &pic_ops);

    rc = rc ? rc : hvm_io_claim_ports(d, PIC_SLAVE_CMD, PIC_SLAVE_DATA, &pic_ops);
    return rc ? rc : hvm_io_claim_ports(d, PIC_ELCR_MASTER, PIC_ELCR_SLAVE, &elcr_ops);
}

void vpic_reset(struct vplatform *p)
{
    memset(p->pic, 0, sizeof(p->pic));
    p->pic[0].is_master = 1;
    p->pic[0].elcr = CASCADE_BIT;
}

/* --- records --- */

static unsigned int two_if_pic(const struct domain *d)
{
    return platform_has(domain_platform(d), XEN_X86_EMU_PIC) ? 2 : 0;
}

static void save_pic(struct domain *d, unsigned int instance, void *record)
{
    *(struct hvm_hw_vpic *)record = domain_platform(d)->pic[instance];
}

static const char *check_pic(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_vpic *r = record;

    if (r->is_master != (instance == 0))
        return "the 8259 pair's master and slave are exchanged";
    return NULL;
}

static void load_pic(struct domain *d, unsigned int instance, const void *record)
{
    struct vplatform *p = domain_platform(d);
    struct hvm_hw_vpic *pic = &p->pic[instance];

    spin_lock(&p->irq_lock);
    *pic = *(const struct hvm_hw_vpic *)record;
    pic->irq_base &= 0xf8;
    pic->priority_add &= 7;
    pic->elcr = instance ? pic->elcr & PIC_ELCR_SLAVE_MASK
                         : (pic->elcr & PIC_ELCR_MASTER_MASK) | CASCADE_BIT;
    update(p);
    spin_unlock(&p->irq_lock);
}

const struct hvm_record vpic_record = {
    HVM_RECORD(PIC), .instances = two_if_pic,
    .save = save_pic, .check = check_pic, .load = load_pic,
};
