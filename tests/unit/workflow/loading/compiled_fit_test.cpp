// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/messages/error.hpp>
#include <goldseal/workflow/loading/compiled_fit.hpp>

#include <string>
#include <vector>

using namespace goldseal;

namespace {

CompiledPackage package_for(std::string device, std::string isa, std::string capability = {}) {
  CompiledPackage package;
  package.path = "net.pt2";
  package.device = std::move(device);
  package.platform = "linux";
  package.machine = "x86_64";
  package.cpu_isa = std::move(isa);
  package.compute_capability = std::move(capability);
  return package;
}

Environment machine(std::vector<std::string> isa, const std::string& capability = {}) {
  Environment found;
  found.set("cpu.architecture", std::string("x86_64"), "uname");
  found.set("cpu.isa", std::move(isa), "/proc/cpuinfo");
  if (!capability.empty()) found.set("gpu.0.compute_capability", capability, "NVML");
  return found;
}

const std::vector<std::string> k_avx2{"avx2", "f16c", "fma"};
const std::vector<std::string> k_avx512{"avx2", "avx512bw", "avx512dq", "avx512f", "avx512vl", "f16c", "fma"};

std::string refusal(const CompiledPackage& package, const Environment& found) {
  const std::vector<Device> devices{"cpu", "cuda:0"};
  try {
    require_fit(package, found, devices);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(error.remedy().find("compile the package again") != std::string::npos);
    return error.message();
  }
  return {};
}

}  // namespace

TEST_CASE(
    "a processor with more instruction sets than a package needs is fine, one with fewer is named with what it lacks") {
  CHECK(refusal(package_for("cpu", "AVX2"), machine(k_avx512)).empty());
  CHECK(refusal(package_for("cpu", "AVX512"), machine(k_avx512)).empty());
  const auto lacking = refusal(package_for("cpu", "AVX512 AVX512_VNNI"), machine(k_avx512));
  CHECK(lacking.find("expected AVX512 AVX512_VNNI, found one without avx512_vnni") != std::string::npos);
  CHECK(refusal(package_for("cpu", "AVX512"), machine(k_avx2)).find("avx512f") != std::string::npos);
  CHECK(refusal(package_for("cpu", "INVALID_VEC_ISA"), machine({})).empty());
}

TEST_CASE("a package for another platform, machine or device is refused") {
  auto package = package_for("cpu", "AVX2");
  package.platform = "win32";
  CHECK(refusal(package, machine(k_avx2)).find("expected win32, found linux") != std::string::npos);
  package = package_for("cpu", "");
  package.machine = "aarch64";
  CHECK(refusal(package, machine(k_avx2)).find("expected aarch64, found x86_64") != std::string::npos);
  CHECK(refusal(package_for("xpu", "AVX2"), machine(k_avx2)).find("expected xpu, found cpu, cuda:0") !=
        std::string::npos);
}

TEST_CASE("a package for a GPU runs on its own major compute capability, and on later ones with portable kernels") {
  CHECK(refusal(package_for("cuda", "AVX2", "90"), machine(k_avx2, "9.0")).empty());
  CHECK(refusal(package_for("cuda", "AVX2", "80"), machine(k_avx2, "8.6")).empty());
  CHECK_FALSE(refusal(package_for("cuda", "AVX2", "86"), machine(k_avx2, "8.0")).empty());
  auto package = package_for("cuda", "AVX2", "86");
  CHECK(
      refusal(package, machine(k_avx2, "9.0")).find("expected compute capability 8.6, found compute capability 9.0") !=
      std::string::npos);
  package.portable_kernels = true;
  CHECK(refusal(package, machine(k_avx2, "9.0")).empty());
  CHECK(refusal(package_for("cpu", "AVX2", "86"), machine(k_avx2, "9.0")).empty());
}

TEST_CASE("what is not known of the package or the machine is let through") {
  CHECK(refusal(package_for("cuda", "", ""), machine(k_avx2, "9.0")).empty());
  CHECK(refusal(package_for("cuda", "AVX512", "90"), Environment()).empty());
}
