# SPDX-License-Identifier: BSD-2-Clause
"""doc/abi.md against the public headers and against the sources.

The headers say which calls and sub-operations there are and their numbers; the sources say which have
a handler, and which are answered with an error number at once. A row of the page is

    | `CONSTANT` | number | state | note |

with one of the states `done`, `refused -ERRNO`, `later ISSUE -ERRNO` (an issue's number, or release).
What is refused or left for later has a reason in its note. Families without an answer of their own
(events, feature bits) have no error number.

What this can't see: whether a handler does all that its note says. The micro-guests judge that.
"""
import os
import re
import subprocess

PAGE = 'doc/abi.md'
INCLUDES = ('xen', 'memory', 'event_channel', 'grant_table', 'physdev', 'platform', 'sched', 'vcpu',
            'domctl', 'sysctl', 'version', 'callback', 'nmi', 'features', 'argo', 'hypfs', 'kexec',
            'xenoprof', 'pmu', 'tmem', 'xsm/flask_op', 'hvm/hvm_op', 'hvm/dm_op',
            'arch-x86/xen-mca')
# (constants of a family, what it answers to one that no source names; None: any error number;
# '': members have no answer)
FAMILIES = (
    (r'__HYPERVISOR_[a-z]\w+', 'ENOSYS'),
    (r'XENMEM_(access|paging|sharing)_op_\w+', None), (r'XEN_SYSCTL_(pm_op|cpu)_[a-z]\w+', None),
    (r'XENMEM_(?!resource_)[a-z]\w+', 'ENOSYS'), (r'XENMEM_resource_\w+', None),
    (r'XENMAPSPACE_\w+', None), (r'EVTCHNOP_\w+', 'ENOSYS'), (r'GNTTABOP_[a-z]\w+', 'ENOSYS'),
    (r'PHYSDEVOP_[a-z]\w+|PHYSDEVOP_IRQ_UNMASK_NOTIFY', 'ENOSYS'), (r'MAP_PIRQ_TYPE_\w+', None),
    (r'XENPF_[a-z]\w+', 'ENOSYS'), (r'XEN_FW_[A-Z]+\w*', None), (r'XEN_EFI_[a-z]\w+', None),
    (r'SCHEDOP_\w+', 'ENOSYS'), (r'VCPUOP_\w+', 'ENOSYS'), (r'XENVER_[a-z]\w+', 'ENOSYS'),
    (r'CALLBACKOP_\w+', 'ENOSYS'), (r'CALLBACKTYPE_\w+', 'ENOSYS'), (r'XENNMI_\w+', 'ENOSYS'),
    (r'CONSOLEIO_\w+', 'ENOSYS'), (r'MMU_(NORMAL|MACHPHYS|PT_UPDATE)\w+', 'ENOSYS'),
    (r'MMUEXT_[A-Z]\w+', 'ENOSYS'), (r'VMASST_(CMD|TYPE)_\w+', None), (r'SEGBASE_\w+', None),
    (r'XEN_DOMCTL_[a-z]\w+', 'ENOSYS'),
    (r'XEN_DOMCTL_(SCHEDOP|SENDTRIGGER|SHADOW_OP|DEBUG_OP|MONITOR_OP|PSR)_\w+', None),
    (r'XEN_SYSCTL_[a-z]\w+', 'ENOSYS'),
    (r'XEN_SYSCTL_(TBUFOP|CPUPOOL_OP|SCHEDOP|COVERAGE|PSR_CMT|PSR_get|LIVEPATCH)_\w+', None),
    (r'XEN_ARGO_OP_\w+', None), (r'FLASK_[A-Z]+', None), (r'XEN_HYPFS_OP_\w+', None),
    (r'KEXEC_CMD_\w+', None), (r'XENOPROF_[a-z]\w+', None), (r'XENPMU_[a-z]\w+', None),
    (r'TMEM_(NEW|DESTROY|PUT|GET|FLUSH|AUTH|RESTORE)_?[A-Z]*', None), (r'HVMOP_[a-z]\w+', None), (r'XEN_DMOP_[a-z]\w+', None),
    (r'XEN_MC_[a-z]+', None), (r'VIRQ_[A-Z]\w+', ''), (r'XENFEAT_[a-z]\w+', ''),
)
# Other names of the same thing, masks, counts, and numbers of the tools among themselves.
NO_OPERATION = re.compile(
    r'__HYPERVISOR_(dom0_op|mca)|XENMEM_add_to_physmap_range|XENMEM_resource_\w+_id_\w+|'
    r'XENMEM_resource_ioreq_server_frame_\w+|GNTTABOP_error_msgs|PHYSDEVOP_pirq_eoi_gmfn|'
    r'XENPF_settime|XENOPROF_last_op|XEN_DMOP_no_gfns|TMEM_SPEC_VERSION|TMEM_XEN_\w+|XENVER_x+|'
    r'XEN_DOMCTL_SHADOW_OP_\w+_MASK|TMEM_POOL_\w+|TMEM_VERSION_\w+|HVMOP_altp2m_.+|'
    r'XEN_EFI_(VARIABLE|query|update)_[A-Z]\w+')
ROW = re.compile(r'^\|\s*`(\w+)`\s*\|\s*(\d+)\s*\|\s*([^|]*?)\s*\|\s*([^|]*?)\s*\|\s*$')
STATE = re.compile(r'(done)|(refused|later (?:\d+|release))(?: -(E\w+))?')
ALL_OF = re.compile('|'.join(f'(?:{family})' for family, _ in FAMILIES))


def _gcc(arguments, text):
    done = subprocess.run(['gcc', '-D__XEN_TOOLS__', '-include', 'stdint.h', *arguments, '-x', 'c', '-'],
                          text=True, input=text, capture_output=True)
    if done.returncode:
        raise RuntimeError(f'the public headers do not compile: {done.stderr.strip()[:300]}')
    return done.stdout


def constants():
    """{name: number} of everything that the page must list."""
    include = ''.join(f'#include <xen/{name}.h>\n' for name in INCLUDES)
    names = sorted(n for n in re.findall(r'^#define (\w+) ', _gcc(['-E', '-dM'], include), re.M)
                   if ALL_OF.fullmatch(n) and not NO_OPERATION.fullmatch(n))
    lines = ''.join(f'asm volatile("IS {n} %c0" : : "i"((long)({n})));\n' for n in names)
    text = _gcc(['-S', '-o', '-'], f'{include}void f(void) {{\n{lines}}}\n')
    return {name: int(value) for name, value in re.findall(r'IS (\w+) (-?\d+)', text)}


def _without_comments(text):
    return re.sub(r'/\*.*?\*/', '', text, flags=re.S)


def _pasted(text, refusals):
    """Constants that a macro makes of its first argument: (constant, error number or None)."""
    for name, parameter, body in re.findall(
            r'#define\s+(\w+)\((\w+)[^)]*\)((?:[^\n]*\\\n)*[^\n]*)', text):
        for prefix in set(re.findall(rf'(\w+_)##{parameter}\b', body)):
            for argument, rest in re.findall(rf'\b{name}\((\w+)([^)]*)\)', text):
                errno = re.search(r'-(E[A-Z0-9]+)\b', rest)
                handler = re.search(r',\s*(\w+)', rest)
                if not errno and handler and handler.group(1) in refusals:
                    yield prefix + argument, refusals[handler.group(1)]
                else:
                    yield prefix + argument, errno.group(1) if errno else None


def _direct(text, refusals):
    for match in re.finditer(ALL_OF.pattern, text):
        name, after = match.group(0), text[match.end():]
        if text[match.start() - 1].isalnum() or text[match.start() - 1] == '_':
            continue
        row = re.match(r'\]\s*=\s*\{?\s*(\w+)', after)
        answer = re.match(r':(?:\s*case \w+:)*\s*return -(E\w+);', after)
        if row and row.group(1) in refusals:
            yield name, refusals[row.group(1)]
        elif answer and re.search(r'case\s+$', text[:match.start()][-12:]):
            yield name, answer.group(1)
        else:
            yield name, None


def answers(root):
    """{constant: error number that it is answered with at once, or None: it is handled}."""
    texts = []
    for layer in ('hv', 'pv', 'svm', 'vmx'):
        for base, _, files in os.walk(os.path.join(root, layer)):
            for name in sorted(f for f in files if f.endswith(('.c', '.h'))):
                with open(os.path.join(base, name), encoding='utf-8') as file:
                    texts.append(_without_comments(file.read()))
    found = {}
    for text in texts:
        refusals = dict(re.findall(r'\b(\w+)\([^)]*\)\s*\{\s*return -(E\w+);\s*\}', text))
        if '#define HYPERCALL_ROWS' in text:
            for name in re.findall(r'\bHCALL\((\w+), do_', text):
                found[f'__HYPERVISOR_{name}'] = None
        for name, errno in [*_pasted(text, refusals), *_direct(text, refusals)]:
            if errno is None or name not in found:
                found[name] = errno
    return found


def _default(name):
    return next(errno for family, errno in FAMILIES if re.fullmatch(family, name))


def _judge(name, state, note, truth):
    """What is wrong with a row's state, or None."""
    match = STATE.fullmatch(state)
    if not match:
        return f'"{state}" is no state'
    if match.group(1):
        if name not in truth:
            return 'done, but no source names it'
        return f'done, but the sources answer -{truth[name]}' if truth[name] else None
    if len(note) < 8:
        return f'{state}, but why?'
    says, default = match.group(3), _default(name)
    if default == '':
        return None
    if not says:
        return f'{state}, but with which error number?'
    if name not in truth and default and says != default:
        return f'says -{says}, but what no source names is answered -{default}'
    if truth.get(name) and says != truth[name]:
        return f'says -{says}, but the sources answer -{truth[name]}'
    return None


def complaints(text, want, truth):
    """What is wrong with the page's text, given constants() and answers()."""
    found, seen = [], {}
    for number, line in enumerate(text.split('\n'), 1):
        row = ROW.match(line)
        if not row:
            if line.startswith('| `'):
                found.append(f'{PAGE}:{number}: not of the form name, number, state, note')
            continue
        name, value, state, note = row.groups()
        if name in seen:
            found.append(f'{PAGE}:{number}: {name} is in line {seen[name]} already')
        seen[name] = number
        if name not in want:
            found.append(f'{PAGE}:{number}: the headers have no {name}')
            continue
        if int(value) != want[name]:
            found.append(f'{PAGE}:{number}: {name} is {want[name]} in the headers')
        wrong = _judge(name, state, note, truth)
        if wrong:
            found.append(f'{PAGE}:{number}: {name}: {wrong}')
    return found + [f'{PAGE}:1: {name} ({want[name]}) is missing' for name in sorted(want)
                    if name not in seen]


def _text(root):
    with open(os.path.join(root, PAGE), encoding='utf-8') as file:
        return file.read()


def page(root, _flags):
    """doc/abi.md lists every call and sub-operation once, and what it says of each is so."""
    return complaints(_text(root), constants(), answers(root))


# What page() must notice: the mistake, a pattern in a good page, and what to make of it.
MISTAKES = (
    ('a call left out', r'(?m)^\| `__HYPERVISOR_iret`.*\n', ''),
    ('a sub-operation left out', r'(?m)^\| `XENMEM_claim_pages`.*\n', ''),
    ('a row twice', r'(?m)^(\| `SCHEDOP_poll`.*\n)', r'\1\1'),
    ('a wrong number', r'(`MMUEXT_SET_LDT` \| )13', r'\g<1>14'),
    ('an unknown name', r'`VCPUOP_up`', '`VCPUOP_upward`'),
    ('done without a handler', r'(`__HYPERVISOR_dm_op` \| 41 \| )later 5 -ENOSYS', r'\1done'),
    ('done, but a row of refusal', r'(`XEN_DOMCTL_soft_reset` \| 79 \| )[^|]*', r'\1done '),
    ('done, but a refusing function', r'(`XENPF_get_symbol` \| 63 \| )[^|]*', r'\1done '),
    ('done, but a refusing case', r'(`GNTTABOP_transfer` \| 4 \| )[^|]*', r'\1done '),
    ('another error number', r'(`XENPF_get_symbol` \| 63 \| later release -E)\w+', r'\1NOSYS'),
    ('no error number', r'(`GNTTABOP_dump_table` \| 3 \| refused) -ENOSYS', r'\1'),
    ('no reason', r'(`GNTTABOP_dump_table` \| 3 \| [^|]*\|)[^|]*\|', r'\1 |'),
    ('no state', r'(`SCHEDOP_yield` \| 0 \| )done', r'\1mostly'),
)


def notices(root, _flags):
    """page() can fail: it notices each of MISTAKES in a copy of the page."""
    text, want, truth = _text(root), constants(), answers(root)
    good, found = set(complaints(text, want, truth)), []
    for mistake, pattern, replacement in MISTAKES:
        wrong, count = re.subn(pattern, replacement, text)
        if count != 1:
            found.append(f'tests/lib/abi.py:1: "{mistake}" fits {count} places of {PAGE}, not one')
        elif not set(complaints(wrong, want, truth)) - good:
            found.append(f'tests/lib/abi.py:1: "{mistake}" goes unnoticed')
    return found
