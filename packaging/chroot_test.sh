#!/usr/bin/env bash
# Proves start.py on a fresh Debian 12 with python3 and pip only: set-up, kill and repair, second start, the tests.
#
# usage (as root, with mmdebstrap installed): packaging/chroot_test.sh [--keep] [pytest arguments]
#
# Tests the committed HEAD. The chroot uses this machine's own package sources: apt's Debian mirror, proxy and
# certificates, pip's variables, configuration files and the local folders they name (mounted read-only).
# HEARTH_TEST_MIRROR names another Debian mirror, TMPDIR another place. --keep leaves the chroot for a look inside.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
keep=no
if [ "${1:-}" = --keep ]; then keep=yes; shift; fi
[ "$(id -u)" = 0 ] || { echo "Run this as root: it makes and enters a chroot." >&2; exit 1; }
command -v mmdebstrap >/dev/null || { echo "Install mmdebstrap first: apt-get install mmdebstrap" >&2; exit 1; }

work=$(mktemp -d -t hearth-chroot.XXXXXX)
root=$work/root
project=/srv/hearth
inside=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8)

clean_up() {
    # Deepest first; a chroot is never deleted while something of the host is mounted in it.
    awk -v root="$root/" 'index($2, root) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n 1 umount
    if [ "$keep" = yes ]; then echo "Left for a look: $root"; return; fi
    grep -q " $root/" /proc/mounts || rm -rf --one-file-system "$work"
}
trap clean_up EXIT

host_mirror() {
    if [ -n "${HEARTH_TEST_MIRROR:-}" ]; then echo "$HEARTH_TEST_MIRROR"; return; fi
    # shellcheck disable=SC2016 # the dollars are apt's
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Origin: Debian' | head -n 1
}

share() { # a file or folder of the host, read-only at the same place in the chroot
    mkdir -p "$root/$([ -d "$1" ] && echo "$1" || dirname "$1")"
    [ -d "$1" ] || touch "$root/$1"
    mountpoint -q "$root/$1" || mount --bind -o ro "$1" "$root/$1"
}

make_chroot() {
    local mirror
    mirror=$(host_mirror)
    apt-config dump Acquire | grep -iE '^Acquire::(https?|Retries)' >"$work/apt.conf" || true
    # Without a mirror mmdebstrap takes Debian's own.
    mmdebstrap --quiet --variant=minbase --include=python3,python3-pip,ca-certificates --aptopt="$work/apt.conf" \
        bookworm "$root" ${mirror:+"$mirror"}
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
}

carry_package_settings() {
    local file path setting
    for file in /etc/pip.conf "$HOME/.pip/pip.conf" "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf"; do
        [ -e "$file" ] || continue
        case $file in
            /etc/*) cp -L "$file" "$root$file" ;;
            *) install -D -m 600 "$file" "$root/root/.config/pip/pip.conf" ;;
        esac
    done
    env | grep -iE '^(PIP_|UV_|HEARTH_TORCH_INDEX=|SSL_CERT_|REQUESTS_CA_BUNDLE=|(https?|no|all)_proxy=)' >"$work/settings" || true
    while IFS= read -r setting; do inside+=("$setting"); done <"$work/settings"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    for path in $(cat "$root/etc/pip.conf" "$root/root/.config/pip/pip.conf" "$work/settings" 2>/dev/null |
        sed -n 's/^[^=]*=//p' | tr ' ' '\n' | sed -n 's#^file://##; /^\//p' | sort -u); do
        case $path in
            /etc/*) ;; # certificates are copied
            */simple) share "$(dirname "$path")" ;; # an index's pages name files beside them
            *) [ -e "$path" ] && share "$path" ;;
        esac
    done
}

enter() { chroot "$root" env -i "${inside[@]}" "$@"; }
start() { enter bash -c "cd $project && echo \$\$ >/tmp/start.pid && exec python3 start.py \"\$@\"" start "$@"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
say() { printf '\n== %s\n' "$*"; }

kill_when() { # kill_when PATTERN OPTIONS...: SIGKILL start.py when its log shows the pattern
    local pattern=$1 job
    shift
    start "$@" >"$work/killed.out" 2>&1 &
    job=$!
    for _ in $(seq 6000); do
        if grep -q "$pattern" "$root$project/.venv/hearth-setup.log" 2>/dev/null; then break; fi
        kill -0 "$job" 2>/dev/null || { cat "$work/killed.out"; fail "start.py ended before '$pattern'"; }
        sleep 0.1
    done
    sleep 1
    kill -KILL "$(cat "$root/tmp/start.pid")"
    wait "$job" 2>/dev/null || true
    tail -n 1 "$work/killed.out"
    sleep 0.5
    # shellcheck disable=SC2010 # names under /proc are numbers
    if ls -l /proc/*/exe 2>/dev/null | grep "$root/"; then fail "a child outlived start.py"; fi
}

say "A fresh Debian 12 with python3 and pip"
make_chroot
carry_package_settings
git clone --quiet "$repository" "$root$project"
enter python3 -c 'import sys; print(sys.version)'
enter bash -c '! python3 -c "import ensurepip" 2>/dev/null' || fail "this chroot has ensurepip"
enter bash -c 'test -e /usr/lib/python3.*/EXTERNALLY-MANAGED' || fail "this Python is not externally managed"

say "Without root: the one line to run"
enter bash -c "cd / && cp -r $project /tmp/plain && chown -R nobody /tmp/plain"
enter setpriv --reuid=65534 --clear-groups python3 /tmp/plain/start.py --test >"$work/plain.out" 2>&1 && fail "no error"
grep 'sudo apt-get install' "$work/plain.out" || { cat "$work/plain.out"; fail "no apt line"; }

say "Killed while unpacking, then run again"
kill_when '^Installing collected packages: .*torch' --setup
start --setup | tee "$work/repair.out"
grep -q 'interrupted' "$work/repair.out" || fail "the interruption was not noticed"

say "A package was deleted, then run again"
enter bash -c "rm -r $project/.venv/lib/python3.*/site-packages/msgspec"
start --setup | tee "$work/damage.out"
grep -q 'missing' "$work/damage.out" || fail "the damage was not noticed"

say "A start of a machine that is set up"
begin=$(date +%s%N)
start --setup
milliseconds=$((($(date +%s%N) - begin) / 1000000))
echo "$milliseconds ms"
[ "$milliseconds" -lt 1000 ] || fail "a second start took $milliseconds ms"

say "The tests"
start --test "$@"
say "All of it passed"
