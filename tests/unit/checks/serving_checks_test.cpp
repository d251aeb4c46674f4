// SPDX-License-Identifier: Apache-2.0
// What will serve: the files around the weights, the code, the live model (newcomer rows 1, 2, 9 to 12).
#include "catch.hpp"
#include "checks/samples.hpp"

#include <checks/catalogue.hpp>

using namespace goldseal;
using State = DescriptionObservation::State;

namespace {

Observation with_file(bool code, State state) {
  auto observed = samples::conforming();
  observed.serving.descriptions = {{code, code ? "net.py" : "config.json", "/here", state, {}}};
  return observed;
}

Observation of_code() {
  auto observed = samples::conforming();
  observed.sealed.model.builder = Builder::python;
  observed.sealed.model.source = "net:Net";
  observed.sealed.model.embedded = EmbeddedProgram{Builder::exported, {}};
  return observed;
}

Policy own_policy(const std::string& check, const std::string& severity) {
  return read_policy("[policy]\nname = \"p\"\nextends = \"deploy\"\n[checks]\n\"" + check + "\" = { severity = \"" +
                         severity + "\" }\n",
                     "p.toml");
}

}  // namespace

TEST_CASE("a configuration that is as sealed passes, another fails and is damage of no file") {
  CHECK(samples::judge("file.description", samples::conforming()).status == Status::skipped);
  CHECK(samples::judge("file.description", with_file(false, State::same)).status == Status::pass);
  auto changed = with_file(false, State::changed);
  changed.serving.descriptions[0].values = {{"layer_norm_eps", "1e-12", "1e-05"}};
  const auto finding = samples::judge("file.description", changed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.expected == "layer_norm_eps = 1e-12");
  CHECK(finding.actual == "layer_norm_eps = 1e-05");
  CHECK(samples::outcome(changed) == ExitCode::fails);
}

TEST_CASE("what says the same in another layout, and what was added, warns") {
  CHECK(samples::judge("file.description", with_file(false, State::rewritten)).status == Status::warn);
  const auto commented = samples::judge("file.code", with_file(true, State::rewritten));
  CHECK(commented.status == Status::pass);
  CHECK(commented.message.find("comments") != std::string::npos);
  CHECK(samples::judge("file.description", with_file(false, State::added)).status == Status::warn);
  CHECK(samples::judge("file.code", with_file(true, State::added)).status == Status::warn);
}

TEST_CASE("a missing description is unknown where the program serves and fails where the network is built from it") {
  auto missing = with_file(false, State::missing);
  CHECK(samples::judge("file.description", missing).status == Status::unknown);
  CHECK(samples::outcome(missing) == ExitCode::conforms);
  missing.serving.builds_code = true;
  CHECK(samples::judge("file.description", missing).status == Status::fail);
  auto gone = samples::conforming();
  gone.serving.missing_path = "/models/bert";
  CHECK(samples::judge("file.description", gone).status == Status::fail);
}

TEST_CASE("a changed source fails where the code was not run and warns where its answers were judged") {
  auto changed = with_file(true, State::changed);
  CHECK(samples::judge("file.code", changed).status == Status::fail);
  changed.serving.ran_code = true;
  CHECK(samples::judge("file.code", changed).status == Status::warn);
  auto missing = with_file(true, State::missing);
  CHECK(samples::judge("file.code", missing).status == Status::unknown);
  missing.serving.ran_code = true;
  CHECK(samples::judge("file.code", missing).status == Status::skipped);
}

TEST_CASE("model.code is unknown where the program ran in place of the code, and a policy can require it") {
  auto observed = of_code();
  CHECK(samples::judge("model.code", observed).status == Status::unknown);
  CHECK(samples::outcome(observed) == ExitCode::conforms);
  Report report;
  report.findings = run_checks(observed, own_policy("model.code", "required"), "2026-06-01");
  CHECK(verdict(report) == ExitCode::inconclusive);
  observed.serving.ran_code = true;
  CHECK(samples::judge("model.code", observed).status == Status::pass);
  CHECK(samples::judge("model.code", samples::conforming()).status == Status::skipped);
}

TEST_CASE("a live model in training mode warns, and one with other weights is named as that") {
  auto live = of_code();
  CHECK(samples::judge("model.mode", live).status == Status::skipped);
  live.serving.live = live.serving.ran_code = true;
  CHECK(samples::judge("model.mode", live).status == Status::pass);
  live.serving.training = true;
  CHECK(samples::judge("model.mode", live).status == Status::warn);
  live.run.loaded_tensors->front().sha256 = sha256("other");
  const auto finding = samples::judge("tensors.loaded", live);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message.find("holds other weights") != std::string::npos);
}

TEST_CASE("a compiled model is judged as it runs, or it is said that it was not, and a fallback is no verdict") {
  auto live = of_code();
  live.serving.live = live.serving.ran_code = true;
  CHECK(samples::judge("model.compiled", live).status == Status::skipped);
  auto& machine = live.machine.environment;
  machine.set("numerics.compiled", std::string("inductor"), "torch.compile");
  machine.set("numerics.compiled_judged", false, "torch.compile");
  CHECK(samples::judge("model.compiled", live).status == Status::warn);
  machine.set("numerics.compiled_judged", true, "torch.compile");
  CHECK(samples::judge("model.compiled", live).status == Status::unknown);
  machine.set("numerics.compiled_regions", std::int64_t{2}, "torch.profiler");
  machine.set("numerics.compiled_outside", std::int64_t{0}, "torch.profiler");
  CHECK(samples::judge("model.compiled", live).status == Status::pass);
  machine.set("numerics.compiled_outside", std::int64_t{3}, "torch.profiler");
  CHECK(samples::judge("model.compiled", live).status == Status::warn);
  machine.set("numerics.compiled_regions", std::int64_t{0}, "torch.profiler");
  CHECK(samples::judge("model.compiled", live).status == Status::unknown);
  CHECK(samples::outcome(live) == ExitCode::inconclusive);
}

TEST_CASE("a network without the first part of the sealed names is a mismatch of keys and no damage") {
  auto inner = of_code();
  for (auto& tensor : inner.sealed.model.tensors) tensor.name = "net." + tensor.name;
  const auto finding = samples::judge("keys.network", inner);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message.find("`net.` is missing") != std::string::npos);
}

TEST_CASE("another cfg fails where nothing was run and warns where its network was") {
  auto other = samples::conforming();
  other.files.found[1].sha256 = sha256("other cfg");
  CHECK(samples::judge("file.architecture", other).status == Status::warn);
  other.run.worker.reset();
  other.run.depth = RunDepth::none;
  CHECK(samples::judge("file.architecture", other).status == Status::fail);
}

TEST_CASE("the GPU's checks count where the machine serves on its GPU, and where the user's own policy says so") {
  auto machine = samples::conforming();
  machine.sealed.environment.set("numerics.device", std::string("cpu"), "");
  machine.machine.environment.set("torch.cuda_build", std::string("13.0"), "");
  machine.machine.environment.set("driver.cuda_version", std::string("11.4"), "");
  machine.machine.environment.set("driver.version", std::string("470.57.02"), "");
  CHECK(samples::judge("env.driver.cuda", machine).status == Status::warn);
  machine.serving.device = "cuda";
  CHECK(samples::judge("env.driver.cuda", machine).status == Status::fail);
  machine.serving.device = "cpu";
  CHECK(samples::judge("env.driver.cuda", machine).status == Status::warn);
  for (const auto& finding : run_checks(machine, own_policy("env.driver.cuda", "fail"), "2026-06-01"))
    if (finding.id == "env.driver.cuda") CHECK(finding.status == Status::fail);
}
