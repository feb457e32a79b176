#!/bin/sh
# Installs chandlery @VERSION@ for Linux, and removes it again.
#
#   install.sh [--prefix DIR] [--from PLACE]
#   install.sh --uninstall [--prefix DIR]
#
# The prefix is /usr/local for root, and ~/.local for everybody else. The place is a folder or a URL that has the release's files: the one
# that this script lies in, where they are beside it, or else where the release was published. Nothing is installed whose checksum is not
# in SHA256SUMS, or if that is not signed by the release key below. To install again, or another version over this one, is safe.
set -eu
umask 022

version='@VERSION@'
# An Ed25519 key (SubjectPublicKeyInfo in Base64), as the release was signed with.
key='@KEY@'
published='@URL@'

fail() { # WHAT REMEDY
    printf 'error: %s\n  ➜ %s\n' "$1" "$2" >&2
    exit "${3:-1}"
}

done_with() {
    printf '✓ %s\n' "$1"
}

note() {
    printf '· %s\n' "$1"
}

need() {
    for tool; do
        command -v "$tool" >/dev/null || fail "this machine has no $tool" "install it, and run the installer again"
    done
}

# Fetches a file of the release from its folder or URL into the working folder.
fetch() { # FILE
    case $from in
        http://* | https://*)
            if ! command -v wget >/dev/null; then
                need curl
                curl --fail --silent --show-error --location --output "$work/$1" "$from/$1"
            else
                wget --quiet --output-document="$work/$1" "$from/$1"
            fi || fail "$from/$1 cannot be fetched" "look at the network, or name another place with --from"
            ;;
        *) cp "$from/$1" "$work/$1" || fail "$from/$1 cannot be read" "name the folder with the release's files with --from" ;;
    esac
}

# Proves that the archive is the one that was released: its sum is in a list that the release key has signed.
check() {
    fetch SHA256SUMS
    fetch SHA256SUMS.sig
    fetch "$archive"
    printf -- '-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n' "$key" >"$work/release.pub"
    openssl pkeyutl -verify -pubin -inkey "$work/release.pub" -rawin -in "$work/SHA256SUMS" \
        -sigfile "$work/SHA256SUMS.sig" >/dev/null 2>&1 ||
        fail "SHA256SUMS of $from is not signed by chandlery's release key; nothing was installed" \
            "somebody else made or changed it: get the release from where it was published" 3
    done_with 'signature of the release key'
    (cd "$work" && grep "  $archive\$" SHA256SUMS | sha256sum --check --status -) ||
        fail "$archive of $from has not the checksum that was signed; nothing was installed" \
            "it was damaged or changed on its way: fetch it again" 3
    done_with "checksum of $archive"
}

# Every file of the release, from its root.
files() { # ROOT
    (cd "$1" && find . -type f | sed 's|^\./||' | sort)
}

remove() { # LIST: removes these files, and the folders that are empty then.
    while read -r file; do
        rm -f "$prefix/$file"
        folder=$(dirname "$file")
        while [ "$folder" != . ] && rmdir "$prefix/$folder" 2>/dev/null; do folder=$(dirname "$folder"); done
    done <"$1"
}

# Puts each file in its place at once, while the one before may be running. Whatever happens meanwhile, the list knows of every file.
place() {
    new=$work/root/$(basename "$archive" .tar.gz)
    "$new/bin/chandlery" --version >/dev/null 2>"$work/why" ||
        fail "chandlery does not run on this machine: $(head -n 1 "$work/why")" 'on an older system, build it from source: `make build`'
    files "$new" >"$work/files"
    mkdir -p "$(dirname "$list")" || fail "$prefix cannot be written to" 'name another folder with --prefix'
    [ -f "$list" ] || : >"$list"
    sort -u "$list" "$work/files" >"$list.new" && mv "$list.new" "$list"
    while read -r file; do
        mkdir -p "$prefix/$(dirname "$file")"
        cp -p "$new/$file" "$prefix/$file.new" && mv -f "$prefix/$file.new" "$prefix/$file" ||
            fail "$prefix/$file cannot be written" 'make room there, and run the installer again'
    done <"$work/files"
    comm -23 "$list" "$work/files" >"$work/old"
    remove "$work/old"
    cp "$work/files" "$list.new" && mv "$list.new" "$list"
}

# What services were told is never written over.
say_what_services_need() {
    if [ -e /etc/chandlery/registry.env ]; then
        note 'services that run go on as the version before: systemctl daemon-reload;
  systemctl try-restart chandlery-registry chandlery-host chandlery-witness'
    else
        note "as services: install -D -m 600 -t /etc/chandlery $prefix/share/chandlery/etc/*; systemd-sysusers; systemctl daemon-reload;
  systemctl enable --now chandlery-registry chandlery-host"
    fi
}

say_what_next() {
    done_with "chandlery $version is in $prefix/bin"
    case :$PATH: in
        *:"$prefix/bin":*) ;;
        *) note "that is not in your PATH: export PATH=\"$prefix/bin:\$PATH\"" ;;
    esac
    note 'next: `chandlery up` runs a registry and a host on this machine'
    if [ "$prefix" = /usr/local ] && [ -d /run/systemd/system ]; then
        say_what_services_need
    fi
    note "to remove it: install.sh --uninstall --prefix $prefix"
}

install_it() {
    case $key in @*) fail 'this is the source of the installer, which knows no release' "make one with \`make release\`" ;; esac
    [ "$(uname -s)" = Linux ] || fail "there is no release for $(uname -s)" 'build it from source: `make build`'
    need tar gzip sha256sum openssl
    case $(openssl version) in
        'OpenSSL '[012].*) fail "this machine's $(openssl version) checks no Ed25519 signature" 'install OpenSSL 3' ;;
        OpenSSL*) ;;
        *) fail "this machine's openssl is $(openssl version), which checks no Ed25519 signature" 'install OpenSSL 3' ;;
    esac
    archive=chandlery-$version-$(uname -m)-linux.tar.gz
    check
    mkdir "$work/root"
    tar -xzf "$work/$archive" -C "$work/root" || fail "$archive cannot be unpacked" 'make room in the folder for temporary files'
    place
    say_what_next
}

uninstall() {
    [ -f "$list" ] || fail "this installer has installed nothing in $prefix" 'name the folder that it was given with --prefix'
    cp "$list" "$work/old"
    remove "$work/old"
    rm -f "$list"
    (cd "$prefix" && rmdir -p share/chandlery) 2>/dev/null || true
    done_with "chandlery is removed from $prefix"
    note 'what it keeps stays: ~/.chandlery, and what servers were told to keep elsewhere'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
act=install_it
from=$published
# Read from a pipe, the script lies nowhere, and what the working folder has is none of its release.
case $0 in
    install.sh | */install.sh)
        beside=$(dirname "$0")
        [ ! -f "$beside/SHA256SUMS" ] || [ ! -f "$beside/SHA256SUMS.sig" ] || from=$beside
        ;;
esac
prefix=$HOME/.local
[ "$(id -u)" -ne 0 ] || prefix=/usr/local
while [ $# -gt 0 ]; do
    case $1 in
        --prefix | --from)
            [ $# -gt 1 ] || fail "$1 has no value" "see \`install.sh --help\`" 2
            [ "$1" = --prefix ] && prefix=$2 || from=$2
            shift
            ;;
        --uninstall) act=uninstall ;;
        --help)
            echo 'usage: install.sh [--prefix DIR] [--from FOLDER-OR-URL] | install.sh --uninstall [--prefix DIR]'
            exit
            ;;
        *) fail "there is no $1" "see \`install.sh --help\`" 2 ;;
    esac
    shift
done
list=$prefix/share/chandlery/installed
$act
