/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's config file says, as the toolstack uses it. Keys are those of xl.cfg(5) and xm. */
#ifndef HOSPES_GUEST_CONFIG_H
#define HOSPES_GUEST_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hospes/cfg.h>

enum guest_type { GUEST_PV, GUEST_PVH, GUEST_HVM };
enum guest_action { ACTION_DESTROY, ACTION_RESTART, ACTION_PRESERVE, ACTION_RENAME_RESTART,
                    ACTION_DUMP_DESTROY, ACTION_DUMP_RESTART };
enum guest_tsc_mode { TSC_DEFAULT, TSC_EMULATE, TSC_NATIVE };   /* as XEN_DOMCTL_settscinfo */
enum disk_backend { DISK_PHY, DISK_FILE };

#define GUEST_MAX_DISKS 32
#define GUEST_MAX_NICS 16
#define GUEST_MAX_VCPUS 512
#define GUEST_MAX_CPUS 256
#define GUEST_NAME_MAX 63

struct guest_disk {
    char *target;               /* absolute path of a file or block device; "" for an empty drive */
    char vdev[32];              /* "xvda", "sda1", "hda": as the guest sees it */
    uint32_t devid;             /* the number xen-vbd-interface(7) gives vdev */
    enum disk_backend backend;
    bool writable, cdrom;
    char script[64];            /* "": the one of the back end */
};

struct guest_nic {
    uint8_t mac[6];
    bool mac_given;
    char bridge[32], vifname[16], script[256], ip[160], rate[32], model[16];
};

struct guest_config {
    char name[GUEST_NAME_MAX + 1];
    uint8_t uuid[16];
    bool uuid_given;
    enum guest_type type;
    char *kernel, *ramdisk, *cmdline, *bootloader, *bootloader_args;
    uint64_t memory_mib, maxmem_mib;
    unsigned int vcpus, maxvcpus;
    /* CPUs the vCPUs may run on, and would rather: a row for each of GUEST_MAX_VCPUS, one byte a
     * CPU, 0 or 1; NULL: all. */
    uint8_t (*cpus)[GUEST_MAX_CPUS], (*cpus_soft)[GUEST_MAX_CPUS];
    unsigned int weight, cap;   /* 0: the default weight; no cap */
    enum guest_tsc_mode tsc_mode;
    unsigned int max_event_channels, max_grant_frames, max_maptrack_frames;
    enum guest_action on_poweroff, on_reboot, on_crash;
    struct guest_disk disks[GUEST_MAX_DISKS];
    unsigned int n_disks;
    struct guest_nic nics[GUEST_MAX_NICS];
    unsigned int n_nics;
};

/* Called with a line about a key that has no effect, or a likely slip. */
typedef void (*guest_config_warn)(void *arg, const char *text);

/*
 * Fills *g, zeroed by the caller, from the entries of cfg. cmdline is put together from cmdline=,
 * or from root= and extra=. An unknown key is an error that names the nearest known one; a name
 * that came from the command line and is used by an expression of the file is not a key. After an
 * error guest_config_free() is due as well.
 */
int guest_config_from(struct guest_config *g, const struct cfg *cfg, guest_config_warn warn,
                      void *arg, struct error *e);
void guest_config_free(struct guest_config *g);

/* A key for the manual page: what it does, or why it has no effect. */
struct guest_key { const char *name, *help, *why; };
/* Key number i; false behind the last one. */
bool guest_config_key(size_t i, struct guest_key *key);

/* "phy:/dev/vg/disk,xvda,w", "/a.img,raw,xvda,rw", "vdev=xvda,target=/a.img":
 * xl-disk-configuration(5). */
int guest_disk_parse(struct guest_disk *d, const char *spec, struct error *e);
/* "mac=00:16:3e:..,bridge=xenbr0": xl-network-configuration. */
int guest_nic_parse(struct guest_nic *n, const char *spec, struct error *e);
/* "0-3,^1,5", "all" or "nodes" refused by name; row: GUEST_MAX_CPUS bytes. */
int guest_cpus_parse(uint8_t *row, const char *spec, struct error *e);
/* The device number of xvda, sda1, hdc...: -1 if it is none. */
int64_t guest_vdev_number(const char *vdev);

#endif
