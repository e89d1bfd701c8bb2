#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Build dom0's initramfs from Debian packages: busybox, xenstored and its tools, kernel modules.

    initrd.py CACHE OUTPUT [--add FILE:PATH]...

The same packages give the same bytes: entries are sorted, times and owners are zero. The archive is
written here in the kernel's own cpio format, since device nodes then need no root.
Limits: shared libraries are looked for by the names in the ELF files, in the packages listed below.
"""
import gzip
import os
import re
import stat
import subprocess
import sys

import packages

HERE = os.path.dirname(os.path.abspath(__file__))

PROGRAMS = [                                # package, path in it, path in the initramfs
    ('busybox-static', 'bin/busybox', 'bin/busybox'),
    ('xen-utils-4.17', 'usr/lib/xen-4.17/bin/xenstored', 'sbin/xenstored'),
    ('xenstore-utils', 'usr/bin/xenstore-ls', 'bin/xenstore-ls'),
    ('xenstore-utils', 'usr/bin/xenstore-read', 'bin/xenstore-read'),
    ('xenstore-utils', 'usr/bin/xenstore-write', 'bin/xenstore-write'),
    ('efibootmgr', 'bin/efibootmgr', 'bin/efibootmgr'),
]
LIBRARY_PACKAGES = [
    'libc6', 'libefiboot1', 'libefivar1', 'libxencall1', 'libxendevicemodel1', 'libxenevtchn1',
    'libxenforeignmemory1', 'libxengnttab1', 'libxenmisc4.17', 'libxenstore4', 'libxentoolcore1',
    'libxentoollog1',
]
MODULES = {                                 # what /init loads together, in this order
    'xen': ['xen-privcmd', 'xenfs', 'xen-evtchn', 'xen-gntdev', 'xen-gntalloc'],
    'disk': ['virtio_pci', 'virtio_blk', 'loop', 'crc32c_generic', 'ext4'],
    'net': ['virtio_pci', 'virtio_net'],
    'efi': ['efivarfs'],
    'acpi': ['button'],
}
FOLDERS = ['bin', 'dev', 'etc', 'lib', 'lib64', 'lib/modules', 'mnt', 'proc', 'root', 'run', 'sbin',
           'sys', 'tmp', 'usr', 'usr/bin', 'usr/sbin', 'var', 'var/lib', 'var/lib/xenstored']
LINKS = {'var/run': '/run'}
NODES = {'dev/console': (5, 1), 'dev/null': (1, 3)}


class InitrdError(Exception):
    """The initramfs cannot be built; str() names the part that is missing."""


# The cpio archive

def _entry(name, mode, data=b'', device=(0, 0), number=0):
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = [number, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(name) + 1, 0]
    head = b'070701' + b''.join(b'%08X' % f for f in fields) + name.encode() + b'\0'
    head += bytes(-len(head) % 4)
    return head + data + bytes(-len(data) % 4)


def archive(tree):
    """The cpio archive of {path: (mode, data, device)}, parents before children."""
    rows = [_entry(name, *tree[name], number=i + 1) for i, name in enumerate(sorted(tree))]
    return b''.join(rows) + _entry('TRAILER!!!', 0)


# What goes in

def read(path):
    try:
        with open(path, 'rb') as f:
            return f.read()
    except OSError as e:
        raise InitrdError(f'{path}: {e.strerror}') from e


def _run(*command):
    done = subprocess.run(command, capture_output=True)
    if done.returncode:
        raise InitrdError(f'{command[0]}: {done.stderr.decode(errors="replace").strip()}')
    return done.stdout.decode(errors='replace')


def _needed(path):
    """Names of the shared libraries and of the loader that an ELF file asks for."""
    text = _run('readelf', '-W', '-d', '-l', path)
    names = re.findall(r'\(NEEDED\).*\[(.*?)\]', text)
    return names + [os.path.basename(p) for p in re.findall(r'interpreter: (.*?)\]', text)]


def _library_paths(cache, names):
    """{name: path} of every shared library in these packages."""
    found = {}
    for package in names:
        for base, _, names in os.walk(packages.unpack(cache, package)):
            found.update({n: os.path.join(base, n) for n in names if '.so' in n})
    return found


def add_programs(tree, cache, programs, library_packages, loaded=()):
    """Put programs (package, path in it, path in the initramfs) in tree, and all libraries that
    they need and tree has not; loaded: names of libraries that are asked for only while running.
    Package None: path is a file of this machine."""
    libraries = _library_paths(cache, library_packages)
    todo = list(loaded)
    for package, inside, target in programs:
        path = os.path.join(packages.unpack(cache, package), inside) if package else inside
        tree[target] = (stat.S_IFREG | 0o755, read(path))
        todo += _needed(path)
    while todo:
        name = todo.pop()
        target = f'lib64/{name}' if name.startswith('ld-') else f'lib/{name}'
        if target in tree:
            continue
        if name not in libraries:
            raise InitrdError(f'library {name} is in none of {", ".join(library_packages)}')
        tree[target] = (stat.S_IFREG | 0o755, read(libraries[name]))
        todo += _needed(libraries[name])


def _module_paths(folder):
    found = {}
    for base, _, names in os.walk(folder):
        found.update({n[:-3].replace('-', '_'): os.path.join(base, n)
                      for n in names if n.endswith('.ko')})
    return found


def _depends(path):
    """The modules that a module's own .modinfo section says it needs."""
    info = _run('objcopy', '-O', 'binary', '-j', '.modinfo', path, '/dev/stdout')
    found = re.search(r'(?:^|\0)depends=([^\0]*)', info)
    return [n.replace('-', '_') for n in found.group(1).split(',') if n] if found else []


def _ordered(names, paths, builtin):
    """names and all they need, each after what it needs; built-in ones left out."""
    done = []

    def visit(name):
        if name in done or name in builtin:
            return
        if name not in paths:
            raise InitrdError(f'module {name} is not in the kernel package')
        for need in _depends(paths[name]):
            visit(need)
        done.append(name)

    for name in names:
        visit(name.replace('-', '_'))
    return done


def add_modules(tree, cache, groups):
    """Put kernel modules in tree, and lists that /init's load reads: groups is {list: modules}."""
    _, folder, release = packages.kernel(cache)
    paths = _module_paths(folder)
    text = read(os.path.join(folder, 'modules.builtin')).decode()
    builtin = {os.path.basename(p)[:-3].replace('-', '_') for p in text.split()}
    base = f'lib/modules/{release}'
    tree[base] = (stat.S_IFDIR | 0o755,)
    for group, names in groups.items():
        order = _ordered(names, paths, builtin)
        tree[f'{base}/{group}'] = (stat.S_IFREG | 0o644, ''.join(n + '\n' for n in order).encode())
        for name in order:
            tree[f'{base}/{name}.ko'] = (stat.S_IFREG | 0o644, read(paths[name]))


def base_tree(cache):
    """What is in every initramfs of dom0 but kernel modules and /init."""
    tree = {name: (stat.S_IFDIR | 0o755,) for name in FOLDERS}
    tree.update({n: (stat.S_IFLNK | 0o777, to.encode()) for n, to in LINKS.items()})
    tree.update({n: (stat.S_IFCHR | 0o600, b'', device) for n, device in NODES.items()})
    add_programs(tree, cache, PROGRAMS, LIBRARY_PACKAGES)
    return tree


def add_files(tree, added):
    """Put (file, path inside) of added in tree as programs, with the folders they are in."""
    for path, inside in added:
        inside = inside.lstrip('/')
        folder = os.path.dirname(inside)
        while folder and folder not in tree:
            tree[folder] = (stat.S_IFDIR | 0o755,)
            folder = os.path.dirname(folder)
        tree[inside] = (stat.S_IFREG | 0o755, read(path))


def add_folder(tree, folder):
    """Put the files below folder in tree, where they lie in it and as executable as they are."""
    for base, _, names in os.walk(folder):
        inside = os.path.relpath(base, folder)
        if inside != '.':
            tree.setdefault(inside, (stat.S_IFDIR | 0o755,))
        for name in names:
            path = os.path.join(base, name)
            mode = 0o755 if os.access(path, os.X_OK) else 0o644
            tree[os.path.normpath(os.path.join(inside, name))] = (stat.S_IFREG | mode, read(path))


def write(tree, output):
    """Write tree's archive, compressed, to the file output; whole or not at all."""
    partial = f'{output}.{os.getpid()}'
    try:
        with open(partial, 'wb') as f:
            f.write(gzip.compress(archive(tree), 6, mtime=0))
        os.rename(partial, output)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def build(cache, output, added=()):
    """Write the initramfs to output; added: (file, path inside) of further programs."""
    tree = base_tree(cache)
    add_modules(tree, cache, MODULES)
    tree['init'] = (stat.S_IFREG | 0o755, read(os.path.join(HERE, 'init')))
    add_files(tree, added)
    write(tree, output)


def main(args):
    if len(args) < 2 or len(args) % 2 or any(a != '--add' for a in args[2::2]):
        sys.exit(__doc__)
    build(args[0], args[1], [tuple(a.split(':', 1)) for a in args[3::2]])


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except (InitrdError, packages.PackageError, OSError) as error:
        sys.exit(f'initrd: failed: {error}')
