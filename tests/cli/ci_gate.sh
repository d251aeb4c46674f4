#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every file of examples/ci_gate runs the gate as it says, and the gate passes, fails and fails closed.
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mkdir bin
ln -s "$GOLDSEAL" bin/goldseal
export PATH="$work/bin:$PATH"

fresh() {
  cd "$work"
  rm -rf repository
  cp -r "$source/examples/ci_gate" repository
  cd repository
}

for file in github-workflow.yml gitlab-ci.yml pre-commit-config.yaml; do
  fresh
  command=$(sed -n 's/^ *\(- \|run: \|entry: \)\(sh gate\.sh .*\)$/\2/p' "$file")
  [[ $command == "sh gate.sh models targets gate-reports" ]] || fail "$file does not run the gate: $command"
  expect 0 sh -c "$command"
  says '2 of 2 targets conform'
  [[ -s gate-reports/detector.xml ]] || fail "$file: no JUnit report"
  grep -q '2 targets' gate-reports/detector.md || fail "$file: the report does not speak of both machines"
done

fresh
GATE_POLICY=policy.toml expect 0 sh gate.sh

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
expect 1 sh gate.sh
says "GLIBC_2.28' not found"
says '2 of 3 targets conform'
says 'next: goldseal explain env.host.libraries'

fresh
rm targets/*.toml
expect 3 sh gate.sh
fresh
rm -r models/*.seal
expect 3 sh gate.sh
fresh
sed -i 's/0\.batch_norm_0/0.batch_norm_1/' models/detector.seal/manifest.toml
expect 4 sh gate.sh
fresh
echo 'not an environment' > targets/broken.toml
expect 2 sh gate.sh
