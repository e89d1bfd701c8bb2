# SPDX-License-Identifier: BSD-2-Clause
"""Domain 0 as a host of guests: boots build/dom0.img, runs shell commands there, gives back what
each said (lib/tools.py). The commands have these functions:

    up NAME [SECONDS]       wait until the small guest of that name answers over the network
    attach NAME             begin to record its console in /tmp/NAME.out, and to type there
    at NAME 'COMMAND'       run a command at its console, print what it says, give its status
    state                   what must be as before once guests are gone: free memory, store, back
                            ends, loop devices, bridge ports, keepers
    settle                  wait until no domain but 0 is left
"""
import os

from lib import dom0, tools

PRELUDE = r'''
up() {
    n=0
    until timeout 5 wget -q -O /tmp/page http://$1.guests/ 2> /dev/null && grep -q '^up=' /tmp/page; do
        [ $((n += 1)) -lt ${2:-120} ] || { echo "no answer from $1"; return 1; }
        sleep 1
    done
    cat /tmp/page
}
attach() {
    rm -f /tmp/$1.in
    mkfifo /tmp/$1.in
    sleep 100000 > /tmp/$1.in &
    hospes console $1 < /tmp/$1.in > /tmp/$1.out 2>&1 &
}
at() {
    mark=end-$((at_n += 1))
    echo "echo begin; $2; echo $mark=\$?" > /tmp/$1.in
    n=0
    until grep -q "^$mark=" /tmp/$1.out; do
        [ $((n += 1)) -lt 300 ] || { echo "no answer at the console of $1"; return 1; }
        sleep 0.2
    done
    tr -d '\r' < /tmp/$1.out | awk -v end="^$mark=" '
        /^begin$/ { text = "" } $0 ~ end { printf "%s", text; exit } !/^begin$/ { text = text $0 "\n" }'
    return $(sed -n "s/\r//; s/^$mark=//p" /tmp/$1.out | tail -n 1)
}
settle() {
    n=0
    while [ $(hospes list | wc -l) -gt 2 ] || ps | grep -q '[h]ospes create'; do
        [ $((n += 1)) -lt 300 ] || { hospes list; return 1; }
        sleep 0.2
    done
}
state() {
    hospes info --json | grep free_
    xenstore-ls -f | grep -v -e '^/local/domain/0/memory/' -e '^/local/domain/0/cpu/'
    ls /sys/bus/xen-backend/devices /sys/class/net/xenbr0/brif
    losetup -a
    ls /run/hospes
    ps | grep '[h]ospes ' | sed 's/^ *[0-9]* //'
}
'''


def run(env, commands, files=(), dom0_mem=512, **options):
    """tools.run() in the host's image. options: mem= of the machine, cpus=,
    extra=, image= another image..."""
    image = options.pop('image', os.path.join(env.build, 'dom0.img'))
    return tools.run(env, [('', PRELUDE)] + list(commands), files, image=image,
                     hypervisor=f'dom0_mem={dom0_mem}M', timeout=options.pop('timeout', 900),
                     silence=options.pop('silence', 600), **options)


def card():
    """QEMU's options for a network card with the world behind it."""
    return ['-netdev', 'user,id=n0', '-device', 'virtio-net-pci,netdev=n0']


def same_state(before, after):
    """Fail unless nothing is left of what was between two `state` commands."""
    gone = [r for r in before.lines if r not in after.lines]
    new = [r for r in after.lines if r not in before.lines]
    dom0.check(not gone and not new, f'left behind: {new[:8]}; missing: {gone[:8]}')
