#!/bin/bash
# Builds the peer into target/extism: the program that calls, and the plugin that it calls, by whichever compiler for
# WebAssembly this machine has.
set -euo pipefail
cd "$(dirname "$0")"
target=$(realpath -m ../../../target/extism)
cargo build --release --manifest-path host/Cargo.toml --target-dir "$target"
guest=(build --release --manifest-path guest/Cargo.toml --target wasm32-unknown-unknown --target-dir "$target/guest")
if [ -n "$(ls -A "$(rustc --print target-libdir --target wasm32-unknown-unknown)" 2>/dev/null)" ]; then
    cargo "${guest[@]}"
else
    env -u RUSTC -u RUSTUP_TOOLCHAIN -u CARGO RUSTC_BOOTSTRAP=1 PATH=/usr/bin:/bin \
        /usr/bin/cargo "${guest[@]}" -Zbuild-std=std,panic_abort
fi
