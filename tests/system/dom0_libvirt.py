#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Does libvirt's Xen driver, unpatched, start, show, stop and find a PV guest? It drives libxl, which
asks the hypervisor for more than xl does. Started by hand: the runner does not list it yet."""
import os
import stat

from lib import dom0, host

import initrd         # noqa: E402
import packages       # noqa: E402
import toolstack      # noqa: E402

LIBVIRT = 'usr/lib/x86_64-linux-gnu/libvirt'
PROGRAMS = [
    ('libvirt-daemon', 'usr/sbin/libvirtd', 'usr/sbin/libvirtd'),
    ('libvirt-clients', 'usr/bin/virsh', 'usr/bin/virsh'),
    ('libvirt-daemon-driver-xen', f'{LIBVIRT}/connection-driver/libvirt_driver_libxl.so',
     f'{LIBVIRT}/connection-driver/libvirt_driver_libxl.so'),
]
LIBRARIES = [
    'libacl1', 'libapparmor1', 'libaudit1', 'libblkid1', 'libbrotli1', 'libcap-ng0', 'libcom-err2',
    'libcurl3-gnutls', 'libffi8', 'libgcrypt20', 'libglib2.0-0', 'libgmp10', 'libgnutls30',
    'libgpg-error0', 'libgssapi-krb5-2', 'libhogweed6', 'libicu72', 'libidn2-0', 'libk5crypto3',
    'libkeyutils1', 'libkrb5-3', 'libkrb5support0', 'libldap-2.5-0', 'libmount1', 'libnettle8',
    'libnghttp2-14', 'libnl-3-200', 'libnuma1', 'libp11-kit0', 'libpcre2-8-0', 'libpsl5',
    'libreadline8', 'librtmp1', 'libsasl2-2', 'libselinux1', 'libssh-4', 'libssh2-1',
    'libssl3', 'libstdc++6', 'libtasn1-6', 'libtirpc3', 'libunistring2', 'libvirt0', 'libxml2',
]
CONFIG = '''auth_unix_rw = "none"
unix_sock_group = "root"
log_outputs = "3:stderr"
'''
DOMAIN = '''<domain type='xen'>
  <name>virt</name>
  <uuid>6a0bd1de-2b29-4b87-9d0e-0a2ab4f4c7d1</uuid>
  <memory unit='MiB'>112</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='xenpv'>linux</type>
    <kernel>/boot/vmlinuz</kernel><initrd>/boot/guest.img</initrd>
    <cmdline>console=hvc0 quiet name=virt</cmdline></os>
  <on_reboot>restart</on_reboot>
  <devices>
    <disk type='file' device='disk'><driver name='phy' type='raw'/>
      <source file='/var/lib/hospes/virt.img'/><target dev='xvda' bus='xen'/></disk>
    <interface type='bridge'><source bridge='xenbr0'/><mac address='00:16:3e:00:00:09'/></interface>
    <console type='pty'><target type='xen' port='0'/></console>
  </devices>
</domain>
'''
VIRSH = 'virsh -c xen:///system'
COMMANDS = [
    ('daemon', 'mkdir -p /run/libvirt /var/lib/libvirt/libxl /var/log/libvirt/libxl /etc/libvirt/'
               'libxl /var/cache/libvirt; truncate -s 32M /var/lib/hospes/virt.img; libvirtd -d && '
               f'n=0; until {VIRSH} uri || [ $((n += 1)) -gt 20 ]; do sleep 1; done'),
    ('version', f'{VIRSH} version'),
    ('node', f'{VIRSH} nodeinfo; {VIRSH} freecell; {VIRSH} cpu-models x86_64 | head -n 3'),
    ('capabilities', f'{VIRSH} capabilities'),
    ('list', f'{VIRSH} list --all'),
    ('define', f'{VIRSH} define /etc/virt.xml'),
    ('start', f'{VIRSH} start virt && up virt'),
    ('running', f'{VIRSH} list'),
    ('dumpxml', f'{VIRSH} dumpxml virt'),
    ('info', f'{VIRSH} dominfo virt; {VIRSH} vcpuinfo virt; {VIRSH} dommemstat virt'),
    ('stats', f'{VIRSH} domstats virt; {VIRSH} domifstat virt vif1.0; {VIRSH} domblklist virt'),
    ('ours', 'hospes list'),
    ('suspend', f'{VIRSH} suspend virt && {VIRSH} domstate virt; {VIRSH} resume virt && '
                f'{VIRSH} domstate virt'),
    ('memory', f'{VIRSH} setmem virt 102400 --live; n=0; until xl list virt | grep -q " 100 " || '
               '[ $((n += 1)) -gt 50 ]; do sleep 0.2; done; xl list virt'),
    ('schedinfo', f'{VIRSH} schedinfo virt --set weight=512 && {VIRSH} schedinfo virt'),
    ('shutdown', f'{VIRSH} shutdown virt; n=0; until {VIRSH} domstate virt | grep -q shut || '
                 f'[ $((n += 1)) -gt 60 ]; do sleep 1; done; {VIRSH} domstate virt'),
    ('again', f'{VIRSH} start virt && {VIRSH} destroy virt && {VIRSH} list --all'),
    ('left', 'xl list; xenstore-ls -f | grep -E "/libxl/[1-9]|domain/[1-9]"'),
]


def extend(env):
    """dom0's image with libvirt behind it; its path."""
    cache = os.environ.get('CACHE') or os.path.join(dom0.TOP, 'build', 'cache')
    cache = cache if os.path.isdir(cache) else os.path.join(env.build, 'cache')
    tree = {}
    try:
        initrd.add_programs(tree, cache, PROGRAMS, toolstack.LIBRARY_PACKAGES + LIBRARIES)
        for folder in ('cpu_map',):
            rows = {}
            initrd.add_folder(rows, os.path.join(packages.unpack(cache, 'libvirt0'),
                                                 f'usr/share/libvirt/{folder}'))
            tree.update({f'usr/share/libvirt/{folder}/{name}': row for name, row in rows.items()})
    except (initrd.InitrdError, packages.PackageError) as e:
        raise dom0.Failed(str(e)) from e
    folders = {os.path.dirname(name) for name in tree}
    for folder in list(folders):
        while folder:
            folders.add(folder)
            folder = os.path.dirname(folder)
    tree.update({f: (stat.S_IFDIR | 0o755,) for f in folders if f})
    tree.update({'etc/virt.xml': (stat.S_IFREG | 0o644, DOMAIN.encode()),
                 'etc/libvirt': (stat.S_IFDIR | 0o755,),
                 'etc/libvirt/libvirtd.conf': (stat.S_IFREG | 0o644, CONFIG.encode())})
    return initrd.archive(tree)


def check(said):
    said['daemon'].ok().find(r'^xen:///system$')
    said['version'].ok().find(r'^Running hypervisor: Xen 4\.17\.0$')
    said['node'].ok().find(r'^CPU\(s\): +2$')
    said['capabilities'].ok().find(r'<os_type>xen</os_type>')
    said['list'].ok().find(r'^ 0 +Domain-0 +running')
    said['define'].ok()
    said['start'].ok().find(r'^disk=ok, start 1$')
    said['running'].ok().find(r'^ 1 +virt +running')
    for text in (r"<domain type='xen' id='1'", r"machine='xenpv'", r"<target dev='vif1.0'/>",
                 r"<memory unit='KiB'>114688</memory>", r"<source pty='/dev/pts/"):
        said['dumpxml'].ok().find(text.replace('<source', '<(?:source|console|serial)[^>]*|<source'))
    said['info'].find(r'^State: +running')
    said['info'].find(r'^CPU: +[01]')
    said['stats'].find(r'cpu\.time=\d\d+')
    said['stats'].find(r'rx_bytes \d+')
    said['ours'].ok().find(r'^ +1  virt +pv +112 ')
    said['suspend'].ok().find(r'^paused[\s\S]*^running')
    said['memory'].find(r'^virt +1 +100 ')
    said['schedinfo'].ok().find(r'weight +: 512')
    said['shutdown'].find(r'^shut off')
    said['again'].ok().find(r'^ - +virt +shut off')
    dom0.check('virt' not in said['left'].text and '/libxl' not in said['left'].text,
               f'left behind: {said["left"].text}')


def test(env):
    more = os.path.join(env.folder, 'libvirt.img')
    with open(os.path.join(env.build, 'dom0.img'), 'rb') as file:
        image = file.read()
    with open(more, 'wb') as out:
        out.write(image + bytes(-len(image) % 4) + extend(env))
    check(host.run(env, COMMANDS, image=more, dom0_mem=640, mem=1280, timeout=1700))


if __name__ == '__main__':
    dom0.main(test)
