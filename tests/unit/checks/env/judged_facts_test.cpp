// SPDX-License-Identifier: Apache-2.0
// B22: no fact is recorded that nobody looks at: a check judges it, or it is said to inform only.
#include "checks/env/judging.hpp"
#include "checks/samples.hpp"

#include <checks/env/judged_facts.hpp>
#include <goldseal/environment/probe/probe.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <catch.hpp>

#include <filesystem>
#include <set>

using namespace goldseal;
using namespace goldseal::test;

namespace {

std::vector<Environment> machines() {
  std::vector<Environment> found{probe_machine({})};
  const std::filesystem::path sources(GOLDSEAL_SOURCE_DIR);
  for (const auto& entry : std::filesystem::directory_iterator(sources / "manifests"))
    if (entry.path().extension() == ".toml") found.push_back(load_environment(entry.path()));
  found.push_back(load_manifest(sources / "manifests" / "samples" / "format-1.seal").environment);
  return found;
}

/// Another value of the same kind.
FactValue another(const FactValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return !*flag;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer / 2 + 1;
  if (const auto* number = std::get_if<double>(&value)) return *number / 2;
  if (std::holds_alternative<std::vector<std::string>>(value)) return std::vector<std::string>{"other"};
  return std::string("0.0.1");
}

std::vector<Finding> judge_all(const Environment& sealed, const Environment& found) {
  auto observed = samples::conforming();
  observed.sealed.environment = sealed;
  observed.machine.environment = found;
  observed.machine.asked_pytorch = true;
  // Of a network of Python's that was given a picture every package counts.
  observed.sealed.model.builder = Builder::python;
  observed.sealed.golden.front().inputs = {{"image", DType::uint8, {1, 3, 4, 4}, "scene.png"}};
  return run_checks(observed, load_policy("strict"), "2026-06-01");
}

bool speaks_otherwise(std::string_view id, const std::vector<Finding>& before, const std::vector<Finding>& after) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i].id != id) continue;
    return before[i].status != after[i].status || before[i].message != after[i].message ||
           before[i].actual != after[i].actual || before[i].tables != after[i].tables;
  }
  return false;
}

}  // namespace

TEST_CASE("B22: every fact of every machine at hand is judged by a check, or is said to inform only") {
  std::size_t facts = 0;
  for (const auto& machine : machines()) {
    for (const auto& [name, fact] : machine.facts()) {
      INFO(name);
      ++facts;
      const auto* const row = find_judged(name);
      REQUIRE(row != nullptr);
      if (row->check.empty()) {
        CHECK_FALSE(row->why.empty());
      } else {
        CHECK(find_check(row->check) != nullptr);
      }
    }
  }
  CHECK(facts > 300);
}

TEST_CASE("B22: the check that is said to judge a setting of the numerics or a variable speaks otherwise of another value") {
  // What is judged by comparison: the sealed machine is the one that was probed, here one thing differs.
  auto sealed = machine({{"numerics.flush_denormal", false},
                         {"numerics.threads", number(4)},
                         {"numerics.onednn", true},
                         {"numerics.tf32_matmul", false},
                         {"numerics.tf32_cudnn", false},
                         {"numerics.matmul_precision", text("highest")},
                         {"numerics.fp16_reduction", true},
                         {"numerics.bf16_reduction", true},
                         {"numerics.deterministic_algorithms", false},
                         {"numerics.cudnn_benchmark", false},
                         {"cpu.architecture", text("x86_64")},
                         {"cpu.aten_capability", text("AVX2")},
                         {"cpu.isa", texts({"avx2", "fma"})},
                         {"torch.version", text("2.13.0")},
                         {"torch.blas", text("MKL")},
                         {"torch.onednn", text("v3")},
                         {"torch.kernel_libraries", texts({"mkl"})},
                         {"torch.quantized_engines", texts({"fbgemm"})},
                         {"host.os", text("Debian")},
                         {"python.version", text("3.11.7")},
                         {"python.package.numpy", text("2.4.6")},
                         {"python.package.pillow", text("12.0")}});
  for (const auto& row : judged_facts()) {
    const bool compared = row.check.starts_with("env.variables.") && row.check != "env.variables.workspace";
    if (compared) sealed.set(std::string(row.fact), std::string("1"), "test");
  }
  std::size_t tried = 0;
  for (const auto& [name, fact] : sealed.facts()) {
    INFO(name);
    const auto* const row = find_judged(name);
    REQUIRE(row != nullptr);
    auto found = sealed;
    found.set(name, another(fact.value), "test");
    CHECK(speaks_otherwise(row->check, judge_all(sealed, sealed), judge_all(sealed, found)));
    ++tried;
  }
  CHECK(tried > 40);
}

TEST_CASE("B22: a process that flushes denormals is named, and one that is not known to is not accused") {
  const auto on = machine({{"numerics.flush_denormal", true}});
  const auto off = machine({{"numerics.flush_denormal", false}});
  CHECK(judge_check(k_env_numerics_denormals, on, off).status == Status::fail);
  CHECK(judge_check(k_env_numerics_denormals, on, off).message.find("FTZ/DAZ") != std::string::npos);
  CHECK(judge_check(k_env_numerics_denormals, on, Environment{}).status == Status::fail);
  CHECK(judge_check(k_env_numerics_denormals, off, on).status == Status::fail);
  CHECK(judge_check(k_env_numerics_denormals, off, off).status == Status::pass);
  CHECK(judge_check(k_env_numerics_denormals, on, on).status == Status::pass);
  CHECK(judge_check(k_env_numerics_denormals, Environment{}, off).status == Status::skipped);
}

TEST_CASE("B22: preloaded libraries are compared with the sealed ones") {
  const auto with = [](const char* value) { return machine({{"variable.LD_PRELOAD", text(value)}}); };
  const auto none = machine({{"host.os", text("Debian")}});
  CHECK(judge_check(k_env_variables_preload, with("fast.so"), none).status == Status::fail);
  CHECK(judge_check(k_env_variables_preload, none, with("fast.so")).status == Status::fail);
  CHECK(judge_check(k_env_variables_preload, with("a.so"), with("a.so")).status == Status::pass);
  CHECK(judge_check(k_env_variables_preload, with("a.so"), with("(left out)")).status == Status::pass);
  CHECK(judge_check(k_env_variables_preload, none, none).status == Status::pass);
}

TEST_CASE("B22: this process computes with denormals, and says so") {
  CHECK(probe_machine({}).boolean("numerics.flush_denormal") == false);
}
