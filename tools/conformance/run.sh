#!/usr/bin/env bash
# The venues' official Python SDKs against the embedded venue and against the engine's signers.
#
#   tools/conformance/run.sh                   everything: about six minutes
#   tools/conformance/run.sh trading engine    some of: trading, engine, signing (Hyperliquid),
#                                              lighter_trading, lighter_engine, lighter_signing
#
# The SDKs are unmodified; only their base URLs are ours. EVENKEEL names a binary to use instead of the release
# build, CASES the number of random actions to sign. Without Python, or where a package cannot be had, it
# prints a line that starts with SKIPPED and succeeds; any difference fails.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

out=target/conformance
parts=("$@")
if [ ${#parts[@]} -eq 0 ]; then parts=(trading engine signing lighter_trading lighter_engine lighter_signing); fi

skip() {
    echo "SKIPPED: $1: an official SDK was not run against the simulated venue"
}

# venv PACKAGE MODULE FOLDER: an environment with the package, made once.
venv() {
    local sdk=$1 module=$2 venv=$3
    if "$venv/bin/python" -c "import $module" 2>/dev/null; then return 0; fi
    rm -rf "$venv"
    if ! python3 -m venv "$venv" >"$out/venv.log" 2>&1; then
        skip "python3 -m venv failed ($(tail -n 1 "$out/venv.log"))"
        return 1
    fi
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check "$sdk" >"$out/pip.log" 2>&1; then
        skip "pip install $sdk failed ($(tail -n 1 "$out/pip.log"))"
        return 1
    fi
}

if ! command -v python3 >/dev/null; then
    skip "python3 is not installed"
    exit 0
fi
mkdir -p "$out"

if [ -z "${EVENKEEL:-}" ]; then
    cargo build --release --quiet || exit 1
    EVENKEEL=target/release/evenkeel
fi
export EVENKEEL CONFORMANCE_OUT=$out

failed=0
for part in "${parts[@]}"; do
    printf '\n-- %s\n' "$part"
    case $part in
    lighter_*) venv lighter-sdk==1.1.8 lighter "$out/venv_lighter" || continue; python=$out/venv_lighter/bin/python ;;
    *) venv hyperliquid-python-sdk==0.24.0 hyperliquid "$out/venv" || continue; python=$out/venv/bin/python ;;
    esac
    "$python" "tools/conformance/$part.py" || failed=1
done
exit $failed
