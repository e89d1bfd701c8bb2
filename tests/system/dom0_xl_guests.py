#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: long cost=120 limit=1800
"""Do Debian's xl, xenconsoled and xentop with the stock back ends, unpatched, run stock Linux
guests from their start to their end? One boot of dom0, two guests; Xen 4.17 passes too."""
from lib import dom0, host


def until(condition, tries=60):
    """A shell command that waits until condition holds."""
    return f'n=0; until {condition}; do [ $((n += 1)) -lt {tries} ] || break; sleep 0.2; done'


def column(name, number):
    return f"xl list {name} | awk 'NR == 2 {{ print ${number} }}'"


COMMANDS = [
    ('image', 'truncate -s 32M /var/lib/hospes/alpha.img && truncate -s 32M /root/more.img'),
    ('create', 'xl create /etc/hospes/alpha.cfg maxvcpus=2'),
    ('up', 'up alpha'),
    ('list', 'xl list'),
    ('vcpus', 'xl vcpu-list alpha'),
    ('disks', 'xl block-list alpha'),
    ('nics', 'xl network-list alpha'),
    ('ping', 'ping -c 3 -W 5 alpha'),
    ('port', 'cat /sys/class/net/vif1.0/brport/state'),
    # xl console takes no input but from a terminal; `at` types at the same pseudo-terminal.
    ('console', 'timeout 5 xl console alpha < /dev/null; attach alpha; '
                "at alpha 'echo six by seven is $((6 * 7))'"),
    ('pause', f'xl pause alpha; xl list alpha; a=$({column("alpha", 6)}); sleep 2; '
              f'echo "used $a $({column("alpha", 6)})"'),
    ('unpause', 'xl unpause alpha; ping -c 1 -W 10 alpha'),
    ('mem-set', 'xl mem-set alpha 100; ' + until(f'[ "$({column("alpha", 3)})" = 100 ]') +
                '; xl list alpha'),
    ('mem-back', 'xl mem-set alpha 128; ' + until(f'[ "$({column("alpha", 3)})" = 128 ]') +
                 '; xl list alpha'),
    # Taking the CPU into use is udev's part in a larger guest.
    ('vcpu-set', "xl vcpu-set alpha 2; at alpha 'n=0; until echo 1 > /sys/devices/system/cpu/cpu1/"
                 "online || [ $((n += 1)) -gt 50 ]; do sleep 0.2; done'; xl vcpu-list alpha"),
    ('credit', 'xl sched-credit -d alpha -w 512 -c 50 && xl sched-credit -d alpha'),
    ('credit-back', 'xl sched-credit -d alpha -w 256 -c 0 && xl sched-credit -d alpha'),
    ('pin', 'xl vcpu-pin alpha 0 1 && xl vcpu-list alpha'),
    ('top', 'xentop -b -f -i 2 -d 2'),
    ('rename', 'xl rename alpha uno && xl list uno'),
    ('back', 'xl rename uno alpha'),
    ('attach', 'xl block-attach alpha /root/more.img,raw,xvdb,w && ' +
               until('xl block-list alpha | grep -qE "^51728.* 4 "') + '; xl block-list alpha'),
    ('detach', 'xl block-detach alpha xvdb && sleep 1 && xl block-list alpha'),
    # Another tool's devices, as ours sees them.
    ('ours', 'hospes list; hospes block-list; hospes network-list alpha; hospes top -n 1 -d 1'),
    ('reboot', 'xl reboot alpha; ' + until('xl domid alpha 2> /dev/null | grep -qx 2', 300) +
               '; up alpha; xl list'),
    ('second', 'xl create /etc/hospes/alpha.cfg \'name="two"\' \'disk=[]\' '
               '\'extra="console=hvc0 quiet name=two"\' memory=96 && up two && xl list'),
    ('dump', 'xl pause two && xl dump-core two /tmp/xl.core && hospes dump-core two /tmp/our.core '
             '&& ls -l /tmp/*.core'),
    ('dump-pages', 'for f in xl our; do core $f; done; cmp /tmp/xl.pages /tmp/our.pages && '
                   'cmp /tmp/xl.p2m /tmp/our.p2m && cmp /tmp/xl.regs /tmp/our.regs && '
                   'cmp /tmp/xl.notes /tmp/our.notes && echo same'),
    ('destroy', 'xl destroy two; xl list'),
    ('shutdown', 'xl shutdown -w alpha; sleep 1; xl list'),
    ('left', 'xenstore-ls -f | grep -E "backend/v|/vm/|/libxl/[1-9]|domain/[1-9]"; '
             'ls /sys/class/net; losetup -a'),
]

# Cuts a dump into its sections, by what readelf would print: busybox has od and awk.
CORE = r'''
core() {
    f=/tmp/$1.core
    word() { od -An -v -t u8 -j $1 -N 8 $f | tr -d ' '; }
    half() { od -An -v -t u2 -j $1 -N 2 $f | tr -d ' '; }
    shoff=$(word 40) n=$(half 60) names=$(word $(($(word 40) + $(half 62) * 64 + 24)))
    i=0
    while [ $i -lt $n ]; do
        h=$((shoff + i * 64))
        name=$(dd if=$f bs=1 skip=$((names + $(od -An -v -t u4 -j $h -N 4 $f))) count=20 2> /dev/null |
               tr '\0' '\n' | head -n 1)
        case $name in
            .xen_pages) to=pages ;;
            .xen_p2m) to=p2m ;;
            .xen_prstatus) to=regs ;;
            .note.Xen) to=notes ;;
            *) to= ;;
        esac
        at=$(word $((h + 24))) size=$(word $((h + 32)))
        [ -z "$to" ] || tail -c +$((at + 1)) $f | head -c $size > /tmp/$1.$to
        echo "$1 $name $size"
        i=$((i + 1))
    done
}
'''


def life(said):
    said['create'].ok()
    said['up'].ok().find(r'^cpus=1$')
    said['list'].find(r'^alpha +1 +128 +1 +\S+ +\S+')
    said['pause'].ok().find(r'^alpha +1 +128 +1 +--p---')
    used = said['pause'].find(r'^used (\S+) (\S+)$')
    dom0.check(used.group(1) == used.group(2), f'a paused guest ran: {used.group()}')
    said['unpause'].ok()
    said['rename'].ok().find(r'^uno +1 ')
    said['reboot'].ok().find(r'^alpha +2 +128 ')
    said['second'].ok().find(r'^two +3 +96 ')
    dom0.check('two ' not in said['destroy'].ok().text, 'a destroyed guest is listed')
    dom0.check('alpha ' not in said['shutdown'].ok().text, 'a guest that was shut down is listed')


def devices(said):
    said['up'].find(r'^disk=ok, start 1$')
    said['reboot'].find(r'^disk=ok, start 2$')
    said['disks'].ok().find(r'^51712 +0 +1 +4 ')
    said['nics'].ok().find(r'^0 +0 +00:16:3e:\S+ +\d+ +4 ')
    said['ping'].ok().find(' 0% packet loss')
    dom0.check(said['port'].ok().lines == ['3'], 'the vif does not forward on its bridge')
    said['attach'].ok().find(r'^51728 +0 +1 +4 ')
    dom0.check('51728' not in said['detach'].ok().text, 'the detached disk is listed')
    dom0.check('/libxl' not in said['left'].text and 'vif' not in said['left'].text and
               'loop' not in said['left'].text, f'left behind: {said["left"].text}')


def settings(said):
    said['vcpus'].ok().find(r'^alpha +1 +0 +\d +\S+ +\S+ +all / all')
    said['console'].find('six by seven is 42')
    said['mem-set'].ok().find(r'^alpha +1 +100 ')
    said['mem-back'].ok().find(r'^alpha +1 +128 ')
    said['vcpu-set'].ok().find(r'^alpha +1 +1 +\d ')
    said['credit'].ok().find(r'^alpha +1 +512 +50$')
    said['credit-back'].ok().find(r'^alpha +1 +256 +0$')
    said['pin'].ok().find(r'^alpha +1 +0 +\S+ +\S+ +\S+ +1 / all')
    rows = [r for r in said['top'].ok().rows(0) if r[0] == 'alpha']
    dom0.check(len(rows) == 2 and 127 << 10 <= int(rows[1][4]) <= 129 << 10 and rows[1][8] == '2',
               f'xentop: {rows}')
    dom0.check(rows[1][9] == '1' and rows[1][12] == '1', f'xentop sees no vif or vbd: {rows}')


def ours(said):
    """`hospes` manages what xl made."""
    said['ours'].ok().find(r'^ +1  alpha +pv +128 +2 ')
    said['ours'].find(r'^ +1  xvda +51712  connected  rw +/var/lib/hospes/alpha.img$')
    said['ours'].find(r'^ +1 +0  connected +00:16:3e:\S+ +vif1.0 +xenbr0$')
    said['ours'].find(r'^ +1  alpha +\S+ +[\d.]+ +128 ')
    said['dump'].ok()
    dom0.check(said['dump-pages'].ok().lines[-1] == 'same',
               f'our dump differs from xl\'s: {said["dump-pages"].text}')


def test(env):
    said = host.run(env, [('', CORE)] + COMMANDS, timeout=1400)
    said['image'].ok()
    for part in (life, devices, settings, ours):
        part(said)


if __name__ == '__main__':
    dom0.main(test)
