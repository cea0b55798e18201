#!/usr/bin/env bash
# The official Hyperliquid Python SDK against the embedded venue and against the engine's signer.
#
#   tools/conformance/run.sh                   everything: about three minutes
#   tools/conformance/run.sh trading engine    some of: trading, engine, signing
#
# The SDK is unmodified; only its base URL is ours. EVENKEEL names a binary to use instead of the release
# build, CASES the number of random actions to sign. Without Python, or where the package cannot be had, it
# prints a line that starts with SKIPPED and succeeds; any difference fails.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

sdk=hyperliquid-python-sdk==0.24.0
venv=target/conformance/venv
out=target/conformance
parts=("$@")
if [ ${#parts[@]} -eq 0 ]; then parts=(trading engine signing); fi

skip() {
    echo "SKIPPED: $1: the official SDK was not run against the simulated venue"
    exit 0
}

command -v python3 >/dev/null || skip "python3 is not installed"
mkdir -p "$out"
if ! "$venv/bin/python" -c 'import hyperliquid' 2>/dev/null; then
    rm -rf "$venv"
    python3 -m venv "$venv" >"$out/venv.log" 2>&1 || skip "python3 -m venv failed ($(tail -n 1 "$out/venv.log"))"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$sdk" >"$out/pip.log" 2>&1 ||
        skip "pip install $sdk failed ($(tail -n 1 "$out/pip.log"))"
fi

if [ -z "${EVENKEEL:-}" ]; then
    cargo build --release --quiet || exit 1
    EVENKEEL=target/release/evenkeel
fi
export EVENKEEL CONFORMANCE_OUT=$out

failed=0
for part in "${parts[@]}"; do
    printf '\n-- %s\n' "$part"
    "$venv/bin/python" "tools/conformance/$part.py" || failed=1
done
exit $failed
