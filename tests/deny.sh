#!/bin/bash
# Holds every dependency to deny.toml: licences, sources and duplicates always; known vulnerabilities where RustSec's
# database can be fetched.
set -euo pipefail
cd "$(dirname "$0")/.."

deny=target/tools/bin/cargo-deny
# A build downloads what this machine's target needs; what other targets need has licences, too.
cargo fetch --locked --quiet
"$deny" --log-level error --offline check --hide-inclusion-graph licenses bans sources
if timeout 60 "$deny" fetch db >/dev/null 2>&1; then
    "$deny" --log-level error check --disable-fetch advisories
else
    echo "advisories not checked: RustSec's database cannot be fetched from here"
fi
