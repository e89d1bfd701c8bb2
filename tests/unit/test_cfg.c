/* SPDX-License-Identifier: BSD-2-Clause */
/* Config files: the syntax (tools/lib/cfg.c) and what the keys mean (guest_config.c,
 * device_spec.c). */
/* sources: tools/lib/cfg.c tools/lib/guest_config.c tools/lib/device_spec.c tools/lib/error.c */
/* cflags: -D_GNU_SOURCE -Itools/lib/include */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <hospes/guest_config.h>

static struct cfg cfg;
static struct error e;
static struct guest_config g;
static char warned[512];

static int parse(const char *text)
{
    cfg_free(&cfg);
    error_clear(&e);
    return cfg_parse(&cfg, text, strlen(text), "f", &e);
}

static void warn(void *arg, const char *text)
{
    (void)arg;
    snprintf(warned, sizeof(warned), "%s", text);
}

static int configure(const char *text)
{
    guest_config_free(&g);
    warned[0] = '\0';
    return parse(text) || guest_config_from(&g, &cfg, warn, NULL, &e);
}

static int end(void **state)
{
    (void)state;
    cfg_free(&cfg);
    guest_config_free(&g);
    return 0;
}

static const char *text_of(const char *key)
{
    struct cfg_entry *entry = cfg_find(&cfg, key);

    assert_non_null(entry);
    assert_int_equal(entry->value.kind, CFG_STRING);
    return entry->value.string;
}

static int64_t number_of(const char *key)
{
    struct cfg_entry *entry = cfg_find(&cfg, key);

    assert_non_null(entry);
    assert_int_equal(entry->value.kind, CFG_NUMBER);
    return entry->value.number;
}

static void values(void **state)
{
    (void)state;
    assert_int_equal(parse("# comment\na = 1; b=-0x10\nc = 'x' # more\nd = \"a\\tb\\x41\\\\\"\n"
                           "e = [1, 'two', [3]]\nf = ()\ng = (1,)\nh = True\n"
                           "long = [ 1,\n  2, # why\n  3\n]\n"), 0);
    assert_int_equal(number_of("a"), 1);
    assert_int_equal(number_of("b"), -16);
    assert_string_equal(text_of("c"), "x");
    assert_string_equal(text_of("d"), "a\tbA\\");
    assert_int_equal(cfg_find(&cfg, "e")->value.n, 3);
    assert_int_equal(cfg_find(&cfg, "f")->value.kind, CFG_LIST);
    assert_int_equal(number_of("h"), 1);
    assert_int_equal(cfg_find(&cfg, "long")->value.n, 3);
    assert_int_equal(cfg_find(&cfg, "long")->line, 9);
}

static void expressions(void **state)
{
    (void)state;
    assert_int_equal(parse("vmid = 3\nname = \"VM%d\" % vmid\nn = 7 + vmid\n"
                           "m = '%02x:%s:%5d%%' % (vmid, name, (1 + vmid))\n"
                           "l = [1] + [name]\nl += [2]\njoined = 'a' 'b' + \"c\"\n"), 0);
    assert_string_equal(text_of("name"), "VM3");
    assert_int_equal(number_of("n"), 10);
    assert_string_equal(text_of("m"), "03:VM3:    4%");
    assert_int_equal(cfg_find(&cfg, "l")->value.n, 3);
    assert_string_equal(text_of("joined"), "abc");
}

static void refused(void **state)
{
    static const struct { const char *text, *cause; } rows[] = {
        { "a", "f:1: '=' is missing" },
        { "a = ", "f:1: a value is missing" },
        { "a = 1 2", "something stands behind" },
        { "\n\nb = 'x", "f:3: a string has no closing quote" },
        { "a = [1", "a list needs" },
        { "a = 12ab", "not a number" },
        { "a = 1 + 'x'", "two of a kind" },
        { "a = '%d' % 'x'", "% knows" },
        { "a = '%d' % ()", "fewer values" },
        { "a = '' % 1", "more values" },
        { "a = b", "the name 'b' has no value yet" },
        { "a = [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "brackets too deep" },
        { "a = 9223372036854775807 + 1", "number too large" },
        { "if x: y = 1", "'if' is Python" },
        { "xm_vars.var('a'", "closing bracket" },
        { "a = '\\x00'", "\\x needs" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(parse(rows[i].text), -1);
        if (!strstr(e.cause, rows[i].cause))
            fail_msg("'%s' gives '%s'", rows[i].text, e.cause);
    }
}

/* x = [x, x] again and again would fill the memory. */
static void growth(void **state)
{
    char text[4096] = "x = ['0123456789']\n";

    (void)state;
    for (int i = 0; i < 64; i++)
        strcat(text, "x = x + x\n");
    assert_int_equal(parse(text), -1);
}

static void command_line(void **state)
{
    (void)state;
    cfg_free(&cfg);
    error_clear(&e);
    assert_int_equal(cfg_assign(&cfg, "memory=256", &e), 0);
    assert_int_equal(cfg_assign(&cfg, "name=web server", &e), 0);
    assert_int_equal(cfg_assign(&cfg, "no value", &e), -1);
    error_clear(&e);
    assert_int_equal(cfg_parse(&cfg, "memory = 64\nx = memory + 1\n", 27, "f", &e), 0);
    assert_int_equal(number_of("memory"), 256);
    assert_int_equal(number_of("x"), 257);
    assert_string_equal(text_of("name"), "web server");
}

/* Keys */

#define LEAST "name = 'g'\nkernel = '/k'\n"

static void defaults(void **state)
{
    (void)state;
    assert_int_equal(configure(LEAST), 0);
    assert_int_equal(g.type, GUEST_PV);
    assert_int_equal(g.memory_mib, 128);
    assert_int_equal(g.maxmem_mib, 128);
    assert_int_equal(g.vcpus, 1);
    assert_int_equal(g.on_reboot, ACTION_RESTART);
    assert_int_equal(g.on_crash, ACTION_DESTROY);
    assert_string_equal(g.cmdline, "");
}

static void all_keys(void **state)
{
    (void)state;
    if (configure(
        LEAST "type = 'pv'\nuuid = '01234567-89ab-cdef-0123-456789abcdef'\nramdisk = '/r'\n"
        "root = '/dev/xvda ro'\nextra = 'quiet'\nmemory = 64\nmaxmem = '128'\nvcpus = 2\n"
        "maxvcpus = 4\ncpus = ['0', '1-2']\ncpus_soft = '0-3,^1'\ncpu_weight = 512\ncap = 50\n"
        "on_crash = 'coredump-restart'\non_poweroff = 'preserve'\ntsc_mode = 'native'\n"
        "max_grant_frames = 32\nmax_event_channels = 127\n"
        "disk = ['phy:vg/a,xvda,w', '/b.img,raw,xvdb,r', 'vdev=xvdc,target=/c,access=ro',"
        " 'file:/d.iso,hdc:cdrom,r']\n"
        "vif = ['', 'mac=00:16:3e:00:00:01, bridge=br1, vifname=lan, ip=10.0.0.1']\n"
        "vnc = 1\npci = []\n"))
        fail_msg("%s", e.cause);
    assert_int_equal(g.uuid[15], 0xef);
    assert_string_equal(g.cmdline, "root=/dev/xvda ro quiet");
    assert_int_equal(g.maxmem_mib, 128);
    assert_int_equal(g.maxvcpus, 4);
    assert_true(g.cpus[0][0] && !g.cpus[0][1] && !g.cpus[1][0] && g.cpus[1][2] && g.cpus[2][9]);
    assert_true(g.cpus_soft[3][0] && !g.cpus_soft[3][1] && !g.cpus_soft[0][4]);
    assert_int_equal(g.weight, 512);
    assert_int_equal(g.on_crash, ACTION_DUMP_RESTART);
    assert_int_equal(g.tsc_mode, TSC_NATIVE);
    assert_int_equal(g.max_grant_frames, 32);
    assert_int_equal(g.max_event_channels, 127);
    assert_int_equal(g.n_disks, 4);
    assert_string_equal(g.disks[0].target, "/dev/vg/a");
    assert_int_equal(g.disks[0].devid, 51712);
    assert_true(g.disks[0].writable && !g.disks[1].writable && !g.disks[2].writable);
    assert_true(g.disks[3].cdrom && !g.disks[3].writable);
    assert_int_equal(g.n_nics, 2);
    assert_int_equal(g.nics[1].mac[5], 1);
    assert_string_equal(g.nics[1].bridge, "br1");
    assert_non_null(strstr(warned, "vnc has no effect"));
}

static void wrong_keys(void **state)
{
    static const struct { const char *text, *cause, *remedy; } rows[] = {
        { LEAST "memroy = 64", "line 3: 'memroy' is no known key", "Did you mean 'memory'?" },
        { LEAST "vcpu = 2", "'vcpu' is no known key", "'vcpus'" },
        { LEAST "bootlader = 'x'", "'bootlader'", "'bootloader'" },
        { "kernel = '/k'", "has no name", "" },
        { "name = 'g'", "has no kernel", "grub" },
        { LEAST "memory = 0", "memory: 0 is outside", "" },
        { LEAST "memory = 'much'", "a number is wanted", "" },
        { LEAST "maxmem = 64", "maxmem is less than memory", "" },
        { LEAST "vcpus = 4\nmaxvcpus = 2", "maxvcpus is less", "" },
        { LEAST "on_crash = 'panic'", "on_crash: destroy, restart", "" },
        { LEAST "uuid = '0123'", "not of the form", "" },
        { LEAST "cpus = '0-999'", "range from 0 to 999", "" },
        { LEAST "cpus = '^0'", "leaves no CPU", "" },
        { LEAST "pci = ['0:1.0']", "not passed through", "" },
        { LEAST "disk = ['/a,xvda,w', '/b,xvda,w']", "xvda is there twice", "" },
        { LEAST "disk = ['/a.qcow2,qcow2,xvda,w']", "format 'qcow2'", "qemu-nbd" },
        { LEAST "disk = ['a.img,xvda,w']", "not absolute", "" },
        { LEAST "disk = ['/a,foo,bar,w,x']", "one word too many", "" },
        { LEAST "vif = ['mac=1:2']", "no MAC address", "" },
        { LEAST "vif = ['brigde=x']", "'brigde' is unknown", "bridge" },
        { "name = '12'\nkernel = '/k'", "digits alone", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_not_equal(configure(rows[i].text), 0);
        if (!strstr(e.cause, rows[i].cause) || !strstr(e.remedy, rows[i].remedy))
            fail_msg("'%s' gives '%s' (%s)", rows[i].text, e.cause, e.remedy);
    }
}

/* A sample as articles about Xen 3 print it: `xm create -c FILE vmid=1`. */
static void old_sample(void **state)
{
    static const char text[] =
        "#  -*- mode: python; -*-\n"
        "def vmid_check(var, val):\n    val = int(val)\n    if val <= 0:\n"
        "        raise ValueError\n\n    return val\n\n"
        "xm_vars.var('vmid',\n            use=\"Virtual machine id (an integer, > 0)\",\n"
        "            check=vmid_check)\nxm_vars.check()\n"
        "kernel = \"/boot/vmlinuz-2.6.12-xenU\"\nmemory = 64\nname = \"VM%d\" % vmid\n"
        "vif = [ 'mac=aa:00:00:00:00:%02x, bridge=xen-br%d' % (vmid, vmid) ]\n"
        "disk = [ 'phy:sda%d,sda1,w' % (7+vmid), 'phy:sda6,sda2,r' ]\n"
        "hostname= \"vm%d\" % vmid\nroot = \"/dev/sda1 ro\"\n"
        "extra = \"4 VMID=%d usr=/dev/sda6\" % vmid\non_reboot = 'restart'\n";

    (void)state;
    cfg_free(&cfg);
    guest_config_free(&g);
    error_clear(&e);
    assert_int_equal(cfg_assign(&cfg, "vmid=1", &e), 0);
    if (cfg_parse(&cfg, text, strlen(text), "f", &e) ||
        guest_config_from(&g, &cfg, warn, NULL, &e))
        fail_msg("%s", e.cause);
    assert_string_equal(g.name, "VM1");
    assert_string_equal(g.kernel, "/boot/vmlinuz-2.6.12-xenU");
    assert_string_equal(g.cmdline, "root=/dev/sda1 ro 4 VMID=1 usr=/dev/sda6");
    assert_string_equal(g.disks[0].target, "/dev/sda8");
    assert_string_equal(g.disks[0].vdev, "sda1");
    assert_int_equal(g.nics[0].mac[5], 1);
    assert_string_equal(g.nics[0].bridge, "xen-br1");
}

/* The file need not use the name. */
static void unused_vmid(void **state)
{
    (void)state;
    cfg_free(&cfg);
    guest_config_free(&g);
    error_clear(&e);
    assert_int_equal(cfg_assign(&cfg, "vmid=1", &e), 0);
    assert_int_equal(cfg_parse(&cfg, LEAST, strlen(LEAST), "f", &e), 0);
    assert_int_equal(guest_config_from(&g, &cfg, warn, NULL, &e), 0);
}

static void key_list(void **state)
{
    struct guest_key key, other;

    (void)state;
    for (size_t i = 0; guest_config_key(i, &key); i++) {
        assert_true(!key.help != !key.why);
        for (size_t k = 0; k < i && guest_config_key(k, &other); k++)
            assert_string_not_equal(key.name, other.name);
    }
}

static void device_numbers(void **state)
{
    static const struct { const char *name; int64_t number; } rows[] = {
        { "xvda", 51712 }, { "xvdb1", 51729 }, { "xvdq", (1 << 28) | (16 << 8) },
        { "sda1", 2049 }, { "hda", 768 }, { "hdc", 5632 }, { "hdb2", 834 }, { "xvd", -1 },
        { "xvdA", -1 }, { "sda16", -1 }, { "hdi", -1 }, { "51712", 51712 }, { "xvda01", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (guest_vdev_number(rows[i].name) != rows[i].number)
            fail_msg("%s is %ld", rows[i].name, (long)guest_vdev_number(rows[i].name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values), cmocka_unit_test(expressions), cmocka_unit_test(refused),
        cmocka_unit_test(growth), cmocka_unit_test(command_line), cmocka_unit_test(defaults),
        cmocka_unit_test(all_keys), cmocka_unit_test(wrong_keys), cmocka_unit_test(old_sample),
        cmocka_unit_test(unused_vmid), cmocka_unit_test(key_list),
        cmocka_unit_test(device_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
