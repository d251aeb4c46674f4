#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes what is shipped, from a checkout on Debian 12: for each processor a wheel for any Linux with glibc 2.28, a tarball
# and a Debian package, with their checksums. Two runs on one commit give the same bytes.
#
#   bash scripts/wheels.sh [--out DIR] [--test] [x86_64|aarch64]...      both, into dist/; needs what scripts/setup.sh brings
#
# With --test, the command that was packed is put to those of its own tests that need no PyTorch.
# For this machine's processor the build is an ordinary one, whose objects zig (from PyPI) links for glibc 2.28
# (cmake/manylinux/link.sh). For the other one zig compiles too, against Debian's packages of that processor, unpacked
# beside the build so that nothing is installed, and qemu-user runs the command (it writes its own manual).
# CMAKE_CXX_COMPILER_LAUNCHER=ccache is heeded, and CMAKE_BUILD_PARALLEL_LEVEL.
set -euo pipefail

k_zig=ziglang==0.15.2
k_glibc=2.28
k_tools=("$k_zig" scikit-build-core==1.1.2 wheel==0.48.0)
k_packages=(libboost1.81-dev libtomlplusplus-dev libfmt-dev libfmt9 libcli11-dev nlohmann-json3-dev libssl-dev libpng-dev
  libjpeg62-turbo-dev zlib1g-dev)

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
work=$root/build/wheels
out=$root/dist

say() { printf 'wheels: %s\n' "$*" >&2; }

die() {
  printf 'wheels: error: %s\n' "$*" >&2
  exit 1
}

# logged NAME COMMAND...: its output goes to a file, whose end is shown when it fails.
logged() {
  local log=$work/$1.log
  shift
  "$@" >"$log" 2>&1 </dev/null || { tail -n 25 "$log" >&2 && die "$1 failed; the whole output is in $log"; }
}

ensure_tools() {
  python=$work/venv/bin/python
  [[ $(cat "$work/tools" 2>/dev/null) == "${k_tools[*]}" ]] && return
  say "bringing ${k_tools[*]} into build/wheels/venv"
  logged venv python3 -m venv "$work/venv"
  logged pip "$python" -m pip install --no-input --disable-pip-version-check "${k_tools[@]}"
  printf '%s' "${k_tools[*]}" >"$work/tools"
}

debian_name() { case $1 in x86_64) echo amd64 ;; aarch64) echo arm64 ;; esac; }

# apt-get with lists of its own for another processor, which knows of no installed package.
foreign_apt() {
  local processor=$1
  shift
  apt-get -qq -o "APT::Architecture=$(debian_name "$processor")" -o "APT::Architectures=$(debian_name "$processor")" \
    -o "Dir::State::Lists=$work/$processor/lists" -o "Dir::Cache=$work/$processor/cache" -o Dir::State::status=/dev/null \
    -o "APT::Sandbox::User=$(id -un)" "$@"
}

# The tree of Debian's libraries: static C libraries, and headers for those of C++, which have another ABI.
ensure_sysroot() {
  local processor=$1 packages=("${k_packages[@]}" libc6 libgcc-s1) deb  # the last two: what qemu runs the command with
  [[ $(cat "$work/$processor/packages" 2>/dev/null) == "${packages[*]}" ]] && return
  say "unpacking Debian's libraries for $processor"
  rm -rf -- "$work/$processor/debs" "$work/$processor/root"
  mkdir -p -- "$work/$processor"/{lists/partial,cache/archives/partial,debs,root}
  logged "$processor-lists" foreign_apt "$processor" update
  (cd -- "$work/$processor/debs" && logged "$processor-debs" foreign_apt "$processor" download "${packages[@]}")
  for deb in "$work/$processor/debs"/*.deb; do dpkg -x "$deb" "$work/$processor/root"; done
  rm -rf -- "$work/$processor/lists" "$work/$processor/cache"
  printf '%s' "${packages[*]}" >"$work/$processor/packages"
}

# put FILE: a program of standard input's text. One that is as it was stays untouched, since a newer compiler makes all anew.
put() {
  cat >"$1.new"
  chmod +x "$1.new"
  if cmp -s "$1.new" "$1"; then rm -- "$1.new"; else mv -- "$1.new" "$1"; fi
}

# CMake and ccache know zig by names of its own: c++, ar, ranlib. What most files include is read once, from
# headers.pch, where that is there and a library's file is compiled, which halves the time.
write_compiler() {
  local directory=$1 compile tool
  compile="exec \"$zig\" c++ -target $2-linux-gnu.$k_glibc"
  mkdir -p -- "$directory"
  put "$directory/c++" <<END
#!/bin/sh
case " \$* " in
  *" -fPIC "*" -c "*.cpp" "*) [ ! -e "$directory/headers.pch" ] || $compile -include-pch "$directory/headers.pch" "\$@" ;;
esac
$compile "\$@"
END
  for tool in ar ranlib; do printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$zig" "$tool" | put "$directory/$tool"; done
}

# The headers that most files include, compiled with the flags of a file that includes none of its library's own.
precompile_headers() {
  local directory=$1 tree=$2 flags
  rm -f -- "$directory/headers.pch"
  flags=$("$python" - "$tree/compile_commands.json" <<'PYTHON'
import json, shlex, sys
entry = next(entry for entry in json.load(open(sys.argv[1])) if entry["file"].endswith("/base/running/parallel.cpp"))
words = shlex.split(entry["command"])
print(shlex.join(words[next(i for i, word in enumerate(words) if word.endswith("/c++")):words.index("-o")]))
PYTHON
  )
  printf '#include <%s>\n' algorithm array chrono cmath cstdint filesystem functional map memory optional regex set span \
    sstream string string_view unordered_map variant vector fmt/format.h fmt/ranges.h nlohmann/json.hpp >"$directory/headers.hpp"
  eval "logged headers $flags -isystem $(printf '%q' "${tree%/build}/root/usr/include") -Xclang -fno-pch-timestamp -x c++-header -o $(printf '%q' "$directory/headers.pch") $(printf '%q' "$directory/headers.hpp")"
}

build() {
  local processor=$1 tree=$work/$1/build options=(-DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DGOLDSEAL_TORCH_DIRS=)
  local targets=(goldseal goldseal_documents)
  say "building for $processor (a quarter of an hour of one processor's time)"
  if [[ $processor == "$(uname -m)" ]]; then
    targets+=(goldseal_glibc_2_28)
  else
    ensure_sysroot "$processor"
    write_compiler "$work/$processor/bin" "$processor"
    export CCACHE_COMPILERTYPE=clang
    options+=(--toolchain "$root/cmake/manylinux/toolchain.cmake" "-DGOLDSEAL_PROCESSOR=$processor"
      "-DGOLDSEAL_SYSROOT=$work/$processor/root" "-DGOLDSEAL_ZIG_DIR=$work/$processor/bin")
  fi
  logged "$processor-cmake" cmake -S "$root" -B "$tree" -G Ninja "${options[@]}"
  [[ $processor == "$(uname -m)" ]] || precompile_headers "$work/$processor/bin" "$tree"
  logged "$processor-build" cmake --build "$tree" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" --target "${targets[@]}"
  rm -rf -- "$work/$processor/stage"
  logged "$processor-install" cmake --install "$tree" --prefix "$work/$processor/stage" --component command
  [[ $processor != "$(uname -m)" ]] || cp -- "$tree/glibc-$k_glibc/goldseal" "$work/$processor/stage/bin/goldseal"
}

pack() {
  local processor=$1 stage=$work/$1/stage
  bash "$root/tests/install/glibc_symbols.sh" "$stage/bin/goldseal" "$k_glibc"
  PATH=$work/venv/bin:$PATH logged "$processor-wheel" "$python" -B "$root/scripts/pack_wheel.py" "$root" "$stage" \
    "manylinux_${k_glibc/./_}_$processor" "$out"
  bash "$root/scripts/packages.sh" "$stage" "$processor" "$k_glibc" "$out"
  (cd -- "$out" && for file in "goldseal-$version"-*"$processor.whl"; do sha256sum "$file" >"$file.sha256"; done)
}

# The command of another processor is run by qemu.
test_command() {
  local processor=$1 command=$work/$1/stage/bin/goldseal script status tested=0
  if [[ $processor != "$(uname -m)" ]]; then
    command=$work/$processor/bin/goldseal
    printf '#!/bin/sh\nexec qemu-%s -L "%s" "%s" "$@"\n' "$processor" "$work/$processor/root" "$work/$processor/stage/bin/goldseal" |
      put "$command"
  fi
  for script in "$root"/tests/cli/*.sh; do
    [[ $script != */lib.sh ]] || continue
    status=0
    GOLDSEAL=$command PYTHON='' TORCH_DIR='' OTHER_TORCH_DIR='' bash "$script" >"$work/test.log" 2>&1 </dev/null || status=$?
    case $status in
      0) tested=$((tested + 1)) ;;
      125) ;;  # it needs PyTorch
      *) tail -n 25 "$work/test.log" >&2 && die "the command for $processor does not pass ${script##*/}" ;;
    esac
  done
  ((tested > 0)) || die "no test was run"
  say "the command for $processor passes $tested of its tests"
}

processors=()
tests=false
while (($# > 0)); do
  case $1 in
    --test) tests=true && shift ;;
    --out) out=$(realpath -m -- "${2:?--out takes a directory}") && shift 2 ;;
    x86_64 | aarch64) processors+=("$1") && shift ;;
    *) die "expected --out DIR, --test, x86_64 or aarch64, found $1" ;;
  esac
done
((${#processors[@]} > 0)) || processors=(x86_64 aarch64)
for processor in "${processors[@]}"; do
  [[ $processor == "$(uname -m)" ]] || command -v "qemu-$processor" >/dev/null || die "qemu-$processor is missing: apt-get install qemu-user"
done
version=$(sed -n 's/^project(goldseal VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
mkdir -p -- "$work" "$out"
ensure_tools
zig=$("$python" -c 'import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), "zig"))')
export ZIG=$zig ZIG_GLOBAL_CACHE_DIR=$work/zig-cache ZIG_LOCAL_CACHE_DIR=$work/zig-cache
unset CCACHE_BASEDIR  # with it ccache rewrites the paths that messages name, and the bytes depend on the cache
for processor in "${processors[@]}"; do
  mkdir -p -- "$work/$processor"
  build "$processor"
  pack "$processor"
  if $tests; then test_command "$processor"; fi
done
say "done: $(cd -- "$out" && echo goldseal*)"
