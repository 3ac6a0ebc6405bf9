#!/usr/bin/env bash
# Feeds the fuzz targets, or those that are named: all seeds, then inputs made of them for a while; as many at once as
# there are cores.
# Usage: fuzz/run.sh [TARGET...]
#
# LAKEBED_FUZZ_SECONDS: how long for each target; by default 4, with LAKEBED_SOAK=1 ten minutes. In the short form the inputs
# are the same every time, as far as it comes; in the long one they are new, and what was found to reach other code is kept
# in the user's cache, and gone on from the next time. Needs `tests/setup.sh fuzz`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lakebed/fuzz
seconds=${LAKEBED_FUZZ_SECONDS:-$([ -n "${LAKEBED_SOAK:-}" ] && echo 600 || echo 4)}
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(find fuzz/fuzz_targets -name '*.rs' -printf '%f\n' | sed 's/\.rs$//' | sort)

# The compiler itself, its own flags, and a folder of its own: instrumented libraries are of no use to anything else.
unset RUSTC_WORKSPACE_WRAPPER CLIPPY_ARGS RUSTFLAGS CARGO_TARGET_DIR
export PATH=$cache/tool/bin:$PATH
fuzz() { cargo fuzz "$1" --sanitizer none --target-dir "${LAKEBED_FUZZ_TARGET:-$cache/target}" "${@:2}"; }

cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml > /dev/null
fuzz build
found=$cache/corpus order=() results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
[ -n "${LAKEBED_SOAK:-}" ] || { found=$results/corpus order=(-seed=1); }

# A file of its own in $results for each target that held.
feed() {
    local target=$1 corpus=$found/$1 log=$cache/$1.log
    mkdir -p "$corpus"
    if fuzz run "$target" "$corpus" "fuzz/seeds/$target" -- "${order[@]}" -max_total_time="$seconds" -max_len=65536 -timeout=60 \
        -rss_limit_mb=6144 -dict=fuzz/words.dict -print_final_stats=1 -verbosity=1 > "$log" 2>&1; then
        local executed reached
        executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        reached=$(sed -n 's/.* cov: \([0-9]*\) ft: \([0-9]*\) corp: \([0-9]*\).*/\1 edges, \2 features, \3 inputs/p' "$log" | tail -1)
        echo "fuzz: $target: $executed runs, $reached"
        touch "$results/$target.held"
    else
        grep -v '^#' "$log" | tail -60
        echo "fuzz: $target FAILED: the whole is in $log"
    fi
}

cores=$(nproc) fed=0
for target in "${targets[@]}"; do
    [ "$fed" -lt "$cores" ] || wait -n || true
    fed=$((fed + 1))
    feed "$target" &
done
wait
failed=
for target in "${targets[@]}"; do
    [ -e "$results/$target.held" ] || failed+=" $target"
done
[ -z "$failed" ] || { echo "fuzz: failed:$failed" >&2 && exit 1; }
echo "fuzz: ${#targets[@]} targets held, $seconds s each"
