#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what goldseal needs to be built, tested and tried, and builds it: Debian packages that are missing, a PyTorch if
# none is at hand, then CMake and Ninja. What is there already is left alone, and then no network is touched.
#
#   bash scripts/setup.sh [PRESET]        PRESET is dev, asan or release (the default)
#
# Scripts that need the result source this file and call `goldseal_set_up [PRESET [TARGET…]]`, which builds those targets
# alone where some are named, or `goldseal_set_up_tests [PRESET]`, which also brings what tests/requirements.txt names, in
# an environment of its own. Afterwards these are set:
#   GOLDSEAL_ROOT         the source tree
#   GOLDSEAL_BUILD        the build tree
#   GOLDSEAL_PYTHON       a Python interpreter with torch, numpy, pillow and safetensors
#   GOLDSEAL_TORCH_DIR    the LibTorch that a worker was built for (that interpreter's, unless the caller named one)
#   GOLDSEAL_TRAINING_PYTHON  for tests: GOLDSEAL_PYTHON's packages and those of tests/requirements.txt
#   GOLDSEAL_OTHER_TORCH  a LibTorch of another version (the distribution's, under /usr), or empty
# Set beforehand, GOLDSEAL_PYTHON and GOLDSEAL_TORCH_DIR are taken as they are, and GOLDSEAL_OTHER_TORCH= (empty) does without
# a second LibTorch.
set -euo pipefail

GOLDSEAL_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

k_torch_version=2.13.0
k_python_packages=("torch==$k_torch_version" numpy pillow safetensors)
k_venv_bytes=$((2 * 1024 * 1024 * 1024))
k_job_memory_kib=$((1536 * 1024))  # one compiler that reads PyTorch's headers takes 1 GB
k_libraries=(libtomlplusplus-dev libfmt-dev catch2 libcli11-dev nlohmann-json3-dev libssl-dev librapidcheck-dev libpng-dev
  libjpeg-dev zlib1g-dev)
k_second_torch=(libtorch-dev python3-torch)

say() { printf 'setup: %s\n' "$*" >&2; }

die() {
  printf 'setup: error: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '       %s\n' "$@" >&2
  exit 1
}

# version_at_least FOUND WANTED
version_at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

# run_logged NAME COMMAND...: output goes to a file; its end is shown when the command fails.
run_logged() {
  local log="$GOLDSEAL_ROOT/build/setup/$1.log"
  shift
  "$@" >"$log" 2>&1 </dev/null && return
  local status=$?
  tail -n 25 "$log" >&2
  say "failed (exit code $status): $*"
  say "the whole output is in $log"
  return "$status"
}

# --- Debian packages ---------------------------------------------------------------------------------------------------------

declare -A installed=()

list_installed() {
  local package status version
  installed=()
  command -v dpkg-query >/dev/null || return 0
  while read -r package status version; do
    [[ $status != installed ]] || installed[$package]=$version
  done < <(dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n')
}

# The minor version of Boost whose headers are installed, or that the package lists offer: the lowest from 1.81 on, which is
# the first with Boost.Process v2 (Debian 12 offers it beside its default 1.74).
boost_minor() {
  sed -n 's/^libboost1\.\([0-9]*\)-dev$/\1/p' | sort -n | awk '$1 >= 81 { print; exit }'
}

boost_packages() {
  local minor
  minor=$(printf '%s\n' "${!installed[@]}" | boost_minor)
  [[ -n $minor ]] || minor=$(apt-cache pkgnames libboost1. 2>/dev/null | boost_minor)
  printf 'libboost1.%s-dev\n' "${minor:-81}"
}

# Tools count wherever they come from; libraries are asked of the package manager.
missing_packages() {
  local package
  command -v git >/dev/null || echo git
  [[ -n ${CXX:-} ]] || command -v g++ >/dev/null || echo g++
  command -v ninja >/dev/null || echo ninja-build
  command -v make >/dev/null || echo make  # what `goldseal runtime build` and plain CMake projects call
  command -v strace >/dev/null || echo strace  # by which tests/faults lets calls of reading fail
  { command -v cmake >/dev/null && version_at_least "$(cmake --version | awk 'NR == 1 { print $3 }')" 3.25; } || echo cmake
  for package in $(boost_packages) "${k_libraries[@]}"; do
    [[ -n ${installed[$package]:-} ]] || echo "$package"
  done
  [[ -n $(find_python) ]] || python_for_venv >/dev/null || printf '%s\n' python3 python3-venv
}

# Packages of the second LibTorch that are missing and were not found wanting in this distribution before.
missing_second_torch() {
  local package
  [[ -z ${GOLDSEAL_OTHER_TORCH+set} && ! -e $GOLDSEAL_ROOT/build/setup/no-second-libtorch ]] || return 0
  for package in "${k_second_torch[@]}"; do
    [[ -n ${installed[$package]:-} ]] || echo "$package"
  done
}

# Removing what a person has installed is theirs to decide, but for the older Boost headers that 1.81 replaces.
refuse_removals() {
  local removed
  removed=$(apt-get -s install --no-install-recommends "$@" 2>/dev/null | awk '$1 == "Remv" { print $2 }') || true
  [[ -n $removed ]] || return 0
  if grep -qv '^libboost' <<<"$removed"; then
    die "installing $* would remove: $(tr '\n' ' ' <<<"$removed")" "If that is right: apt-get install $*"
  fi
  say "the newer Boost replaces: $(tr '\n' ' ' <<<"$removed")"
}

install_packages() {
  say "installing Debian packages that are missing: $*"
  say "$(LC_ALL=C apt-get install --assume-no --no-install-recommends "$@" 2>/dev/null | grep -E '^(Need to get|After this)' | tr '\n' ' ')"
  refuse_removals "$@"
  run_logged apt-install env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" || die "the packages could not be installed"
  list_installed
}

update_package_lists() {
  say "reading the package lists (apt-get update)"
  run_logged apt-update apt-get update -o DPkg::Lock::Timeout=300 || say "going on with the lists that are there"
}

ensure_packages() {
  local missing second
  list_installed
  mapfile -t missing < <(missing_packages)
  mapfile -t second < <(missing_second_torch)
  ((${#missing[@]} + ${#second[@]} > 0)) || return 0
  if ! command -v apt-get >/dev/null; then
    ((${#missing[@]} == 0)) || say "no apt-get here; if the build stops, install what these Debian packages hold: ${missing[*]}"
    return 0
  fi
  if ((EUID != 0)); then
    ((${#missing[@]} > 0)) || return 0
    die "Debian packages are missing, and installing them takes root. Run this, then the script again:" \
      "sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]} ${second[*]}"
  fi
  update_package_lists
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
  ((${#second[@]} == 0)) || install_second_torch "${second[@]}"
}

install_second_torch() {
  if ! apt-cache pkgnames libtorch-dev | grep -qx libtorch-dev; then
    say "this distribution has no libtorch-dev: tests and examples that need a second LibTorch are left out"
    touch "$GOLDSEAL_ROOT/build/setup/no-second-libtorch"
    return
  fi
  say "the distribution's LibTorch is the second one, for tests of \"another machine\""
  install_packages "$@"
}

# --- PyTorch -----------------------------------------------------------------------------------------------------------------

# torch_of PYTHON: "VERSION DIRECTORY" of a PyTorch with C++ headers, if the other packages are there too; imports nothing.
torch_of() {
  "$1" - 2>/dev/null <<'PYTHON'
import importlib.util, os, re
directory = importlib.util.find_spec("torch").submodule_search_locations[0]
assert all(importlib.util.find_spec(name) for name in ("numpy", "PIL", "safetensors"))
assert os.path.exists(os.path.join(directory, "include", "torch", "script.h")) or \
    os.path.exists(os.path.join(directory, "include", "torch", "csrc", "api", "include", "torch", "all.h"))
version = re.search(r"__version__ = '([^'+]*)", open(os.path.join(directory, "version.py")).read())
print(version.group(1), os.path.realpath(directory))
PYTHON
}

# The interpreter to use: the one that was named, the private one, or any python3 with the reference version of PyTorch.
find_python() {
  local python found
  [[ -z ${GOLDSEAL_PYTHON:-} ]] || { echo "$GOLDSEAL_PYTHON" && return; }
  for python in "$GOLDSEAL_ROOT/.venv/bin/python" "$(command -v python3 || true)"; do
    if [[ -x $python ]] && found=$(torch_of "$python") && [[ ${found%% *} == "$k_torch_version" ]]; then
      echo "$python" && return
    fi
  done
}

# An interpreter that can make a virtual environment.
python_for_venv() {
  local python
  for python in "$(command -v python3 || true)" /usr/bin/python3; do
    if [[ -x $python ]] && "$python" -c 'import venv, ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      echo "$python" && return
    fi
  done
  return 1
}

make_venv() {
  local python venv="$GOLDSEAL_ROOT/.venv" free_kib
  python=$(python_for_venv) || die "no Python from 3.10 on that can make a virtual environment" \
    "Install python3-venv, or set GOLDSEAL_PYTHON to an interpreter with torch, numpy, pillow and safetensors."
  free_kib=$(df -Pk "$GOLDSEAL_ROOT" | awk 'NR == 2 { print $4 }')
  ((free_kib > k_venv_bytes / 1024)) || die "PyTorch takes 1 GiB in $venv, and only $((free_kib / 1024)) MiB are free there" \
    "Free some space, or set GOLDSEAL_PYTHON to an interpreter that has torch."
  say "installing ${k_python_packages[*]} into the private environment .venv (a few minutes)"
  say "download: 200 MB for PyTorch's CPU build, about 3 GB where pip's index serves the CUDA build; to avoid that, set"
  say "PIP_EXTRA_INDEX_URL to PyTorch's own index of CPU builds, or GOLDSEAL_PYTHON to an interpreter that has torch"
  run_logged venv "$python" -m venv "$venv" || die "the virtual environment could not be made"
  run_logged pip "$venv/bin/python" -m pip install --no-input --disable-pip-version-check "${k_python_packages[@]}" ||
    die "pip could not install PyTorch" "Set GOLDSEAL_PYTHON to an interpreter with torch, numpy, pillow and safetensors."
}

# An import that works is remembered: it takes seconds.
check_import() {
  local stamp="$GOLDSEAL_ROOT/build/setup/torch-import"
  [[ ! -e $stamp || $(<"$stamp") != "$1 $2" ]] || return 0
  run_logged torch-import "$1" -c 'import torch, numpy, PIL, safetensors.torch' ||
    die "$1 has torch, but importing it, numpy, pillow or safetensors fails"
  printf '%s' "$1 $2" >"$stamp"
}

ensure_torch() {
  local python found
  python=$(find_python)
  if [[ -z $python ]]; then
    make_venv
    python="$GOLDSEAL_ROOT/.venv/bin/python"
  fi
  found=$(torch_of "$python") || die "$python lacks torch with its C++ headers, numpy, pillow or safetensors" \
    "Install them there, or unset GOLDSEAL_PYTHON so that a private environment is made."
  check_import "$python" "$found"
  GOLDSEAL_PYTHON=$python
  GOLDSEAL_TORCH_DIR=${GOLDSEAL_TORCH_DIR:-${found#* }}
  if [[ -z ${GOLDSEAL_OTHER_TORCH+set} ]]; then
    GOLDSEAL_OTHER_TORCH=
    [[ ! -e /usr/include/torch/csrc/api/include/torch/version.h ]] || GOLDSEAL_OTHER_TORCH=/usr
  fi
  export GOLDSEAL_PYTHON GOLDSEAL_TORCH_DIR GOLDSEAL_OTHER_TORCH
}

# --- what tests use beside that ------------------------------------------------------------------------------------------------

# Chromium opens the reports' pages. Ubuntu's package of that name holds none.
ensure_test_programs() {
  ! command -v chromium >/dev/null && command -v apt-get >/dev/null && ((EUID == 0)) || return 0
  grep -q '^ID=debian' /etc/os-release || return 0
  update_package_lists
  (install_packages chromium) || say "warning: going on without Chromium: the test that opens reports in it is skipped"
}

# Each line of tests/requirements.txt by itself, so that a package that cannot be had costs the tests that need it alone.
install_test_packages_singly() {
  local package missing=()
  while read -r package; do
    run_logged pip-tests-one "$@" "$package" || missing+=("$package")
  done < <(sed -e 's/ *#.*//' -e '/^$/d' "$GOLDSEAL_ROOT/tests/requirements.txt")
  ((${#missing[@]} > 0)) || return 0
  say "warning: these packages of tests/requirements.txt could not be installed: ${missing[*]}"
  say "warning: the tests that need them are skipped, and named at the end where CI=true; the next run tries again"
  return 1
}

# The interpreter's own packages stay as they are: the others lie in an environment that sees it. What cannot be installed is
# told, and the tests that need it are skipped.
ensure_test_packages() {
  local venv="$GOLDSEAL_ROOT/.venv-tests" constraint="$GOLDSEAL_ROOT/build/setup/torch-constraint.txt" wanted packages pip
  wanted="$GOLDSEAL_PYTHON $(cksum <"$GOLDSEAL_ROOT/tests/requirements.txt")"
  GOLDSEAL_TRAINING_PYTHON="$venv/bin/python"
  [[ ! -e $venv/ready || $(<"$venv/ready") != "$wanted" ]] || return 0
  say "installing tests/requirements.txt into the private environment .venv-tests"
  if ! run_logged venv-tests "$GOLDSEAL_PYTHON" -m venv --clear "$venv"; then
    say "warning: the virtual environment could not be made; tests that need tests/requirements.txt are skipped"
    GOLDSEAL_TRAINING_PYTHON=$GOLDSEAL_PYTHON
    return 0
  fi
  packages=$("$GOLDSEAL_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  printf '%s\n' "$packages" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/goldseal_python.pth"
  # No package brings another PyTorch along: the one that is there stays.
  "$GOLDSEAL_PYTHON" -c 'import re, torch; print("torch==" + re.split("[+]", torch.__version__)[0])' >"$constraint"
  pip=("$venv/bin/python" -m pip install --no-input --disable-pip-version-check -c "$constraint")
  if ! run_logged pip-tests "${pip[@]}" -r "$GOLDSEAL_ROOT/tests/requirements.txt"; then
    say "going on with one package at a time"
    install_test_packages_singly "${pip[@]}" || return 0
  fi
  printf '%s' "$wanted" >"$venv/ready"
}

# --- goldseal ----------------------------------------------------------------------------------------------------------------

build_jobs() {
  local memory_kib cores jobs
  memory_kib=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
  cores=$(nproc)
  jobs=$((memory_kib / k_job_memory_kib))
  echo $((jobs < 1 ? 1 : jobs < cores ? jobs : cores))
}

# Files of a library are compiled some at a time, in a third of the time, unless a compiler cache is to know each.
build() {
  local preset=$1 torch_dirs arguments stamp together=ON targets=("${@:2}")
  [[ -z ${CMAKE_CXX_COMPILER_LAUNCHER:-} ]] || together=OFF
  GOLDSEAL_BUILD="$GOLDSEAL_ROOT/build/$preset"
  torch_dirs="$GOLDSEAL_TORCH_DIR${GOLDSEAL_OTHER_TORCH:+;$GOLDSEAL_OTHER_TORCH}"
  arguments=(--preset "$preset" "-DGOLDSEAL_TORCH_DIRS=$torch_dirs" "-DGOLDSEAL_PYTHON=$GOLDSEAL_PYTHON"
    "-DCMAKE_UNITY_BUILD=$together"
    ${GOLDSEAL_TRAINING_PYTHON:+"-DGOLDSEAL_TRAINING_PYTHON=$GOLDSEAL_TRAINING_PYTHON"})
  stamp="$GOLDSEAL_ROOT/build/setup/configured-$preset"
  cd -- "$GOLDSEAL_ROOT"
  if [[ ! -e $GOLDSEAL_BUILD/build.ninja || ! -e $stamp || $(<"$stamp") != "${arguments[*]}" ]]; then
    say "configuring build/$preset with PyTorch in ${torch_dirs//;/ and }"
    run_logged "cmake-$preset" cmake "${arguments[@]}" || die "CMake could not configure the build"
    printf '%s' "${arguments[*]}" >"$stamp"
  fi
  say "building build/$preset"
  cmake --build "$GOLDSEAL_BUILD" --parallel "$(build_jobs)" ${targets[@]:+--target "${targets[@]}"} >&2
  export GOLDSEAL_ROOT GOLDSEAL_BUILD
}

# Whatever the commands that it is given do, one at a time in this tree.
alone() {
  local lock step
  mkdir -p -- "$GOLDSEAL_ROOT/build/setup"
  exec {lock}>"$GOLDSEAL_ROOT/build/setup/lock"
  flock -n "$lock" || { say "waiting for another set-up of this tree" && flock "$lock"; }
  for step in "$@"; do $step; done
  exec {lock}>&-
}

goldseal_set_up() { alone ensure_packages ensure_torch "build ${*:-release}"; }

goldseal_set_up_tests() {
  alone ensure_packages ensure_test_programs ensure_torch ensure_test_packages "build ${1:-release}"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  goldseal_set_up "$@"
  say "done: $GOLDSEAL_BUILD/goldseal"
fi
