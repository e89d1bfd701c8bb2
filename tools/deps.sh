#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Install the Debian packages of deps.list that are missing. Says nothing when all are there.
# Plain shell: on a bare machine nothing else exists yet. Never removes or upgrades a package.
set -eu
list=$(dirname "$0")/deps.list

fail() {
    printf 'deps: failed: %s\n' "$1" >&2
    exit 1
}

installed() {
    dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null | sed -n 's/ installed$//p'
}

missing() {
    have=$(installed | sort -u)
    sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$list" | while read -r package; do
        printf '%s\n' "$have" | grep -qxF "$package" || printf '%s\n' "$package"
    done
}

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    fail 'this is not a Debian system (no dpkg and apt-get); install what tools/deps.list names'

need=$(missing | tr '\n' ' ')
need=${need% }
[ -n "$need" ] || exit 0
[ "${1-}" != --check ] || fail "packages missing: $need; run \"make deps\""

if [ "$(id -u)" -eq 0 ]; then
    root=
elif command -v sudo >/dev/null; then
    root=sudo
else
    fail "root is needed to install: $need; run \"make deps\" as root or install sudo"
fi

echo "deps: installs $need"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 1' HUP INT TERM

# The stages' output is only of interest when one fails.
quietly() {
    # shellcheck disable=SC2086
    $root env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 </dev/null
}

# shellcheck disable=SC2086
install() {
    quietly apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 $need
}

# The package index may be absent (a bare machine) or stale: update it only when needed.
if ! install; then
    echo 'deps: updates the package index'
    quietly apt-get update -o APT::Update::Error-Mode=any || {
        tail -n 5 "$log" >&2
        fail 'apt-get update: see above; is the network up, and has apt a source?'
    }
    install || {
        tail -n 15 "$log" >&2
        fail "apt-get install: see above"
    }
fi
still=$(missing | tr '\n' ' ')
[ -z "$still" ] || fail "still missing after apt-get install: $still"
