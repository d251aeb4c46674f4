#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every file of examples/ci_gate runs the gate as it says, and the gate passes, fails and fails closed.
#   ci_gate_test.sh GOLDSEAL SOURCE-DIRECTORY
set -eu
goldseal=$1
source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$goldseal" "$work/bin/goldseal"
PATH="$work/bin:$PATH"
export PATH

fail() {
  echo "FAILED: $1" >&2
  exit 1
}
fresh() {
  rm -rf "$work/repository"
  cp -r "$source/examples/ci_gate" "$work/repository"
  cd "$work/repository"
}
# expect CODE WHAT COMMAND…
expect() {
  wanted=$1
  what=$2
  shift 2
  code=0
  "$@" > output.txt 2>&1 || code=$?
  [ "$code" -eq "$wanted" ] || { cat output.txt; fail "$what: expected exit code $wanted, found $code"; }
}

for file in github-workflow.yml gitlab-ci.yml pre-commit-config.yaml; do
  fresh
  command=$(sed -n 's/^ *\(- \|run: \|entry: \)\(sh gate\.sh .*\)$/\2/p' "$file")
  [ "$command" = "sh gate.sh models targets gate-reports" ] || fail "$file does not run the gate: $command"
  expect 0 "the command of $file" sh -c "$command"
  [ -s gate-reports/detector.xml ] || fail "$file: no JUnit report"
  grep -q '2 targets' gate-reports/detector.md || fail "$file: the report does not speak of both machines"
done

fresh
GATE_POLICY=policy.toml
export GATE_POLICY
expect 0 "a policy of one's own" sh gate.sh
unset GATE_POLICY

# A machine that was written down by hand, with a C library that PyTorch cannot use.
fresh
cat > targets/old-image.toml <<'TOML'
[environment.host]
os = "CentOS Linux 7 (Core)"
glibc = "2.17"
glibcxx = "3.4.19"
[environment.cpu]
architecture = "x86_64"
TOML
expect 1 "a machine that cannot load PyTorch" sh gate.sh
grep -q "GLIBC_2.28' not found" output.txt || { cat output.txt; fail "the report does not name the cause"; }
grep -q '2 of 3 targets conform' output.txt || { cat output.txt; fail "no verdict for all targets"; }

fresh
rm targets/*.toml
expect 3 "no machine to judge" sh gate.sh
fresh
rm -r models/*.seal
expect 3 "no seal to judge" sh gate.sh
fresh
sed -i 's/0\.batch_norm_0/0.batch_norm_1/' models/detector.seal/manifest.toml
expect 4 "a seal that was edited" sh gate.sh
fresh
echo 'not an environment' > targets/broken.toml
code=0
sh gate.sh > output.txt 2>&1 || code=$?
[ "$code" -ne 0 ] || fail "a target that cannot be read passes"
echo "the gate works as each file says"
