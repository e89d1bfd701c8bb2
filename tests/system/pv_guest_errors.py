#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=60 limit=1200
"""What a creation that fails says, and that it leaves nothing behind: no domain, no node of the
store, no back end, no frame of memory."""
import re

from lib import dom0, host

ALPHA = 'hospes create -p /etc/hospes/alpha.cfg'
BARE = f'{ALPHA} disk=[] vif=[]'
SETUP = r'''
cd /tmp
truncate -s 32M /var/lib/hospes/alpha.img /var/lib/hospes/beta.img
head -c 4000000 /boot/vmlinuz > cut
cp /boot/vmlinuz broken
dd if=/dev/zero of=broken bs=64k seek=40 count=1 conv=notrunc 2> /dev/null
printf '#!/bin/bash\ntouch /tmp/slow-runs\nsleep 60\n' > slow
printf '#!/bin/bash\nxenstore-write $XENBUS_PATH/hotplug-error "no such pool"\nexit 1\n' > fails
chmod +x slow fails
printf 'name = "x"\nkernal = "/boot/vmlinuz"\n' > unknown.cfg
printf 'name = "x"\nkernel = [ "/boot/vmlinuz"\n' > syntax.cfg
# bad COMMAND...: status, and what is not as it was
bad() {
    "$@"
    echo "status $?"
    state > /tmp/now
    diff /tmp/before /tmp/now > /tmp/diff || { echo "LEFT BEHIND"; cat /tmp/diff; }
}
# stopped SIGNAL: ends a creation in the middle of its hotplug script
stopped() {
    rm -f slow-runs
    hospes create -p /etc/hospes/alpha.cfg \
        'disk=["/var/lib/hospes/alpha.img,xvda,w,script=/tmp/slow"]' &
    creator=$!
    n=0
    until [ -e slow-runs ] || [ $((n += 1)) -gt 300 ]; do sleep 0.1; done
    kill -$1 $creator
    wait $creator
}
'''
CASES = [                                   # name, command, what it says
    ('no-kernel', f'{BARE} kernel=/nope', r'builder: kernel /nope: No such file'),
    ('cut-kernel', f'{BARE} kernel=/tmp/cut', r'builder: kernel /tmp/cut: \w+'),
    ('broken-kernel', f'{BARE} kernel=/tmp/broken', r'builder: kernel /tmp/broken: \w+'),
    ('other-kernel', f'{BARE} kernel=/bin/busybox', r'builder: .*no Xen notes.*\n +Take a kernel'),
    ('no-ramdisk', f'{BARE} ramdisk=/nope', r'builder: ramdisk /nope: No such file'),
    ('no-memory', f'{BARE} memory=4000', r'only \d+ left\n +\S+'),
    ('too-small', f'{BARE} memory=32', r'builder: the guest has 32 MiB, and .* need \d+'),
    ('no-disk', f"{ALPHA} 'disk=[\"/nope,xvda,w\"]'", r'disk xvda: /nope: No such file'),
    ('no-bridge', f"{ALPHA} disk=[] 'vif=[\"bridge=nowhere\"]'",
     r'hotplug: vif 0: .*Could not find bridge device nowhere'),
    ('script-fails', f"{ALPHA} 'disk=[\"/var/lib/hospes/alpha.img,xvda,w,script=/tmp/fails\"]'",
     r'hotplug: disk xvda: no such pool'),
    ('no-script', f"{ALPHA} 'disk=[\"/var/lib/hospes/alpha.img,xvda,w,script=/tmp/none\"]'",
     r'hotplug: disk xvda: /tmp/none cannot be run'),
    ('unknown-key', 'hospes create unknown.cfg',
     r"config: .*'kernal' is no known key\n +Did you mean 'kernel'"),
    ('syntax', 'hospes create syntax.cfg', r'config: syntax.cfg.*\d'),
    ('no-file', 'hospes create none.cfg', r'config: none.cfg: No such file'),
    ('interrupted', 'stopped INT', r'hotplug: disk xvda: stopped'),
    ('terminated', 'stopped TERM', r'hotplug: disk xvda: stopped'),
]
BUSY = [
    ('busy-disk', 'hospes create -p /etc/hospes/beta.cfg '
     "'disk=[\"/var/lib/hospes/alpha.img,xvda,w\"]'",
     r'alpha\.img is in use by domain \d+.*\n +Stop that guest'),
    ('same-name', BARE, r"a guest with the name 'alpha' is there already \(domain \d+\)\n +\S"),
]
LAST = [
    ('no-backend', f'rmmod xen_blkback; {ALPHA}',
     r'back end: disk xvda: .*no driver for a vbd back end\n +Load it'),
    ('no-store', f'kill $(cat /run/xenstored.pid); sleep 1; {BARE}',
     r'store: xenstored does not answer: .*\n +Start it'),
]


def commands():
    # Folders of the store and pieces of the hypervisor's heap, once made, stay.
    rows = [('', SETUP), ('first', f'{ALPHA}; {BUSY[0][1]}; hospes destroy alpha && settle'),
            ('before', 'state | tee /tmp/before')]
    rows += [(name, f'bad {command}') for name, command, _ in CASES]
    rows += [('alpha', f'{ALPHA}; state > /tmp/before')]
    rows += [(name, f'bad {command}') for name, command, _ in BUSY]
    rows += [('end', 'hospes destroy alpha; settle; state'), ('again', 'state > /tmp/before')]
    rows += [(LAST[0][0], LAST[0][1].replace('hospes create', 'bad hospes create')),
             (LAST[1][0], f'{LAST[1][1]}; echo "status $?"')]
    return rows


def test(env):
    said = host.run(env, commands(), cpus=1)
    host.same_state(said['before'].ok(), said['end'].ok())
    wrong = []
    for name, _, pattern in CASES + BUSY + LAST:
        text = said[name].text
        if not re.search(pattern, text):
            wrong.append(f'{name}: no "{pattern}" in: {text.strip()[:200]}')
        if not re.search(r'^status 1$', text, re.M):
            wrong.append(f'{name}: not status 1')
        if 'LEFT BEHIND' in text:
            wrong.append(f'{name}: {text[text.index("LEFT"):][:300]}')
    print('\n'.join(wrong))
    dom0.check(not wrong, f'{len(wrong)} wrong, first: {wrong[0] if wrong else ""}')


dom0.main(test)
