#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The tarball and the Debian package of what BUILD-DIR built: the same bytes each time, checksums that hold, a command that starts from wherever it
# is unpacked and from dpkg's own installation, with the worker's sources; without a compiler `runtime build` says what it needs. Exit code 125,
# which counts as skipped, where a tool that packs or unpacks is missing.
#   packages.sh SOURCE-DIR BUILD-DIR [TORCH-DIR]
set -euo pipefail

source=$1 build=$2 torch=${3:-}
for tool in cpack dpkg dpkg-deb gzip sha256sum; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool" && exit 125; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  printf 'not proved: %s\n' "$*" >&2
  exit 1
}

export SOURCE_DATE_EPOCH=1700000000
processor=$(uname -m)
cmake --install "$build" --prefix "$work/tree" --component command --strip >"$work/log" 2>&1 || fail "cmake --install: $(tail -n 5 "$work/log")"
for place in first second; do
  bash "$source/scripts/packages.sh" "$work/tree" "$processor" 2.28 "$work/$place" || fail "not packed"
  touch "$work/tree/bin/goldseal"  # another time of the file is no other content
done
(cd "$work/first" && sha256sum --check --quiet ./*.sha256) || fail "a checksum does not hold"
for file in "$work"/first/*; do cmp "$file" "$work/second/${file##*/}" || fail "the same tree packed twice gives other bytes"; done

# unpacked COMMAND: it starts with nothing around it, and its parts are found.
proves() {
  local command=$1 told
  env -i "$command" --version | grep -q '^goldseal ' || fail "$command does not start"
  env -i PATH=/nowhere HOME="$work" "$command" explain golden.float64 >/dev/null || fail "$command does not explain"
  [[ -z $torch ]] && return
  told=$(env -i PATH=/nowhere HOME="$work" "$command" runtime build --torch "$torch" 2>&1) && fail "a worker was built without a compiler"
  [[ $told == *cmake* && $told == *"C++20 compiler"* && $told != *"sources are not beside"* ]] || fail "what is needed is not said: $told"
}

mkdir "$work/unpacked" "$work/root"
tar -C "$work/unpacked" -xzf "$(echo "$work"/first/*.tar.gz)"
proves "$(echo "$work"/unpacked/goldseal-*/bin/goldseal)"
[[ $(find "$work/unpacked" -mindepth 1 -maxdepth 1 | wc -l) == 1 ]] || fail "the tarball has more than one top directory"

package=$(echo "$work"/first/*.deb)
dpkg-deb --field "$package" Depends | grep -qx 'libc6 (>= 2.28)' || fail "the package depends on more than glibc"
installing=(dpkg "--root=$work/root" --force-not-root --force-depends --force-script-chrootless)
mkdir -p "$work/root/var/lib/dpkg"/{info,updates} && touch "$work/root/var/lib/dpkg"/{status,available}
"${installing[@]}" --install "$package" >"$work/log" 2>&1 || fail "dpkg: $(tail -n 5 "$work/log")"
proves "$work/root/usr/bin/goldseal"
"${installing[@]}" --remove goldseal >"$work/log" 2>&1 || fail "dpkg --remove: $(tail -n 5 "$work/log")"
[[ ! -e $work/root/usr/bin/goldseal && ! -e $work/root/usr/share/goldseal ]] || fail "files are left behind"
