// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/environment/difference.hpp>

using namespace goldseal;  // NOLINT: a test file
using Strings = std::vector<std::string>;

namespace {

Environment trainer() {
  Environment machine;
  machine.set("host.name", std::string("trainer"), "");
  machine.set("host.os", std::string("Debian 12"), "");
  machine.set("torch.version", std::string("2.13.0"), "");
  machine.set("cpu.isa", Strings{"amx_bf16", "avx2"}, "");
  machine.set("numerics.threads", std::int64_t{8}, "");
  machine.set("site.rack", std::string("7"), "");
  return machine;
}

}  // namespace

TEST_CASE("two equal machines have no difference") { CHECK(difference(trainer(), trainer()).empty()); }

TEST_CASE("what matters for answers comes first, names and serial numbers last") {
  auto other = trainer();
  other.set("host.name", std::string("target"), "");
  other.set("host.os", std::string("Ubuntu 24.04"), "");
  other.set("torch.version", std::string("2.9.1"), "");
  other.set("numerics.threads", std::int64_t{4}, "");
  other.set("site.rack", std::string("8"), "");
  Strings titles;
  const auto sections = difference(trainer(), other);
  for (const auto& section : sections) titles.push_back(section.title);
  CHECK(titles == Strings{"PyTorch", "Numerics", "Host", "Other facts", "Of any two machines"});
  CHECK(sections.front().facts.front() == FactDifference{"torch.version", "2.13.0", "2.9.1", "older"});
  CHECK(sections.back().facts.front().name == "host.name");
}

TEST_CASE("of lists, what went and what came is told") {
  auto other = trainer();
  other.set("cpu.isa", Strings{"avx10_1", "avx2"}, "");
  CHECK(difference(trainer(), other).front().facts.front().detail == "without amx_bf16; with also avx10_1");
  other.set("cpu.isa", Strings{"avx2", "amx_bf16"}, "");
  CHECK(difference(trainer(), other).front().facts.front().detail == "in another order");
}

TEST_CASE("a fact that one machine lacks is a difference") {
  auto other = trainer();
  other.forget("numerics.");
  other.set("gpu.0.name", std::string("NVIDIA A100"), "");
  const auto sections = difference(trainer(), other);
  REQUIRE(sections.size() == 2);
  CHECK(sections[0].facts.front() == FactDifference{"gpu.0.name", std::nullopt, "NVIDIA A100", ""});
  CHECK(sections[1].facts.front() == FactDifference{"numerics.threads", "8", std::nullopt, ""});
}
