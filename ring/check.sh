#!/usr/bin/env bash
# The checks of `ring` that a plain `cargo test` cannot do, in about a minute on two cores:
#   loom: every interleaving and reordering of small models, and a weakened twin for every ordering in the crate;
#   Miri: undefined behaviour, data races, leaks, under several schedules.
# Exits non-zero if either finds something, or if fewer checks ran than there are. Without a nightly Miri that part is
# skipped, loudly: the fault it would have found is then still there to be found.
set -euo pipefail
cd "$(dirname "$0")/.."

models=8 # lines "interleavings" of tests/loom.rs
twins=10 # variants of `sync::Site`
seeds=3  # schedules per test under Miri

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs a command with its output in $log; shows the output if the command fails.
quietly() {
    if ! "$@" >"$log" 2>&1; then
        cat "$log"
        echo "FAILED: $*"
        exit 1
    fi
}

# Demands $2 lines that match $1 in $log.
expect_lines() {
    local found
    found=$(grep -c -E "$1" "$log" || true)
    if [ "$found" -ne "$2" ]; then
        cat "$log"
        echo "FAILED: $found lines of '$1', $2 expected: did the checks run?"
        exit 1
    fi
}

start=$SECONDS
echo "loom:"
# Own target folder: the flag rebuilds everything below. One thread: counts come out in order.
quietly env RUST_BACKTRACE=0 RUSTFLAGS="--cfg loom" cargo test --release -p evenkeel-ring --target-dir target/loom \
    --test loom -- --nocapture --test-threads=1
grep -o -E "loom: .*" "$log" | sed 's/^loom: /  /'
expect_lines "loom: .* interleavings$" "$models"
expect_lines "loom: twin without .*: caught" "$twins"
echo "loom: $models models clean, $twins of $twins weakened twins caught, $((SECONDS - start)) s"

start=$SECONDS
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    rustup component add --toolchain nightly miri rust-src >/dev/null 2>&1 || true
fi
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "SKIPPED: miri is not installed and cannot be: undefined behaviour and data races were NOT looked for"
    exit 0
fi
echo "miri:"
# One seed after the other: `-Zmiri-many-seeds` runs them at once, and their lines come out mixed and uncountable.
for seed in $(seq "$seeds"); do
    quietly env RUST_BACKTRACE=0 MIRIFLAGS="-Zmiri-seed=$seed" cargo +nightly miri test -p evenkeel-ring \
        --target-dir target/miri --test spsc --test latest
    expect_lines "^test result: ok\. [1-9]" 2
    echo "  seed $seed: $(grep -c -E "^test .* ok$" "$log") tests clean"
done
echo "miri: $seeds schedules clean, $((SECONDS - start)) s"
