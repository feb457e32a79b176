#!/bin/bash
# build.sh TREE NAME: the container image of an unpacked archive, by podman and without a network, with the libraries and the
# certificates of this machine. Its servers are no root, keep all that they know in /data, and are told what to do by variables.
set -euo pipefail

tree=$(realpath "$1")
name=$2
here=$(dirname "$(realpath "$0")")

# When its files are said to be from, which is when those of the archive are.
epoch=$(stat -c %Y "$tree/bin/chandlery")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/usr/bin" "$root/usr/share" "$root/etc/ssl/certs" "$root/tmp" "$work/data"
chmod 1777 "$root/tmp"

cp "$tree/bin/chandlery" "$root/usr/bin"
cp -r "$tree/share/chandlery" "$tree/share/doc" "$root/usr/share"
rm -r "$root/usr/share/chandlery/etc"
# What the loader names, at the paths by which it finds it; the kernel's own part of it has no file.
ldd "$tree/bin/chandlery" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp --dereference "$library" "$root$library"
done
cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs"
echo 'chandlery:x:65532:65532::/data:/sbin/nologin' >"$root/etc/passwd"
echo 'chandlery:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"

version=$("$tree/bin/chandlery" --version | cut -d' ' -f2)
podman build --quiet --timestamp "$epoch" --file "$here/Containerfile" --tag "$name" \
    --label org.opencontainers.image.title=chandlery --label "org.opencontainers.image.version=$version" \
    --label org.opencontainers.image.licenses=Apache-2.0 "$work"
