/* SPDX-License-Identifier: BSD-2-Clause */
/* Console: options, log ring, levels and limits of messages, and who gets what is typed. The
 * devices are the test's. */
/* sources: hv/drivers/console.c hv/lib/printk.c hv/lib/vsnprintf.c */
/* cflags: -DHV_UNIT_TEST -fno-builtin -Dprintk=hv_printk -Dvsnprintf=hv_vsnprintf */
/* cflags: -Dsnprintf=hv_snprintf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/time.h>
#include <hv/video.h>

struct boot_info boot_info;
enum system_state system_state = SYS_active;
struct vcpu *unit_current;
static unsigned int cpu;
unsigned int unit_cpu(void) { return cpu; }
unsigned long unit_this_cpu_offset(void) { return 0; }
char *unit_directmap;

static s_time_t now;
s_time_t NOW(void) { return now; }
void get_wallclock(uint64_t *secs, uint32_t *nsecs)
{
    *secs = 1709210096; /* 2024-02-29 12:34:56 */
    *nsecs = 0;
}

/* Devices. */
static char serial[65536];
static size_t serial_len;
static bool serial_there = true;
void serial_init(const char *option) { }
void serial_init_irq(void) { }
void serial_set_sync(void) { }
void serial_flush(void) { }
bool serial_present(void) { return serial_there; }
void serial_putc(char c)
{
    if (serial_len < sizeof(serial) - 1)
        serial[serial_len++] = c;
}
bool video_init(void) { return false; }
void video_write(const char *s, size_t len) { fail(); }
void video_stop(void) { }
void kept_log_write(const char *s, size_t len) { }
static char keys[64];
static size_t nr_keys;
void handle_keypress(char key) { keys[nr_keys++ % sizeof(keys)] = key; }
static unsigned int virqs;
void send_global_virq(unsigned int virq)
{
    assert_int_equal(virq, VIRQ_CONSOLE);
    virqs++;
}
struct page_info *unit_frame_table;
struct page_info *alloc_xen_pages(unsigned int order, unsigned int flags) { return NULL; }
const char *symbol_lookup(unsigned long addr, unsigned long *start, unsigned long *size, char *buf,
                          size_t len)
{
    return NULL;
}
int parse_bool(const char *s) { return !strcmp(s, "1") ? 1 : !strcmp(s, "0") ? 0 : -1; }

extern const struct param __start_param_table[], __stop_param_table[];
static int option(const char *name, const char *value)
{
    for (const struct param *p = __start_param_table; p < __stop_param_table; p++) {
        if (strcmp(p->name, name))
            continue;
        if (p->kind == PARAM_fn)
            return p->fn(value);
        if (p->kind == PARAM_str) {
            strcpy(p->var, value);
            return 0;
        }
    }
    fail_msg("no option %s", name);
    return -1;
}

static const char *said(void)
{
    serial[serial_len] = '\0';
    serial_len = 0;
    return serial;
}

static void device_list(void **state)
{
    unsigned int mask;

    assert_null(console_parse_devices("com1,vga", &mask));
    assert_int_equal(mask, CON_COM1 | CON_VGA);
    assert_null(console_parse_devices("none", &mask));
    assert_int_equal(mask, 0);
    assert_null(console_parse_devices("", &mask));
    assert_null(console_parse_devices("vga,", &mask));
    assert_int_equal(mask, CON_VGA);
    assert_string_equal(console_parse_devices("com1,com9,vga", &mask), "com9,vga");
    assert_string_equal(console_parse_devices("com", &mask), "com");
}

static void prefix_and_replay(void **state)
{
    printk("before the devices\n");
    assert_string_equal(said(), "");
    option("console", "com1");
    option("com1", "115200");
    console_init_early();
    assert_string_equal(said(), "(HV) before the devices\n");
    printk("one\ntwo %d\n", 2);
    assert_string_equal(said(), "(HV) one\n(HV) two 2\n");
    printk("a");
    printk("b");
    printk("c\n");
    assert_string_equal(said(), "(HV) abc\n");
}

static void levels(void **state)
{
    assert_int_equal(option("loglvl", "warning"), 0);
    printk(XENLOG_INFO "info\n");
    printk(XENLOG_WARNING "warning\n");
    assert_string_equal(said(), "(HV) warning\n");
    /* The level is the line's: the rest of a dropped line is dropped too. */
    printk(XENLOG_DEBUG "half ");
    printk("other half\n");
    assert_string_equal(said(), "");
    assert_int_equal(option("loglvl", "all"), 0);
    printk(XENLOG_DEBUG "debug\n");
    assert_string_equal(said(), "(HV) debug\n");
    assert_int_equal(option("guest_loglvl", "none"), 0);
    printk(XENLOG_GUEST XENLOG_ERR "guest\n");
    assert_string_equal(said(), "");
    assert_false(printk_shows_guest_debug());
    assert_int_equal(option("guest_loglvl", "all"), 0);
    assert_true(printk_shows_guest_debug());
    assert_int_equal(option("loglvl", "loud"), -EINVAL);
    assert_int_equal(option("loglvl", "all/"), -EINVAL);
    assert_int_equal(option("loglvl", "all!"), -EINVAL);
}

static void rate_limit(void **state)
{
    unsigned int printed = 0;

    assert_int_equal(option("guest_loglvl", "none/info"), 0);
    now = SECONDS(1000);
    for (unsigned int i = 0; i < 100; i++) {
        printk(XENLOG_GUEST XENLOG_INFO "noise\n");
        printed += strlen(said()) != 0;
    }
    assert_int_equal(printed, 10);
    printk(XENLOG_WARNING "ours are not limited\n");
    assert_string_equal(said(), "(HV) ours are not limited\n");
    now += SECONDS(5);
    printk(XENLOG_GUEST XENLOG_INFO "again\n");
    assert_string_equal(said(), "(HV) printk: 90 messages suppressed.\n(HV) again\n");
    now += SECONDS(1000);
}

static void time_stamps(void **state)
{
    now = SECONDS(3) + MILLISECS(45);
    assert_int_equal(option("console_timestamps", "boot"), 0);
    printk("x\n");
    assert_string_equal(said(), "(HV) [    3.045000] x\n");
    printk_read_clock();
    assert_int_equal(option("console_timestamps", "datems"), 0);
    printk("x\n");
    assert_string_equal(said(), "(HV) [2024-02-29 12:34:59.045] x\n");
    assert_int_equal(option("console_timestamps", "date"), 0);
    now = SECONDS(86400 + 4);
    printk("x\n");
    assert_string_equal(said(), "(HV) [2024-03-01 12:35:00] x\n");
    assert_int_equal(option("console_timestamps", "never"), -EINVAL);
    assert_int_equal(option("console_timestamps", "none"), 0);
}

static void long_and_nested_messages(void **state)
{
    static char big[5000];
    unsigned long flags;
    bool nested;

    memset(big, 'x', sizeof(big) - 1);
    printk("%s", big);
    assert_true(strlen(said()) < 1100);
    printk("\n");
    said();
    /* This CPU holds the lock (a fault, an NMI): the message still comes out. */
    nested = console_lock(&flags);
    assert_false(nested);
    printk("nested\n");
    assert_string_equal(said(), "(HV) nested\n");
    console_unlock(nested, flags);
    assert_false(console_lock(&flags));
    /* A panic on another CPU breaks the lock. */
    cpu = 1;
    console_force_unlock();
    printk("panic\n");
    assert_string_equal(said(), "(HV) panic\n");
    cpu = 0;
}

static void log_ring(void **state)
{
    char buf[65536 + 10];
    uint32_t index = 0, mark;
    size_t n = console_read_ring(buf, sizeof(buf), true, false, &index);

    assert_true(n > 0);
    assert_int_equal(console_read_ring(buf, sizeof(buf), false, false, &index), 0);
    printk("first\n");
    n = console_read_ring(buf, 4, false, false, &index);
    assert_memory_equal(buf, "(HV)", 4);
    n = console_read_ring(buf, sizeof(buf), false, true, &index);
    assert_int_equal(n, 7);
    assert_memory_equal(buf, " first\n", 7);
    mark = index;
    for (unsigned int i = 0; i < 10000; i++)
        printk("line %u\n", i);
    n = console_read_ring(buf, sizeof(buf), false, true, &mark);
    assert_int_equal(n, 65536);
    assert_memory_equal(buf + n - 10, "line 9999\n", 10);
    mark += 1000; /* ahead of what there is */
    assert_int_equal(console_read_ring(buf, sizeof(buf), false, true, &mark), 0);
    said();
}

static void type(const char *s)
{
    while (*s)
        console_rx_char(*s++);
}

static void input(void **state)
{
    char buf[512];

    type("ht");
    assert_int_equal(nr_keys, 2);
    assert_memory_equal(keys, "ht", 2);
    console_end_boot();
    assert_non_null(strstr(said(), "Serial input to DOM0 (type 'CTRL-a' three times"));
    type("ls\r");
    assert_int_equal(virqs, 3);
    assert_int_equal(console_read_input(buf, 2), 2);
    assert_memory_equal(buf, "ls", 2);
    assert_int_equal(console_read_input(buf, sizeof(buf)), 1);
    assert_int_equal(console_read_input(buf, sizeof(buf)), 0);
    /* One or two switch characters are input. */
    type("\001\001x");
    assert_int_equal(console_read_input(buf, sizeof(buf)), 3);
    assert_memory_equal(buf, "\001\001x", 3);
    type("\001\001\001q");
    assert_int_equal(keys[2], 'q');
    assert_int_equal(console_read_input(buf, sizeof(buf)), 0);
    assert_non_null(strstr(said(), "Serial input to Hospes"));
    type("\001\001\001");
    /* A guest that does not read loses input, nothing else. */
    for (unsigned int i = 0; i < 1000; i++)
        type("y");
    assert_int_equal(console_read_input(buf, sizeof(buf)), 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_list), cmocka_unit_test(prefix_and_replay),
        cmocka_unit_test(levels),      cmocka_unit_test(rate_limit),
        cmocka_unit_test(time_stamps), cmocka_unit_test(long_and_nested_messages),
        cmocka_unit_test(log_ring),    cmocka_unit_test(input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
