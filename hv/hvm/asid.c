/* SPDX-License-Identifier: BSD-2-Clause */
/* Tags of guests' translations (hv/hvm/asid.h). */
#include <hv/hvm/asid.h>
#include <hv/percpu.h>

struct cpu_asids {
    uint64_t generation;    /* with the CPU's number in it, so that no two CPUs have the same */
    uint32_t next;
    bool flush;
};

static uint32_t nr_asids = 2;
static DEFINE_PER_CPU(struct cpu_asids, asids);

#define GENERATION_STEP NR_CPUS

void hvm_asid_limit(uint32_t count)
{
    nr_asids = MAX(count, 2u);
}

static void new_generation(struct cpu_asids *a)
{
    if (!a->generation)
        a->generation = smp_processor_id();
    a->generation += GENERATION_STEP;
    a->next = 1;
    a->flush = true;
}

uint32_t hvm_asid_for_entry(struct vcpu *v, bool *flush)
{
    struct hvm_asid *mine = &hvm_vcpu(v)->asid;
    struct cpu_asids *a = &this_cpu(asids);

    if (unlikely(!a->generation))
        new_generation(a);
    if (mine->generation != a->generation) {
        if (a->next >= nr_asids)
            new_generation(a);
        mine->generation = a->generation;
        mine->asid = a->next++;
    }
    *flush = a->flush;
    a->flush = false;
    return mine->asid;
}
