#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: long limit=1800
"""GRUB's PV port (Debian's grub-xen-bin, x86_64-xen) as a guest's kernel: does it find a kernel on
the guest's own disk, a block device of domain 0's, and start it?"""
import os
import subprocess

from lib import dom0, host

import packages     # noqa: E402

NAME = 'gruber'
MODULES = ['linux', 'ext2', 'normal', 'configfile', 'echo', 'gzio', 'xzio']
FIRST_CONFIG = 'set root=(xen/xvda)\nconfigfile /boot/grub/grub.cfg\n'
CONFIG = f'''set timeout=0
menuentry linux {{
    echo from the guest's own disk
    linux /boot/vmlinuz console=hvc0 quiet name={NAME}
    initrd /boot/guest.img
}}
'''
GUEST = f'''name = "{NAME}"
kernel = "/boot/grub-x86_64-xen.bin"
memory = 256
disk = [ "phy:/dev/vda,xvda,w" ]
vif = [ "" ]
'''


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    dom0.check(not done.returncode, f'{command[0]}: {done.stderr.strip()}')


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    return path


def grub(env):
    """GRUB as a PV kernel that looks for its configuration on xvda."""
    cache = os.path.join(dom0.TOP, 'build', 'cache')
    cache = os.environ.get('CACHE') or (cache if os.path.isdir(cache)
                                        else os.path.join(env.build, 'cache'))
    try:
        folder = packages.unpack(cache, 'grub-xen-bin')
    except packages.PackageError as e:
        raise dom0.Failed(str(e)) from e
    image = os.path.join(env.folder, 'grub.bin')
    run('grub-mkimage', '-O', 'x86_64-xen', '-d', f'{folder}/usr/lib/grub/x86_64-xen',
        '-p', '(xen/xvda)/boot/grub', '-c', write(os.path.join(env.folder, 'first'), FIRST_CONFIG),
        '-o', image, *MODULES)
    return image


def disk(env):
    """A file system with kernel, initramfs and GRUB's configuration."""
    root = os.path.join(env.folder, 'root')
    write(os.path.join(root, 'boot', 'grub', 'grub.cfg'), CONFIG)
    for name in ('vmlinuz', 'guest.img'):
        os.link(os.path.join(env.build, name), os.path.join(root, 'boot', name))
    image = os.path.join(env.folder, 'disk.img')
    run('mke2fs', '-q', '-t', 'ext4', '-d', root, image, '48M')
    return image


def test(env):
    files = [(grub(env), 'boot/grub-x86_64-xen.bin'),
             (write(os.path.join(env.folder, 'guest.cfg'), GUEST), 'etc/hospes/gruber.cfg')]
    said = host.run(env, [('create', f'hospes create /etc/hospes/{NAME}.cfg && attach {NAME}'),
                          ('up', f'up {NAME} 300 || {{ cat /tmp/{NAME}.out; false; }}'),
                          ('console', f'cat /tmp/{NAME}.out'),
                          ('end', f'hospes shutdown -w {NAME}; settle')],
                    files, dom0_words='hospes.load=disk', disks=[disk(env)])
    said['create'].ok()
    page = said['up'].ok()
    page.find(rf'^name={NAME}$')
    page.find('^disk=ok')
    said['console'].find("from the guest's own disk")
    said['end'].ok()


dom0.main(test)
