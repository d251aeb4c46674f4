// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/manifest.hpp>

#include <goldseal/base/messages/error.hpp>

#include <catch.hpp>

namespace goldseal {
namespace {

Environment sample() {
  Environment environment;
  environment.set("cpu.isa", std::vector<std::string>{"avx", "avx2"}, "/proc/cpuinfo");
  environment.set("cpu.cores", std::int64_t{2}, "sched_getaffinity");
  environment.set("host.load", 0.5, "");
  environment.set("numerics.onednn", true, "worker");
  for (int i = 0; i < 12; ++i) environment.set("gpu." + std::to_string(i) + ".index", std::int64_t{i}, "nvml");
  return environment;
}

TEST_CASE("an environment reads back as it was written, a list of twelve GPUs in order") {
  CHECK(read_environment(write_environment(sample()), "e") == sample());
}

TEST_CASE("facts are handed out by type, and nothing for another type") {
  const auto environment = sample();
  CHECK(environment.integer("cpu.cores") == 2);
  CHECK_FALSE(environment.text("cpu.cores"));
  CHECK(environment.shown("cpu.isa") == "avx, avx2");
  CHECK(environment.shown("cpu.none").empty());
}

TEST_CASE("a prefix is forgotten whole, a name alone") {
  auto environment = sample();
  environment.forget("gpu.");
  CHECK_FALSE(environment.has("gpu.0.index"));
  environment.forget("cpu.cores");
  CHECK(environment.has("cpu.isa"));
}

TEST_CASE("a TOML file without an environment is refused with the command that writes one") {
  try {
    static_cast<void>(read_environment("a = 1\n", "e"));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.remedy().find("goldseal probe") != std::string::npos);
  }
}

}  // namespace
}  // namespace goldseal
