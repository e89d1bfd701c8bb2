# SPDX-License-Identifier: BSD-2-Clause
"""A larger initramfs for one test: the ordinary one, followed by an archive of what it lacks.

    overlay.extend(env, modules={'ahci': ['ahci', 'sd_mod']}, files=['tests/system/dom0/x'])

gives env another initramfs with lists of modules for init's `load`, scripts of this repository for
its hospes.test=, and programs of Debian packages with their libraries.
"""
import os
import shutil

from . import dom0

import initrd         # noqa: E402
import packages       # noqa: E402


def extend(env, modules=None, files=(), programs=(), libraries=()):
    """modules: {list: names}; files: paths from the top folder; programs: (package, path in it)."""
    cache = os.path.join(dom0.TOP, 'build', 'cache')
    cache = cache if os.path.isdir(cache) else os.path.join(env.build, 'cache')
    try:
        tree = initrd.base_tree(cache)
        base = set(tree)
        initrd.add_modules(tree, cache, modules or {})
        initrd.add_programs(tree, cache, [(package, path, f'bin/{os.path.basename(path)}')
                                          for package, path in programs],
                            initrd.LIBRARY_PACKAGES + list(libraries))
        initrd.add_files(tree, [(os.path.join(dom0.TOP, path), f'tests/{os.path.basename(path)}')
                                for path in files])
        more = os.path.join(env.folder, 'more.img')
        initrd.write({n: row for n, row in tree.items() if n not in base}, more)
    except (initrd.InitrdError, packages.PackageError) as e:
        raise dom0.Failed(str(e)) from e
    both = os.path.join(env.folder, 'both.img')
    with open(both, 'wb') as out:
        for path in (env.initrd, more):
            with open(path, 'rb') as part:
                shutil.copyfileobj(part, out)
    env.initrd = both
