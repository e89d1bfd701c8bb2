#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: long limit=1800
"""Two PV Linux guests side by side, from their config files to their end: network, disk, reboot,
balloon, vCPUs, crash, and nothing left behind."""
import re

from lib import dom0, host

COMMANDS = [
    ('start', 'truncate -s 32M /var/lib/hospes/alpha.img /var/lib/hospes/beta.img'),
    # Folders of the store and pieces of the hypervisor's heap, once made, stay.
    ('first', 'for n in alpha beta; do hospes create -p /etc/hospes/$n.cfg; done; '
              'hospes destroy alpha beta && settle'),
    ('before', 'state'),
    ('alpha', 'hospes create /etc/hospes/alpha.cfg'),
    ('beta', 'hospes create /etc/hospes/beta.cfg vcpus=1 maxvcpus=2 && attach beta'),
    ('alpha-up', 'up alpha'),
    ('beta-up', 'up beta'),
    ('list', 'hospes list --json'),
    ('store', 'xenstore-ls -fp /local/domain; xenstore-ls -fp /libxl'),
    # Network
    ('ping', 'ping -c 2 alpha'),
    ('ping-beta', "at beta 'ping -c 2 alpha'"),
    ('ping-dom0', "at beta 'ping -c 2 dom0'"),
    ('ping-world', "at beta 'ping -c 2 10.0.2.2'"),
    # Life
    ('alpha-id', 'hospes list alpha --json; cat /var/log/hospes/alpha.log'),
    ('mac', 'xenstore-read /libxl/$(xl domid alpha)/device/vif/0/mac'),
    ('reboot', 'hospes reboot alpha && n=0; until grep -q "again as" /var/log/hospes/alpha.log || '
               '[ $((n += 1)) -gt 300 ]; do sleep 0.2; done; up alpha; hospes list alpha --json'),
    ('mac-again', 'xenstore-read /libxl/$(xl domid alpha)/device/vif/0/mac'),
    # Memory, vCPUs
    ('mem-set', 'hospes mem-set beta 100; n=0; until hospes list beta | grep -q " 100 " || '
                '[ $((n += 1)) -gt 100 ]; do sleep 0.2; done; hospes list beta'),
    ('mem-back', 'hospes mem-set beta 128; n=0; until hospes list beta | grep -q " 128 " || '
                 '[ $((n += 1)) -gt 100 ]; do sleep 0.2; done; hospes list beta'),
    ('vcpu-set', "hospes vcpu-set beta 2; at beta 'n=0; until echo 1 > "
                 "/sys/devices/system/cpu/cpu1/online || [ $((n += 1)) -gt 50 ]; do sleep 0.2; "
                 "done; grep -c ^processor /proc/cpuinfo'; hospes vcpu-list beta"),
    ('vcpu-back', 'hospes vcpu-set beta 1; n=0; until hospes vcpu-list beta | grep -q offline || '
                  '[ $((n += 1)) -gt 50 ]; do sleep 0.2; done; hospes vcpu-list beta'),
    # The ends
    ('crash', 'echo "echo c > /proc/sysrq-trigger" > /tmp/beta.in; n=0; until hospes list beta | '
              'grep -q crashed || [ $((n += 1)) -gt 100 ]; do sleep 0.2; done; hospes list beta'),
    ('crash-says', 'tail -n 200 /var/log/hospes/beta.console; cat /var/log/hospes/beta.log'),
    ('destroy', 'hospes destroy beta'),
    ('shutdown', 'hospes shutdown -w alpha; settle'),
    ('console-after', 'hospes console alpha < /dev/null'),
    ('after', 'state'),
]


def page(said):
    """{key: value} of a guest's page."""
    said.ok()
    dom0.check('failed=' not in said.text, said.text)
    return dict(re.findall(r'^(\S+?)=(.*)$', said.text, re.M))


def they_are_up(said):
    for name in ('alpha', 'beta'):
        said[name].ok().find(rf'^{name}: domain \d+$')
        values = page(said[f'{name}-up'])
        dom0.check(values['name'] == name and values['ip'].startswith('10.77.'), str(values))
        dom0.check(values['disk'] == 'ok, start 1', str(values))
    for name in ('ping', 'ping-beta', 'ping-dom0', 'ping-world'):
        said[name].ok().find(r' 2 packets received|2 received')


def store_is_safe(said):
    """What the tools act on cannot be written by a guest."""
    for path, perms in re.findall(r'^(\S+) = ".*?" +\((.*?)\)$', said['store'].ok().text, re.M):
        owner = re.match(r'n(\d+)', perms)
        if path.startswith('/libxl'):
            dom0.check(perms == 'n0', f'{path} has permissions {perms}')
        elif re.match(r'/local/domain/(0/backend|\d+/(vm|name|domid|memory|console|store))', path):
            dom0.check(owner and owner.group(1) == '0' and 'w' not in perms and 'b' not in perms,
                       f'{path} has permissions {perms}')


def they_live(said):
    again = page(said['reboot'])
    dom0.check(again['disk'] == 'ok, start 2', f'after the reboot: {again}')
    first, then = (re.search(r'"id": *(\d+)', said[name].text).group(1)
                   for name in ('alpha-id', 'reboot'))
    dom0.check(int(then) > int(first), f'domain {first} became {then}')
    dom0.check(said['mac'].ok().text == said['mac-again'].ok().text, 'the MAC has changed')
    said['mem-set'].ok().find(r'^ *\d+ +beta +pv +100 ')
    said['mem-back'].ok().find(r'^ *\d+ +beta +pv +128 ')
    said['vcpu-set'].ok().find(r'^2$')
    said['vcpu-back'].ok().find(r'offline')


def they_end(said):
    said['crash'].ok().find(r'beta .* crashed')
    said['crash-says'].ok().find(r'Kernel panic|sysrq triggered crash')
    said['destroy'].ok()
    said['shutdown'].ok()
    said['console-after'].ok().find(r'GUEST name=alpha')
    host.same_state(said['before'].ok(), said['after'].ok())


def test(env):
    said = host.run(env, COMMANDS, extra=host.card(), timeout=1700)
    for part in (they_are_up, store_is_safe, they_live, they_end):
        part(said)


dom0.main(test)
