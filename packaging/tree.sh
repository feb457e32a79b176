#!/bin/bash
# tree.sh BINARY TREE: lays out what every package has, as below a prefix such as /usr: the binary, the first-party plugins from
# target/plugins, completions, units, what servers may be told, and documents.
set -euo pipefail

binary=$(realpath "$1")
tree=$2
here=$(dirname "$(realpath "$0")")
root=$(dirname "$here")

put() { # MODE TARGET SOURCE...
    local mode=$1 target=$2
    shift 2
    mkdir -p "$tree/$target"
    install -m "$mode" "$@" "$tree/$target"
}

complete() { # SHELL FILE
    mkdir -p "$(dirname "$tree/$2")"
    "$binary" completions "$1" >"$tree/$2"
}

first_party() {
    local manifest name
    for manifest in "$root"/plugins/*/chandlery.toml; do
        grep -q '^name = "chandlery:' "$manifest" || continue
        name=$(basename "$(dirname "$manifest")")
        [ -f "$root/target/plugins/$name.wasm" ] || {
            echo "target/plugins/$name.wasm is missing: run \`make plugins\`" >&2
            exit 1
        }
        echo "$root/target/plugins/$name.wasm"
    done
}

plugins=$(first_party)
put 755 bin "$binary"
# shellcheck disable=SC2086 # Each word is a file.
put 644 share/chandlery/plugins $plugins
put 644 share/chandlery/etc "$here"/etc/*.env
put 644 lib/systemd/system "$here"/systemd/*.service
put 644 lib/sysusers.d "$here/systemd/chandlery.conf"
put 644 share/doc/chandlery "$root/LICENSE" "$root/CHANGELOG.md"
complete bash share/bash-completion/completions/chandlery
complete zsh share/zsh/site-functions/_chandlery
complete fish share/fish/vendor_completions.d/chandlery.fish
# What is packed must not depend on who packs it.
find "$tree" -type d -exec chmod 755 {} +
find "$tree" -type f ! -path "$tree/bin/*" -exec chmod 644 {} +
find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
