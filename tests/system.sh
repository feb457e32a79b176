#!/bin/bash
# Makes sure that this machine has what the build and the tests need beside Rust. Installs it where that is possible
# (Debian or Ubuntu, as root), and otherwise says exactly what to do. With the argument "wasm", looks only for a way to
# compile plugins; with "demo", leaves out what only tests need; with "bench", adds the
# registry's peers.
set -euo pipefail

missing=()

has_wasm_target() {
    local folder
    folder=$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null) && [ -n "$(ls -A "$folder" 2>/dev/null)" ]
}

need_wasm() {
    if has_wasm_target; then return; fi
    if command -v rustup >/dev/null && rustup target add wasm32-unknown-unknown >/dev/null 2>&1 && has_wasm_target; then return; fi
    if [ -x /usr/bin/rustc ] && [ -x /usr/bin/rust-lld ] && [ -e "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml" ]; then return; fi
    missing+=(rustc-web cargo-web rust-web-src rust-web-llvm lld-22)
}

need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null || missing+=("$2")
}

# For deployments that run in Python: environments, and the libraries that OpenCV's wheels expect.
need_python() {
    command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
    ldconfig -p | grep -q 'libGL\.so\.1' || missing+=(libgl1)
    ldconfig -p | grep -q 'libgthread-2\.0\.so\.0' || missing+=(libglib2.0-0)
}

# For the tests against PostgreSQL and S3, and for the clients of others that push and pull.
need_stores() {
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
    need skopeo skopeo
}

# The registry's peers and what measures them.
need_bench() {
    need docker-registry docker-registry
    need nginx nginx-light
    need wrk wrk
}

# Tools from PyPI, in a folder of their own.
install_tools() {
    local tools=target/tools
    [ -x $tools/bin/moto_server ] && return
    echo "Installing an S3 server for the tests into $tools"
    python3 -m venv $tools && $tools/bin/pip install --quiet 'moto[s3,server]==5.*'
}

command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs" >&2; exit 1; }
need_wasm
if [ "${1:-}" != wasm ]; then
    need cc build-essential
    need curl curl
    need hledger hledger
    need_python
    [ "${1:-}" = demo ] || need_stores
    [ "${1:-}" != bench ] || need_bench
fi

install_packages() {
    [ ${#missing[@]} -eq 0 ] && return
    echo "This machine lacks: ${missing[*]}"
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "Install them, on Debian with: sudo apt-get install ${missing[*]}" >&2
        exit 1
    fi
}

cd "$(dirname "$0")/.."
install_packages
[ -n "${1:-}" ] || install_tools
