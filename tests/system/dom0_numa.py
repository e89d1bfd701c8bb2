#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=40 limit=400
"""A machine of 16 CPUs in two NUMA nodes, and a domain 0 with fewer vCPUs than that: do Debian's
tools see the nodes, do vCPUs run on the node they prefer, do they come and go by Linux's own
switch, and is suspend refused? (Xen 4.17 passes but for that: it suspends.)"""
from lib import dom0, tools

VCPUS = 4
COMMANDS = [
    ('cpus', 'grep -c ^processor /proc/cpuinfo'),
    ('info', 'xl info -n'),
    ('topology', 'xenpm get-cpu-topology'),
    ('keys', "xl debug-keys u; xl dmesg | sed 's/^/| /'"),
    # Linux takes a vCPU down and brings it back.
    ('offline', 'echo 0 > /sys/devices/system/cpu/cpu2/online; cat /sys/devices/system/cpu/online; '
                'xl vcpu-list 0'),
    ('online', 'echo 1 > /sys/devices/system/cpu/cpu2/online; cat /sys/devices/system/cpu/online; '
               'xl vcpu-list 0'),
    ('all-off', 'for i in 1 2 3; do echo 0 > /sys/devices/system/cpu/cpu$i/online; done; '
                'cat /sys/devices/system/cpu/online'),
    ('all-on', 'for i in 1 2 3; do echo 1 > /sys/devices/system/cpu/cpu$i/online; done; '
               'cat /sys/devices/system/cpu/online'),
    ('pin', 'xl vcpu-pin 0 all all nodes:1; for i in 1 2 3 4; do '
            '(timeout 4 sh -c "while :; do :; done" &) ; done; sleep 2; xl vcpu-list 0; sleep 3'),
    ('unpin', 'xl vcpu-pin 0 all all all; xl vcpu-list 0'),
    ('suspend', 'cat /sys/power/state; echo mem > /sys/power/state; echo says $?; sleep 1; '
                'dmesg | tail -n 30'),
    ('after', "cat /sys/devices/system/cpu/online; xl dmesg | tail -n 8 | sed 's/^/| /'"),
]


def vcpus(said):
    """[(vCPU, CPU, state)] of `xl vcpu-list`."""
    return [(r[2], r[3], r[4]) for r in said.ok().rows(0) if r[0] == 'Domain-0']


def nodes(said):
    info = said['info'].ok()
    dom0.check(said['cpus'].lines == [str(VCPUS)], f'Linux has {said["cpus"].lines} CPUs')
    table = info.table()
    dom0.check((table['nr_cpus'], table['nr_nodes']) == ('16', '2'),
               f'xl info: {table["nr_cpus"]} CPUs, {table["nr_nodes"]} nodes')
    for node, distances in ((0, '10,21'), (1, '21,10')):
        size, free = map(int, info.find(rf'^ +{node}: +(\d+) +(\d+) +{distances}$').groups())
        dom0.check(700 < size <= 1280 and free < size, f'node {node}: {free} of {size} MiB free')
    for cpu in range(16):
        info.find(rf'^ +{cpu}: +\d+ +\d+ +{cpu // 8}$')
    dom0.check([r[-1] for r in said['topology'].ok().rows()[:16]] == ['0'] * 8 + ['1'] * 8,
               f'{said["topology"].text}')
    said['keys'].ok().find(r"^\| .*'u' pressed")


def hotplug(said):
    dom0.check('0-1,3' in said['offline'].lines, f'{said["offline"].text}')
    dom0.check(('2', '-', '--p') in vcpus(said['offline']), f'{said["offline"].text}')
    dom0.check('0-3' in said['online'].lines, f'{said["online"].text}')
    dom0.check(all(cpu != '-' for _, cpu, _ in vcpus(said['online'])), f'{said["online"].text}')
    dom0.check(said['all-off'].ok().lines[-1] == '0' and said['all-on'].ok().lines[-1] == '0-3',
               f'{said["all-off"].text} {said["all-on"].text}')


def preference(said):
    """With eight CPUs that they prefer and little else to run, all four run there."""
    places = [int(cpu) for _, cpu, _ in vcpus(said['pin'])]
    dom0.check(len(places) == VCPUS and min(places) >= 8, f'busy vCPUs on CPUs {places}')
    said['pin'].find(r'all / 8-15$')
    said['unpin'].ok().find(r'all / all$')


def suspend(said):
    said['suspend'].find('suspend exit')
    said['after'].find('asks for sleep state S3: refused')
    dom0.check(said['after'].ok().lines[0] == '0-3', f'after suspend: {said["after"].text}')


def test(env):
    said = tools.run(env, COMMANDS, cpus=16, nodes=2, mem=2048, timeout=300,
                     hypervisor=f'dom0_mem=640M dom0_max_vcpus={VCPUS} loglvl=all')
    for part in (nodes, hotplug, preference, suspend):
        part(said)


dom0.main(test)
