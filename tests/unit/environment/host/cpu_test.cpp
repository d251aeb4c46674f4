// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "environment/machine.hpp"

#include <goldseal/environment/host/isa.hpp>

using namespace goldseal;  // NOLINT: a test file
using goldseal::test::Machine;
using Strings = std::vector<std::string>;

namespace {

constexpr const char* k_two_sockets = R"(processor	: 0
vendor_id	: GenuineIntel
cpu family	: 6
model		: 143
model name	: Intel(R) Xeon(R) Platinum 8480+
stepping	: 8
physical id	: 0
core id		: 0
flags		: fpu sse2 pni ssse3 fma sse4_1 sse4_2 avx f16c avx2 avx512f avx512dq avx512bw avx512vl avx512_vnni amx_bf16 amx_tile

processor	: 1
physical id	: 0
core id		: 0

processor	: 2
physical id	: 1
core id		: 0

processor	: 3
physical id	: 1
core id		: 0
)";

}  // namespace

TEST_CASE("an x86 processor: model, instruction sets under one name, sockets, cores, threads") {
  Machine machine;
  machine.file("/proc/cpuinfo", k_two_sockets).file("/proc/sys/kernel/arch", "x86_64\n");
  const auto environment = machine.probe();
  CHECK(environment.text("cpu.model") == "Intel(R) Xeon(R) Platinum 8480+");
  CHECK(environment.text("cpu.model_number") == "143");
  CHECK(environment.text("cpu.vendor") == "GenuineIntel");
  CHECK(environment.text("cpu.architecture") == "x86_64");
  CHECK(environment.list("cpu.isa") == Strings{"amx_bf16", "amx_tile", "avx", "avx2", "avx512_vnni", "avx512bw",
                                               "avx512dq", "avx512f", "avx512vl", "f16c", "fma", "sse2", "sse3",
                                               "sse4_1", "sse4_2", "ssse3"});
  CHECK(environment.text("cpu.aten_capability") == "AVX512");
  CHECK(environment.integer("cpu.sockets") == 2);
  CHECK(environment.integer("cpu.cores") == 2);
  CHECK(environment.integer("cpu.threads") == 4);
  CHECK_FALSE(environment.has("cpu.virtual"));
}

TEST_CASE("an Arm processor is named by its part number") {
  Machine machine;
  machine.file("/proc/cpuinfo",
               "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp sve bf16 i8mm\nCPU implementer\t: 0x41\nCPU "
               "part\t: 0xd40\n");
  const auto environment = machine.probe();
  CHECK(environment.text("cpu.model") == "Neoverse-V1");
  CHECK(environment.list("cpu.isa") == Strings{"bf16", "dotprod", "fp16", "i8mm", "neon", "sve"});
  CHECK_FALSE(environment.has("cpu.aten_capability"));
}

TEST_CASE("ATen's choice needs all of its instruction sets") {
  CHECK(aten_capability({"avx2", "avx512bw", "avx512dq", "avx512f", "fma"}) == "AVX2");
  CHECK(aten_capability({"avx2"}) == "DEFAULT");
  CHECK(aten_capability({}) == "DEFAULT");
}

TEST_CASE("usable processors, NUMA nodes and caches") {
  Machine machine;
  machine.file("/proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-3,8\n")
      .file("/sys/devices/system/node/online", "0-1\n")
      .file("/sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n")
      .file("/sys/devices/system/cpu/cpu0/cache/index0/level", "1\n")
      .file("/sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n")
      .file("/sys/devices/system/cpu/cpu0/cache/index3/size", "107520K\n")
      .file("/sys/devices/system/cpu/cpu0/cache/index3/level", "3\n")
      .file("/sys/devices/system/cpu/cpu0/cache/index3/type", "Unified\n");
  const auto environment = machine.probe();
  CHECK(environment.integer("cpu.usable_threads") == 5);
  CHECK(environment.integer("cpu.numa_nodes") == 2);
  CHECK(environment.text("cpu.cache.l1d") == "48K");
  CHECK(environment.text("cpu.cache.l3") == "107520K");
}
