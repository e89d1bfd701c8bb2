#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: long cost=900 limit=4500
"""Does a whole Debian with systemd, installed by debootstrap on a disk image, boot as a PV guest
with two vCPUs to its login, and do apt-get, fio and iperf3 run in it? The disk is a block device of
dom0, as in use; the guest's kernel is dom0's."""
import os
import shutil
import stat
import subprocess

from lib import dom0, host

import initrd         # noqa: E402

PACKAGES = 'systemd-sysv,udev,fio,iperf3,iproute2'
IMAGE_MIB = 1400
# Loads the drivers and goes over to the disk; a distribution's own initramfs does no more here.
INIT = '''#!/bin/busybox sh
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for list in net disk; do
    while read -r name; do
        grep -q "^$name " /proc/modules || insmod "/lib/modules/$(uname -r)/$name.ko"
    done < "/lib/modules/$(uname -r)/$list"
done
n=0
until [ -b /dev/xvda ] || [ $((n += 1)) -gt 100 ]; do sleep 0.1; done
mount -t ext4 /dev/xvda /mnt
umount /proc /sys /dev
exec switch_root /mnt /sbin/init
'''
CONFIG = '''name = "debian"
kernel = "/boot/vmlinuz"
ramdisk = "/root/debian.img"
extra = "console=hvc0 systemd.show_status=0"
memory = 384
vcpus = 2
disk = [ "phy:/dev/vda,xvda,w" ]
vif = [ "bridge=xenbr0" ]
'''
# Types at the console and waits for what the guest says.
PRELUDE = r'''
says() {
    n=0
    until grep -q "$1" /tmp/debian.out; do
        [ $((n += 1)) -lt ${2:-600} ] || { tail -n 20 /tmp/debian.out; return 1; }
        sleep 1
    done
}
'''
COMMANDS = [
    ('create', 'hospes create /root/debian.cfg && attach debian'),
    ('login', "says 'login: *$' 1500 && echo root > /tmp/debian.in && says 'root@debian.*#' 300 && "
              "tail -n 3 /tmp/debian.out"),
    ('cpus', "at debian 'grep -c ^processor /proc/cpuinfo; systemd-detect-virt; "
             "systemctl is-system-running; uname -r'"),
    ('apt', "at debian 'apt-get --version'"),
    ('fio', "at debian 'fio --name=a --filename=/root/fio --size=16M --rw=randrw --bs=4k --direct=1 "
            "--verify=crc32c --ioengine=psync --minimal > /dev/null && echo fio is content'"),
    ('net', "at debian 'ip link set eth0 up; ip addr add 10.77.0.40/24 dev eth0; "
            "ping -c 2 10.77.0.1 || true'; ping -c 3 -W 5 10.77.0.40"),
    ('iperf', "at debian 'iperf3 -s -D -1; sleep 2; iperf3 -c 10.77.0.40 -t 3 | tail -n 3'"),
    ('list', 'hospes list; hospes vcpu-list debian; hospes block-list'),
    ('shutdown', 'hospes shutdown -w debian; settle'),
]


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    dom0.check(done.returncode == 0,
               f'{command[0]}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}')
    return done.stdout


def mirror():
    """(where packages come from, release) as apt has it."""
    rows = run('apt-get', 'indextargets', '--format', '$(SITE) $(CODENAME) $(COMPONENT)',
               'Identifier: Packages').split('\n')
    for row in rows:
        site, _, rest = row.partition(' ')
        if rest.endswith(' main') and '-' not in rest and site.startswith('http'):
            return site, rest.split()[0]
    raise dom0.Skipped('apt has no source that debootstrap can use')


def disk(env):
    """A disk image with Debian on it; its path."""
    if os.geteuid():
        raise dom0.Skipped('debootstrap needs root')
    if not shutil.which('debootstrap'):
        raise dom0.Skipped('debootstrap is not installed')
    tree, image = os.path.join(env.folder, 'debian'), os.path.join(env.folder, 'debian.disk')
    site, release = mirror()
    run('debootstrap', '--variant=minbase', f'--include={PACKAGES}', release, tree, site)
    run('chroot', tree, 'passwd', '-d', 'root')
    for name, text in (('etc/hostname', 'debian\n'), ('etc/fstab', '/dev/xvda / ext4 rw 0 1\n'),
                       ('etc/securetty', 'hvc0\n')):
        with open(os.path.join(tree, name), 'w', encoding='utf-8') as file:
            file.write(text)
    shutil.rmtree(os.path.join(tree, 'var/cache/apt/archives'), ignore_errors=True)
    run('mke2fs', '-q', '-t', 'ext4', '-d', tree, image, f'{IMAGE_MIB}M')
    shutil.rmtree(tree)
    return image


def ramdisk(env):
    """guest.img with another first program, one that goes over to the disk."""
    path = os.path.join(env.folder, 'debian.img')
    with open(os.path.join(env.build, 'guest.img'), 'rb') as file:
        base = file.read()
    with open(path, 'wb') as out:
        out.write(base + bytes(-len(base) % 4) +
                  initrd.archive({'init': (stat.S_IFREG | 0o755, INIT.encode())}))
    return path


def test(env):
    config = os.path.join(env.folder, 'debian.cfg')
    with open(config, 'w', encoding='utf-8') as file:
        file.write(CONFIG)
    image = disk(env)
    said = host.run(env, [('', PRELUDE)] + COMMANDS,
                    [(ramdisk(env), 'root/debian.img'), (config, 'root/debian.cfg')],
                    dom0_words='hospes.load=disk', mem=1280, timeout=3600,
                    extra=['-drive', f'file={image},format=raw,if=virtio'])
    for name in ('create', 'login', 'cpus', 'shutdown'):
        said[name].ok()
    dom0.check(said['cpus'].lines[:2] == ['2', 'xen'], f'the guest has {said["cpus"].lines}')
    said['apt'].ok().find(r'^apt 2\.\d')
    said['fio'].ok().find(r'^fio is content')
    said['net'].ok().find(r' [23] packets received')
    said['iperf'].ok().find(r'[GM]bits/sec.*receiver|receiver')
    said['list'].find(r'^ +1  debian +pv +384 +2 ')


if __name__ == '__main__':
    dom0.main(test)
