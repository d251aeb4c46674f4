#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A wheel in a fresh environment gives the whole tool: the command starts without Python and finds its worker, the package seals and verifies, and
# what `goldseal runtime build` compiles is there. The wheel is WHEEL, or one made of what BUILD-DIR built, as scripts/wheels.sh packs it.
# PYTHON has what tests/requirements.txt names.
#   wheel.sh SOURCE-DIR BUILD-DIR [WHEEL]
set -euo pipefail

source=$1 build=$2 wheel=${3:-}
"$PYTHON" -c 'import scikit_build_core, torch, pip, wheel, ziglang' 2>/dev/null || {
  echo "skipped: no scikit-build-core, pip, wheel, ziglang and torch in ${PYTHON:-no Python}"
  exit 125
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  printf 'not proved: %s\n' "$*" >&2
  exit 1
}

unset PYTHONPATH GOLDSEAL_COMMAND GOLDSEAL_TORCH_DIR  # with which a LibTorch would be at hand
if [[ -z $wheel ]]; then
  cmake --install "$build" --prefix "$work/stage" --component command --strip >"$work/log" 2>&1 || fail "cmake --install: $(tail -n 5 "$work/log")"
  # The objects of this build, linked for glibc 2.28. What the check of its symbols is worth shows in the ordinary command.
  ZIG=$("$PYTHON" -c 'import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), "zig"))')
  export ZIG ZIG_GLOBAL_CACHE_DIR=$build/zig-cache ZIG_LOCAL_CACHE_DIR=$build/zig-cache
  cmake --build "$build" --target goldseal_glibc_2_28 >"$work/log" 2>&1 || fail "goldseal_glibc_2_28: $(tail -n 20 "$work/log")"
  cp "$build/glibc-2.28/goldseal" "$work/stage/bin/goldseal"
  bash "$source/tests/install/glibc_symbols.sh" "$work/stage/bin/goldseal" 2.28
  bash "$source/tests/install/glibc_symbols.sh" "$work/stage/bin/goldseal" 2.27 2>/dev/null &&
    fail "a symbol above the version that is allowed is not seen"
  for place in first second; do
    "$PYTHON" -B "$source/scripts/pack_wheel.py" "$source" "$work/stage" "manylinux_2_28_$(uname -m)" "$work/$place" >"$work/log" 2>&1 ||
      fail "the wheel was not packed: $(tail -n 20 "$work/log")"
  done
  wheel=$(echo "$work"/first/goldseal-*-py3-none-manylinux_2_28_*.whl)
  cmp "$wheel" "$work/second/${wheel##*/}" || fail "the same tree packed twice gives other bytes"
fi
[[ -f $wheel ]] || fail "no py3-none wheel: $(ls "$work/first")"
# What installers go by, in the words of the tool that the index uses.
if "$PYTHON" -c 'import auditwheel' 2>/dev/null; then
  tag=$(sed 's/.*-none-\(.*\)\.whl/\1/' <<<"$wheel")
  "$PYTHON" -m auditwheel show "$wheel" | tr '\n' ' ' | grep -q "consistent with the following platform tag: \"$tag\"" ||
    fail "auditwheel says another tag: $("$PYTHON" -m auditwheel show "$wheel")"
fi

"$PYTHON" -m venv "$work/venv"
packages=$("$PYTHON" -c 'import os, torch; print(os.path.dirname(os.path.dirname(torch.__file__)))')
"$work/venv/bin/python" -m pip install --no-deps --no-index --disable-pip-version-check -q "$wheel"
env -i "$work/venv/bin/goldseal" --version | grep -q '^goldseal ' || fail "the command does not start"
[[ $(head -c 4 "$work/venv/bin/goldseal") == $'\177ELF' ]] || fail "the command is a script and not the program"
for file in man/man1/goldseal-verify.1 bash-completion/completions/goldseal zsh/site-functions/_goldseal \
  fish/vendor_completions.d/goldseal.fish goldseal/worker_libtorch/CMakeLists.txt goldseal/darknet/darknet_cfg.cpp \
  goldseal/python/goldseal/worker/__main__.py goldseal/python/goldseal/worker/networks/export_builder.py goldseal/policies/deploy.toml; do
  [[ -f $work/venv/share/$file ]] || fail "the wheel lacks share/$file"
done
version=$(sed -n 's/^project(goldseal VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")
[[ $("$work/venv/bin/goldseal" --version) == "goldseal $version" ]] || fail "the command is of another version than $version"
# The sources that lie beside the command are found: what is missing is the LibTorch.
told=$("$work/venv/bin/goldseal" runtime build --torch "$work/nowhere" 2>&1) && fail "a worker is built of nothing"
[[ $told == *nowhere* ]] || fail "$told"

printf '%s\n' "$packages" >"$(echo "$work"/venv/lib/python3*/site-packages)/torch.pth"
cd "$work"
cp "$source/tests/python/networks.py" .
cat >seal.py <<'PY'
import goldseal, networks, torch
model = networks.Net()
goldseal.save(model.state_dict(), "net.pth", model=model, inputs=torch.rand(1, 3, 8, 8), on_error="raise")
report = goldseal.verify("net.seal", trust_code=True)
print(report)
raise SystemExit(report.exit_code)
PY
venv/bin/python seal.py || fail "the installed package does not seal and verify"
"$work/venv/bin/goldseal" verify net.seal -q --trust-code --runtime "python=$work/venv/bin/python" || fail "the installed command does not verify"

# No LibTorch is here: a program that the seal encloses as TorchScript is run by the Python worker, without --trust-code, and that is said.
cat >script.py <<'PY'
import networks, torch
model = networks.Net().eval()
torch.save(model.state_dict(), "script.pth")
torch.jit.trace(model, torch.rand(1, 3, 16, 16), strict=False).save("script.pt")
PY
venv/bin/python script.py
export PATH=$work/venv/bin:$PATH XDG_CACHE_HOME=$work/cache
goldseal capture script.pth --model torchscript:script.pt --runtime python --input random:1x3x16x16,seed=1 --embed -o script.seal -q || fail "TorchScript is not sealed"
rm script.pt
said=$(goldseal verify script.seal -v) || fail "the enclosed program was not run: $said"
[[ $said == *python* && $said == *"embedded in the seal"* ]] || fail "what was run is not said: $said"

# The steps that install the wheel in CI.
WHEEL=$wheel "$PYTHON" -B "$source/tests/install/ci_engines.py" /bin/false "$source" \
  GitHubTest.test_damage_keeps_its_exit_code GitLabTest.test_exit_codes_are_kept >"$work/log" 2>&1 || fail "$(tail -n 20 "$work/log")"
