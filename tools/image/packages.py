#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages by name, unpacked under the cache folder; nothing is installed, no root needed.

    packages.py CACHE kernel              prints the path of the stock kernel's bzImage
    packages.py CACHE xen                 prints the path of Debian's Xen 4.17, to compare with
    packages.py CACHE unpack NAME...      prints the folder of each package

A package that is in the cache is not looked for again, so the network is needed once. apt's own
package index is used; where it is missing or stale, a private one is made under the cache.
Limits: dependencies are not followed, except from linux-image-amd64 to the kernel it stands for.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

KERNEL_META = 'linux-image-amd64'


class PackageError(Exception):
    """A package cannot be had; str() says which and what to do."""


def _apt(command, options=(), cwd=None):
    # apt warns that it cannot drop to its own user in our folder; it is of no consequence.
    return subprocess.run([command[0], '-o', 'APT::Sandbox::User=root', *options, *command[1:]],
                          cwd=cwd, text=True, capture_output=True, stdin=subprocess.DEVNULL)


def _private_index(cache):
    """Options that give apt an index of its own below cache; it is brought up to date first."""
    base = os.path.join(os.path.abspath(cache), 'apt')
    for sub in ('lists/partial', 'archives/partial'):
        os.makedirs(os.path.join(base, sub), exist_ok=True)
    options = ['-o', f'Dir::State::Lists={base}/lists', '-o', f'Dir::Cache={base}',
               '-o', 'Debug::NoLocking=1']
    done = _apt(['apt-get', 'update', '-o', 'APT::Update::Error-Mode=any'], options)
    if done.returncode:
        raise PackageError(f'apt-get update: {_first_error(done.stderr)}; '
                           'is the network up, and has apt a source?')
    return options


def _first_error(text):
    rows = [r for r in text.split('\n') if r.startswith('E:')] or text.strip().split('\n')
    return rows[0]


def _download(name, folder, cache):
    """Put name's .deb into folder; return its path."""
    done = _apt(['apt-get', 'download', name], cwd=folder)
    if done.returncode:
        done = _apt(['apt-get', 'download', name], _private_index(cache), cwd=folder)
    found = glob.glob(os.path.join(folder, '*.deb'))
    if done.returncode or not found:
        raise PackageError(f'apt-get download {name}: {_first_error(done.stderr)}')
    return found[0]


def unpack(cache, name):
    """The folder with the files of package name; fetched and unpacked if it is not there."""
    target = os.path.join(cache, 'packages', name)
    if os.path.isdir(target):
        return target
    os.makedirs(os.path.dirname(target), exist_ok=True)
    work = tempfile.mkdtemp(prefix='.fetch-', dir=os.path.dirname(target))
    try:
        deb = _download(name, work, cache)
        files = os.path.join(work, 'files')
        done = subprocess.run(['dpkg-deb', '-x', deb, files], text=True, capture_output=True)
        if done.returncode:
            raise PackageError(f'dpkg-deb -x {os.path.basename(deb)}: {done.stderr.strip()}')
        try:
            os.rename(files, target)
        except OSError:
            if not os.path.isdir(target):     # else another run was quicker
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _kernel_package(cache):
    """The package that linux-image-amd64 stands for; one in the cache is kept."""
    have = sorted(glob.glob(os.path.join(cache, 'packages', 'linux-image-*')))
    if have:
        return os.path.basename(have[-1])
    command = ['apt-cache', 'depends', KERNEL_META]
    done = _apt(command)
    found = re.search(r'Depends: (linux-image-\S+)', done.stdout)
    if not found:
        done = _apt(command, _private_index(cache))
        found = re.search(r'Depends: (linux-image-\S+)', done.stdout)
    if not found:
        raise PackageError(f'{KERNEL_META} is not in apt\'s index; is this Debian?')
    return found.group(1)


def kernel(cache):
    """(path of the stock bzImage, folder of its modules, release)."""
    base = unpack(cache, _kernel_package(cache))
    images = glob.glob(os.path.join(base, 'boot', 'vmlinuz-*'))
    if len(images) != 1:
        raise PackageError(f'no kernel in {base}; remove that folder and try again')
    release = os.path.basename(images[0])[len('vmlinuz-'):]
    return images[0], os.path.join(base, 'lib', 'modules', release), release


def xen(cache):
    """The path of Debian's Xen 4.17 (gzipped multiboot 2 image)."""
    return os.path.join(unpack(cache, 'xen-hypervisor-4.17-amd64'), 'boot', 'xen-4.17-amd64.gz')


def main(args):
    if len(args) == 2 and args[1] == 'kernel':
        print(kernel(args[0])[0])
    elif len(args) == 2 and args[1] == 'xen':
        print(xen(args[0]))
    elif len(args) > 2 and args[1] == 'unpack':
        for name in args[2:]:
            print(unpack(args[0], name))
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except (PackageError, OSError) as error:
        sys.exit(f'packages: failed: {error}')
