#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Packs an installed tree (bin/, share/) as a tarball and as a Debian package, each with its checksum beside it. The same tree
# gives the same bytes: times are SOURCE_DATE_EPOCH's, which has to be set. scripts/wheels.sh calls this for what it builds.
#
#   bash scripts/packages.sh TREE PROCESSOR GLIBC OUT      PROCESSOR is x86_64 or aarch64, GLIBC the least version that it runs on
set -euo pipefail

tree=$(realpath -- "$1") processor=$2 glibc=$3
mkdir -p -- "$4"
out=$(realpath -- "$4")
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
version=$(sed -n 's/^project(goldseal VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
case $processor in
  x86_64) debian=amd64 ;;
  aarch64) debian=arm64 ;;
  *) printf 'packages: error: expected x86_64 or aarch64, found %s\n' "$processor" >&2 && exit 2 ;;
esac
: "${SOURCE_DATE_EPOCH:?says when the commit was made}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One top directory, which says what it is; to be unpacked anywhere, or over /usr/local.
pack_tarball() {
  local name=goldseal-$version-linux-$processor
  tar -C "$(dirname -- "$tree")" --sort=name "--mtime=@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=go-w \
    --transform "s,^$(basename -- "$tree"),$name," -cf - "$(basename -- "$tree")" | gzip -n9 >"$out/$name.tar.gz"
  add_checksum "$name.tar.gz"
}

# By CPack. The command needs glibc alone; what it suggests is what `goldseal runtime build` needs.
pack_deb() {
  cat >"$work/package.cmake" <<END
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME goldseal)
set(CPACK_PACKAGE_FILE_NAME goldseal)
set(CPACK_PACKAGE_VERSION $version)
set(CPACK_PACKAGE_VENDOR goldseal)
set(CPACK_PACKAGE_CONTACT "The goldseal authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Proves that a PyTorch model gives the same answers on another machine")
set(CPACK_PACKAGE_DESCRIPTION "Seals a checkpoint when it is saved and verifies it elsewhere: its files, the machine, and the model run on golden inputs.")
set(CPACK_SYSTEM_NAME Linux)
set(CPACK_TOPLEVEL_TAG Linux)
set(CPACK_INSTALLED_DIRECTORIES "$tree;usr")
set(CPACK_PACKAGE_DIRECTORY "$work/package")
set(CPACK_PACKAGING_INSTALL_PREFIX "/")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE $debian)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libc6 (>= $glibc)")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libtorch-dev, g++, cmake, make, nlohmann-json3-dev")
END
  (cd -- "$work" && cpack --config package.cmake) >"$work/log" 2>&1 </dev/null || { tail -n 20 "$work/log" >&2 && exit 1; }
  cp -- "$work/package/goldseal_${version}_$debian.deb" "$out/"
  add_checksum "goldseal_${version}_$debian.deb"
}

# As `sha256sum --check` reads it, in the directory of the file.
add_checksum() { (cd -- "$out" && sha256sum "$1" >"$1.sha256"); }

pack_tarball
pack_deb
