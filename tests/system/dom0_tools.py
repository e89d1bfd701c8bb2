#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=30 limit=300
"""Do Debian's own Xen tools, unpatched, see the machine and domain 0 as they are, and set what they
set? One boot runs them all; Xen 4.17 passes too."""
from lib import dom0, tools

DOM0_MIB = 600
SHRUNK_MIB = 480
COMMANDS = [
    # The machine
    ('cpuinfo', "grep -c ^processor /proc/cpuinfo; sed -n '/MHz/p' /proc/cpuinfo | head -n 1"),
    ('info', 'xl info'),
    ('info-n', 'xl info -n'),
    ('uptime', 'xl uptime; cut -d . -f 1 /proc/uptime'),
    ('dmesg', "xl dmesg | sed 's/^/| /'"),
    ('dmesg-clear', "xl dmesg -c > /dev/null; xl dmesg | sed 's/^/| /'"),
    ('debug-keys', "xl debug-keys h; xl dmesg | sed 's/^/| /'"),
    ('cpuid', 'xen-cpuid -p'),
    ('detect', 'xen-detect'),
    # Domain 0
    ('list', 'xl list'),
    ('list-long', 'xl list -l 0'),
    ('vcpus', 'xl vcpu-list'),
    ('names', 'xl domname 0; xl domid Domain-0'),
    ('claims', 'xl claims'),
    ('evtchns', 'lsevtchn 0'),
    ('grants', 'xen-diag gnttab_query_size 0'),
    ('store', 'xenstore-ls -f'),
    ('init', 'xen-init-dom0'),
    # Scheduler, affinity, pools
    ('credit', 'xl sched-credit -d 0'),
    ('credit-set', 'xl sched-credit -d 0 -w 512 -c 150 && xl sched-credit -d 0'),
    ('credit-bad', 'xl sched-credit -d 0 -w 99999'),
    ('credit-back', 'xl sched-credit -d 0 -w 256 -c 0 && xl sched-credit'),
    ('credit-all', 'xl sched-credit -s -t 10 -r 500 && xl sched-credit -s'),
    ('credit-all-bad', 'xl sched-credit -s -t 5000'),
    ('credit-all-back', 'xl sched-credit -s -t 30 -r 1000 && xl sched-credit -s'),
    ('pin', 'xl vcpu-pin 0 1 0 && xl vcpu-list'),
    ('pin-soft', 'xl vcpu-pin 0 1 all 1 && xl vcpu-list'),
    ('pin-bad', 'xl vcpu-pin 0 1 7'),
    ('pin-back', 'xl vcpu-pin 0 1 all all && xl vcpu-list'),
    ('pools', 'xl cpupool-list'),
    ('pool-cpus', 'xl cpupool-list -c'),
    # Monitors
    ('top', 'xentop -b -i 2 -d 1'),
    ('idle', 'xenpm get-cpuidle-states'),
    ('topology', 'xenpm get-cpu-topology'),
    ('frequency', 'xenpm get-cpufreq-para'),
    ('lowmem', 'timeout 1 xen-lowmemd'),
    ('lockprof', 'xenlockprof'),
    # What changes domain 0
    ('vcpu-set', 'xl vcpu-set 0 1; n=0; while grep -q 1 /sys/devices/system/cpu/cpu1/online && '
                 '[ $((n += 1)) -lt 50 ]; do sleep 0.1; done; xl vcpu-list'),
    ('vcpu-back', 'xl vcpu-set 0 2; n=0; until echo 1 > /sys/devices/system/cpu/cpu1/online || '
                  '[ $((n += 1)) -ge 20 ]; do sleep 0.1; done; xl vcpu-list'),
    ('mem-set', f'xl mem-set 0 {SHRUNK_MIB}; n=0; until xl list | grep -q "^Domain-0 .* '
                f'{SHRUNK_MIB} " || [ $((n += 1)) -ge 100 ]; do sleep 0.1; done; xl list; '
                'xl info | grep free_memory'),
    ('mem-back', f'xl mem-set 0 {DOM0_MIB}; n=0; until xl list | grep -q "^Domain-0 .* '
                 f'{DOM0_MIB} " || [ $((n += 1)) -ge 100 ]; do sleep 0.1; done; xl list'),
]


def domain0(said):
    """Domain-0's row of `xl list`: id, MiB, vCPUs, state, seconds."""
    row = said.ok().find(r'^Domain-0 +(\d+) +(\d+) +(\d+) +(\S+) +(\S+)')
    return row.group(1), int(row.group(2)), int(row.group(3)), row.group(4), float(row.group(5))


def the_machine(said):
    info = said['info'].ok().table()
    cpus, mhz = said['cpuinfo'].lines[0], said['cpuinfo'].number(r'MHz\s*: *([\d.]+)')
    dom0.check(info['nr_cpus'] == cpus == '2', f'xl counts {info["nr_cpus"]} CPUs, Linux {cpus}')
    dom0.check(abs(float(info['cpu_mhz']) - mhz) < mhz / 100,
               f'xl says {info["cpu_mhz"]} MHz, Linux {mhz}')
    total, free = int(info['total_memory']), int(info['free_memory'])
    dom0.check(1020 <= total <= 1024, f'{total} MiB of 1024')
    dom0.check(1024 - DOM0_MIB - 60 < free < 1024 - DOM0_MIB, f'{free} MiB are free')
    for name, word in (('xen_version', '4.17.'), ('xen_caps', 'xen-3.0-x86_64'),
                       ('virt_caps', 'pv'), ('xen_scheduler', 'credit'),
                       ('xen_pagesize', '4096'), ('platform_params', '0xffff800000000000'),
                       ('xen_commandline', f'dom0_mem={DOM0_MIB}M')):
        dom0.check(word in info[name], f'xl info: {name} is "{info[name]}", without "{word}"')
    said['info-n'].ok().find(r'^ +0: +0 +0 +0$')
    dom0.check(int(said['info-n'].find(r'^ +0: +(\d+) +\d+ +10$').group(1)) > 900, 'node 0 is small')
    up = said['uptime'].ok().find(r'^Domain-0 +0 +(\d+):(\d\d):(\d\d)')
    seconds = (int(up.group(1)) * 60 + int(up.group(2))) * 60 + int(up.group(3))
    dom0.check(abs(seconds - int(said['uptime'].lines[-1])) < 10, f'xl uptime says {seconds} s')
    said['cpuid'].ok().find(r'^PV Default policy: \d+ leaves, 2 MSRs$')
    said['cpuid'].find(r'^  00000001:ffffffff -> [0-9a-f]{8}:')
    said['detect'].ok().find(r'PV context on Xen V4\.17')


def the_log(said):
    said['dmesg'].ok().find(r'^\| .*(Hospes|Xen version) ')
    said['dmesg'].find(r'^\| .*1024 ?(MiB|MB)|\| .*System RAM: 1023MB')
    dom0.check(len(said['dmesg-clear'].text) < 200, 'xl dmesg -c does not clear')
    said['debug-keys'].ok().find(r"^\| .*'h' pressed")
    dom0.check('Hospes 0' not in said['debug-keys'].text, 'cleared lines are back')


def domain_0(said):
    number, mib, vcpus, state, used = domain0(said['list'])
    dom0.check((number, mib, vcpus) == ('0', DOM0_MIB, 2), f'xl list: {said["list"].lines[1]}')
    dom0.check('r' in state and used > 0.5, f'Domain-0 is {state} and ran {used} s')
    target = said['list-long'].ok().number(r'"target_memkb": (\d+),')
    dom0.check(DOM0_MIB * 1024 - 4 <= target <= DOM0_MIB * 1024, f'target {target} KiB')
    rows = said['vcpus'].ok().rows()
    dom0.check([r[2] for r in rows] == ['0', '1'] and rows[0][-3:] == ['all', '/', 'all'],
               f'xl vcpu-list: {rows}')
    dom0.check(said['names'].ok().lines == ['Domain-0', '0'], f'{said["names"].text}')
    dom0.check(said['claims'].ok().rows()[0][-1] == '0', 'memory is claimed')
    said['evtchns'].ok().find(r'VCPU 0: Virtual IRQ 0$')
    dom0.check(said['grants'].ok().number(r'max_nr_frames=(\d+)') >= 32, 'few grant frames')
    for line in ('/local/domain/0/name = "Domain-0"', '/local/domain/0/domid = "0"',
                 '/local/pool/0/name = "Pool-0"'):
        said['store'].ok().find(line)
    said['init'].ok().find('already set up')


def credit(said):
    header = 'Domain-0 +0 +'
    said['credit'].ok().find(header + r'256 +0$')
    said['credit-set'].ok().find(header + r'512 +150$')
    dom0.check(said['credit-bad'].status != 0, 'a weight of 99999 is taken')
    said['credit-back'].ok().find(header + r'256 +0$')
    said['credit-back'].find(r'^Cpupool Pool-0: tslice=30ms ratelimit=1000us')
    said['credit-all'].ok().find('tslice=10ms ratelimit=500us')
    dom0.check(said['credit-all-bad'].status != 0, 'a time slice of 5 s is taken')
    said['credit-all-back'].ok().find('tslice=30ms ratelimit=1000us')


def affinity(said):
    row = r'^Domain-0 +0 +1 +\S+ +\S+ +\S+ +'
    said['pin'].ok().find(r'^Domain-0 +0 +1 +[0-] +\S+ +\S+ +0 / all')
    said['pin-soft'].ok().find(row + r'all / 1')
    dom0.check(said['pin-bad'].status != 0, 'a vCPU is pinned to CPU 7 of 2')
    said['pin-back'].ok().find(row + r'all / all')
    said['pools'].ok().find(r'^Pool-0 +2 +credit +y +1$')
    said['pool-cpus'].ok().find(r'^Pool-0 +0,1$')


def monitors(said):
    rows = [r for r in said['top'].ok().rows(0) if r[0] == 'Domain-0']
    dom0.check(len(rows) == 2, f'xentop printed {len(rows)} rows of Domain-0')
    dom0.check(0 < float(rows[1][3]) <= 200, f'xentop: {rows[1][3]} % of a CPU')
    dom0.check(int(rows[1][4]) == DOM0_MIB * 1024, f'xentop: {rows[1][4]} KiB')
    dom0.check(said['idle'].ok().text.count('total C-states       : 2') == 2, 'not two C-states')
    dom0.check(said['idle'].number(r'idle time\(ms\) +: (\d+)') > 0, 'no idle time')
    dom0.check(said['topology'].ok().rows()[:2] == [['CPU0', '0', '0', '0'], ['CPU1', '1', '0', '0']],
               f'topology: {said["topology"].text}')
    said['frequency'].ok().find('not enabled|failed to get')
    dom0.check(said['lowmem'].status == 143 and said['lowmem'].text.strip() in ('', 'Terminated'),
               f'xen-lowmemd: {said["lowmem"].text}')
    said['lockprof'].ok(1).find('Function not implemented')


def changes(said):
    said['vcpu-set'].ok().find(r'^Domain-0 +0 +1 +- +--p ')
    said['vcpu-back'].ok().find(r'^Domain-0 +0 +1 +[01] +[-r]')
    dom0.check(domain0(said['mem-set'])[1] == SHRUNK_MIB, f'{said["mem-set"].text}')
    free = said['mem-set'].number(r'free_memory *: (\d+)')
    before = int(said['info'].table()['free_memory'])
    dom0.check(abs(free - before - (DOM0_MIB - SHRUNK_MIB)) <= 4,
               f'{before} MiB were free, after ballooning {free}')
    dom0.check(domain0(said['mem-back'])[1] == DOM0_MIB, f'{said["mem-back"].text}')


def test(env):
    said = tools.run(env, COMMANDS, hypervisor=f'dom0_mem={DOM0_MIB}M loglvl=all')
    for part in (the_machine, the_log, domain_0, credit, affinity, monitors, changes):
        part(said)


dom0.main(test)
