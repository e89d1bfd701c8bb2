/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where messages and dom0's console output go: the log ring and the devices named by console=; and
 * where typed characters go: dom0 or the debug keys, switched by the switch character typed three
 * times.
 */
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/current.h>
#include <hv/event.h>
#include <hv/kept_log.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/spinlock.h>
#include <hv/video.h>

#define RING_DEFAULT 65536u      /* bytes, until conring_size= asks for more; a power of two */
#define INPUT_RING 256u          /* power of two */
#define SWITCH_COUNT 3

static char opt_console[64] = "com1,vga";
string_param("console", opt_console);
static char opt_com1[64];
string_param("com1", opt_com1);
static char opt_conswitch[4] = "a";
string_param("conswitch", opt_conswitch);
static char opt_vga[32];
string_param("vga", opt_vga);
static uint64_t opt_conring_size;
size_param("conring_size", opt_conring_size);
static bool opt_sync_console;
bool_param("sync_console", opt_sync_console);

static uint32_t lock_owner;      /* CPU + 1 */
static unsigned int wanted;      /* CON_*, as console= has it */
static unsigned int devices;     /* of these, those in use */
static bool early_done;

static char ring_static[RING_DEFAULT];
static char *ring = ring_static;
static uint32_t ring_size = RING_DEFAULT, ring_start, ring_end; /* free-running positions */

static char input[INPUT_RING];
static uint32_t input_prod, input_cons;
static bool input_to_dom0;
static unsigned int switch_seen;

bool console_lock(unsigned long *flags)
{
    uint32_t me = smp_processor_id() + 1;

    *flags = local_irq_save();
    if (READ_ONCE(lock_owner) == me)
        return true;
    while (cmpxchg(&lock_owner, 0, me) != 0)
        cpu_relax();
    return false;
}

void console_unlock(bool nested, unsigned long flags)
{
    if (!nested)
        __atomic_store_n(&lock_owner, 0, __ATOMIC_RELEASE);
    local_irq_restore(flags);
}

void console_force_unlock(void)
{
    __atomic_store_n(&lock_owner, 0, __ATOMIC_RELEASE);
}

static void emit_devices(const char *s, size_t len)
{
    for (size_t i = 0; i < len && devices & CON_COM1; i++)
        serial_putc(s[i]);
    if (devices & CON_VGA)
        video_write(s, len);
}

void console_emit_output(const char *s, size_t len)
{
    emit_devices(s, len);
    kept_log_write(s, len);
}

void console_emit(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ring[ring_end++ & (ring_size - 1)] = s[i];
    if (ring_end - ring_start > ring_size)
        ring_start = ring_end - ring_size;
    console_emit_output(s, len);
}

size_t console_read_ring(char *buf, size_t len, bool clear, bool incremental, uint32_t *index)
{
    unsigned long flags;
    bool nested = console_lock(&flags);
    uint32_t pos = ring_start;
    size_t n = 0;

    if (incremental && (int32_t)(*index - pos) > 0)
        pos = (int32_t)(*index - ring_end) > 0 ? ring_end : *index;
    while (n < len && pos != ring_end)
        buf[n++] = ring[pos++ & (ring_size - 1)];
    if (clear)
        ring_start = pos;
    *index = pos;
    console_unlock(nested, flags);
    return n;
}

void console_copy_ring(void (*fn)(const char *s, size_t len))
{
    unsigned long flags;
    bool nested = console_lock(&flags);

    for (uint32_t pos = ring_start; pos != ring_end; pos++)
        fn(&ring[pos & (ring_size - 1)], 1);
    console_unlock(nested, flags);
}

const char *console_parse_devices(const char *list, unsigned int *mask)
{
    static const struct { const char *name; unsigned int bits; } words[] = {
        { "com1", CON_COM1 }, { "vga", CON_VGA }, { "none", 0 },
    };

    *mask = 0;
    while (*list) {
        size_t n = 0;
        unsigned int i;

        while (list[n] && list[n] != ',')
            n++;
        for (i = 0; i < ARRAY_SIZE(words); i++)
            if (strlen(words[i].name) == n && !strncmp(words[i].name, list, n))
                break;
        if (n && i == ARRAY_SIZE(words))
            return list;
        *mask |= n ? words[i].bits : 0;
        list += n + (list[n] == ',');
    }
    return NULL;
}

/* What was said before there was a device. */
static void replay_ring(unsigned int to)
{
    unsigned long flags;
    bool nested = console_lock(&flags);
    unsigned int saved = devices;

    devices = to;
    for (uint32_t pos = ring_start; pos != ring_end;) {
        uint32_t at = pos & (ring_size - 1), n = MIN(ring_end - pos, ring_size - at);

        emit_devices(&ring[at], n);
        pos += n;
    }
    devices = saved | to;
    console_unlock(nested, flags);
}

/* vga=: what Xen does in real mode before its start, the loader does here. */
static void report_vga_option(void)
{
    bool mode = strstr(opt_vga, "gfx-") || strstr(opt_vga, "text-") || strstr(opt_vga, "mode-") ||
                strstr(opt_vga, "ask");

    if (mode)
        printk(XENLOG_WARNING "vga=%s: the mode stays as the boot loader set it; for another one, "
               "set gfxpayload=WIDTHxHEIGHTxDEPTH (or text) after GRUB's multiboot2 command\n",
               opt_vga);
}

void console_init_early(void)
{
    const char *bad = console_parse_devices(opt_console, &wanted);

    if (early_done)
        return;
    early_done = true;
    if (wanted & CON_COM1 && opt_com1[0])
        serial_init(opt_com1);
    if (wanted & CON_VGA && video_init())
        replay_ring(CON_VGA);
    if (serial_present())
        replay_ring(CON_COM1);
    if (opt_sync_console)
        serial_set_sync();
    report_vga_option();
    if (bad)
        printk(XENLOG_ERR "console=%s: unknown from \"%s\" on; com1, vga and none are known\n",
               opt_console, bad);
    if (!serial_present() && wanted & CON_COM1 && !opt_com1[0] && !(wanted & CON_VGA))
        printk(XENLOG_ERR
               "console=com1 without com1=BAUD: no serial console; com1=115200,8n1 sets it up\n");
}

/* Moves the log to a ring of the size asked for; the old one stays as it was when there is no
 * memory. */
static void ring_grow(void)
{
    unsigned long flags;
    uint64_t size = MIN(opt_conring_size, 1UL << 24);
    struct page_info *pg;
    char *bigger;
    bool nested;

    if (size <= ring_size)
        return;
    size = 1UL << fls64(size);
    pg = alloc_xen_pages(order_of(size >> PAGE_SHIFT), MEMF_no_scrub);
    if (!pg) {
        printk(XENLOG_WARNING "conring_size: no memory for %lu KiB; the log keeps %u KiB\n",
               size >> 10, ring_size >> 10);
        return;
    }
    bigger = page_to_virt(pg);
    nested = console_lock(&flags);
    for (uint32_t pos = ring_start; pos != ring_end; pos++)
        bigger[pos & (size - 1)] = ring[pos & (ring_size - 1)];
    ring = bigger;
    ring_size = (uint32_t)size;
    console_unlock(nested, flags);
}

void console_init_irq(void)
{
    if (wanted & ~devices & CON_VGA && video_init())
        replay_ring(CON_VGA);
    printk_read_clock();
    ring_grow();
    serial_init_irq();
}

static void tell_input(void)
{
    bool can_switch = opt_conswitch[0] >= 'a' && opt_conswitch[0] <= 'z';

    printk("*** Serial input to %s", input_to_dom0 ? "DOM0" : "Hospes");
    if (can_switch)
        printk(" (type 'CTRL-%c' three times to switch input)", opt_conswitch[0]);
    printk("\n");
}

void console_end_boot(void)
{
    if (!strstr(opt_vga, "keep")) {
        unsigned long flags;
        bool nested = console_lock(&flags);

        video_stop();
        devices &= ~CON_VGA;
        console_unlock(nested, flags);
    }
    /* conswitch=ax: input stays with the hypervisor. */
    if (opt_conswitch[0] && opt_conswitch[1] == 'x')
        return;
    input_to_dom0 = true;
    tell_input();
}

void console_input_to_hypervisor(void)
{
    input_to_dom0 = false;
    tell_input();
}

bool console_has_screen(void)
{
    return devices & CON_VGA;
}

void console_start_sync(void)
{
    unsigned long flags;
    bool nested = console_lock(&flags);

    serial_set_sync();
    console_unlock(nested, flags);
}

static bool is_switch_char(char c)
{
    return opt_conswitch[0] >= 'a' && opt_conswitch[0] <= 'z' && c == opt_conswitch[0] - 'a' + 1;
}

static void input_to_guest(char c)
{
    unsigned long flags;
    bool nested = console_lock(&flags), room = input_prod - input_cons < INPUT_RING;

    if (room)
        input[input_prod++ & (INPUT_RING - 1)] = c;
    console_unlock(nested, flags);
    send_global_virq(VIRQ_CONSOLE);
}

void console_rx_char(char c)
{
    if (is_switch_char(c)) {
        if (++switch_seen == SWITCH_COUNT) {
            switch_seen = 0;
            input_to_dom0 = !input_to_dom0;
            tell_input();
        }
        return;
    }
    /* Fewer than three: they were meant as they are. */
    for (; switch_seen; switch_seen--)
        if (input_to_dom0)
            input_to_guest((char)(opt_conswitch[0] - 'a' + 1));
    if (input_to_dom0)
        input_to_guest(c);
    else
        handle_keypress(c);
}

size_t console_read_input(char *buf, size_t len)
{
    unsigned long flags;
    bool nested = console_lock(&flags);
    size_t n = 0;

    while (n < len && input_cons != input_prod)
        buf[n++] = input[input_cons++ & (INPUT_RING - 1)];
    console_unlock(nested, flags);
    return n;
}

