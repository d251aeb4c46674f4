#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A gate for machines that serve on their GPUs, of a model that was sealed on the CPU (newcomer row 9, bug 8): with --device, in a
# policy, in a target's file; and a severity that the user's policy sets counts always.
source "$(dirname "$0")/lib.sh"
example=$(cd "$(dirname "$(realpath "$0")")/../.." && pwd)/examples/ci_gate
cp -r "$example"/. .
check() { "$GOLDSEAL" check models/detector.seal "$@"; }

cat >old-driver.toml <<'TOML'
[environment.driver]
libcuda = "ok"
cuda_version = "11.4"
version = "470.57.02"
cuda_device_count = 1
[[environment.cuda_device]]
name = "Tesla T4"
compute_capability = "7.5"
[environment.torch]
version = "2.13.0"
cuda_build = "13.0"
variant = "cu130"
cuda = true
TOML
sed 's/cuda_version = .*/cuda_version = "13.0"/; s/^version = "470.*/version = "580.65.06"/; s/7\.5/6.1/; s/Tesla T4/GTX 1080/' old-driver.toml >old-gpu.toml
sed '/cuda_device\]\]/,/compute_capability/d; s/cuda_device_count = 1/cuda_device_count = 0/' old-gpu.toml >no-gpu.toml
sed '/^cuda/d; s/cu130/cpu/' old-gpu.toml >cpu-build.toml
grep -q '^cuda' cpu-build.toml && fail "cpu-build.toml has CUDA"

# As sealed, on the CPU: warnings.
for target in old-driver old-gpu no-gpu cpu-build; do
  expect 0 check --target $target.toml
done
expect 0 check --target old-driver.toml
says "the model was sealed on the CPU and can run there"

# Each way to say that the machine serves on its GPU.
judge() { # NAME FINDING
  expect 1 check --target "$1.toml" --device cuda
  says "error[$2]"
  { echo 'device = "cuda"'; cat "$1.toml"; } >said.toml
  expect 1 check --target said.toml
  says "error[$2]"
  { cat "$1.toml"; printf '[environment.serving]\ndevice = "cuda"\n'; } >said.toml
  expect 1 check --target said.toml
  says "error[$2]"
  printf '[policy]\nname = "gpus"\nextends = "deploy"\ndevice = "cuda"\n' >gpus.toml
  expect 1 check --target "$1.toml" --policy gpus.toml
  says "error[$2]"
}
judge old-driver env.driver.cuda
judge old-gpu env.gpu.architecture
judge no-gpu env.driver.present
judge cpu-build env.torch.build
says "this machine serves on its GPU"
# What is said on the command line comes before the file, the file before the policy.
expect 0 check --target said.toml --device cpu --policy gpus.toml
sed '1i device = "cpu"' old-driver.toml >cpu.toml
expect 0 check --target cpu.toml --policy gpus.toml

# A severity of the user's own counts, one that ships with goldseal does not.
printf '[policy]\nname = "own"\nextends = "deploy"\n[checks]\n"env.driver.cuda" = { severity = "fail" }\n' >own.toml
expect 1 check --target old-driver.toml --policy own.toml
says "error[env.driver.cuda]"
printf '[policy]\nname = "own"\nextends = "deploy"\n[checks]\n"env.driver.cuda" = { severity = "warn" }\n' >own.toml
expect 0 check --target old-driver.toml --policy own.toml

# Slips are named.
expect 2 check --device gpu
says "expected one of cpu, cuda; found gpu"
sed -i 's/"cuda"/"gpu"/' gpus.toml
expect 2 check --policy gpus.toml
says "policy.device: expected cpu or cuda, found gpu"
sed '1i device = "gpu"' old-driver.toml >slip.toml
expect 2 check --target slip.toml
says "device: expected cpu or cuda, found gpu"

# The gate of the example judges machines that serve on their GPUs.
grep -q '^device = "cuda"' targets/*.toml || fail "no target of the example serves on its GPU"
