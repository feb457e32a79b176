#!/bin/bash
# release.sh BINARY KEY OUT: makes what is published of a version, the same bytes of the same binary wherever it is made: an archive with
# its installer, a Debian package, a chart, their SHA-256 sums, and a signature over these by KEY, an Ed25519 key in PEM as `chandlery keys
# new` makes it. The installer knows the key's public half, and where the archive is published.
set -euo pipefail

binary=$(realpath "$1")
key=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
here=$(dirname "$(realpath "$0")")
root=$(dirname "$here")

version=$("$binary" --version | cut -d' ' -f2)
name=chandlery-$version-$(uname -m)-linux
repository=$(sed -n 's/^repository = "\(.*\)"/\1/p' "$root/Cargo.toml")
# The moment of the commit that is released, which is when its files are said to be from.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct || true)}
[ -n "$SOURCE_DATE_EPOCH" ] || { echo "$root is no clone with commits: set SOURCE_DATE_EPOCH to the seconds since 1970 of the release" >&2; exit 1; }
export SOURCE_DATE_EPOCH
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/tree.sh" "$binary" "$work/$name"

pack() { # FOLDER NAME ARCHIVE: nothing in it depends on who packs it, or when.
    tar --create --directory "$1" --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --mode=go=rX \
        --owner=0 --group=0 --numeric-owner "$2" | gzip -n >"$3"
}

pack "$work" "$name" "$out/$name.tar.gz"
cp -r "$here/helm" "$work/chandlery"
pack "$work" chandlery "$out/chandlery-$version.tgz"
"$here/debian/build.sh" "$work/$name" "$version" "$out"

public=$(openssl pkey -in "$key" -pubout | sed '/^-----/d')
sed -e "s|@VERSION@|$version|; s|@KEY@|$public|; s|@URL@|$repository/releases/download/v$version|" \
    "$here/install.sh" >"$out/install.sh"
chmod 755 "$out/install.sh"

cd "$out"
sha256sum ./*.tar.gz ./*.deb ./*.tgz install.sh | sed 's|  \./|  |' >SHA256SUMS
openssl pkeyutl -sign -rawin -inkey "$key" -in SHA256SUMS -out SHA256SUMS.sig
ls -l "$out"
