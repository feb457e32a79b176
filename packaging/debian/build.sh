#!/bin/bash
# build.sh TREE VERSION OUT: the Debian package of a tree that tree.sh has laid out.
set -euo pipefail

tree=$(realpath "$1")
version=$2
out=$(realpath "$3")
here=$(dirname "$(realpath "$0")")

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
mkdir -p "$root/DEBIAN" "$root/etc/chandlery"
cp -a "$tree" "$root/usr"
mv "$root"/usr/share/chandlery/etc/*.env "$root/etc/chandlery"
rmdir "$root/usr/share/chandlery/etc"
# Secrets may be put there.
chmod 600 "$root"/etc/chandlery/*.env
mv "$root/usr/share/zsh/site-functions" "$root/usr/share/zsh/vendor-completions"
mv "$root/usr/share/doc/chandlery/LICENSE" "$root/usr/share/doc/chandlery/copyright"

glibc=$(grep -ao 'GLIBC_2\.[0-9]*' "$root/usr/bin/chandlery" | sort -uV | tail -1)
sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$(dpkg --print-architecture)/; s/@GLIBC@/${glibc#GLIBC_}/" \
    -e "s/@SIZE@/$(du -sk --apparent-size "$root/usr" | cut -f1)/" "$here/control" >"$root/DEBIAN/control"
(cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
install -m 755 "$here/postinst" "$here/prerm" "$here/postrm" "$root/DEBIAN"
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zgzip --build "$root" "$out" >/dev/null
