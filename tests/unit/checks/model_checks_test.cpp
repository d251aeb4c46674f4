// SPDX-License-Identifier: Apache-2.0
#include <catch.hpp>

#include "checks/samples.hpp"

namespace goldseal {
namespace {

using samples::conforming;
using samples::judge;
using samples::outcome;

TEST_CASE("a model that is as it was sealed conforms") { CHECK(outcome(conforming()) == ExitCode::conforms); }

TEST_CASE("a golden file that is missing or changed is damage") {
  auto observed = conforming();
  observed.files.golden_sha256 = sha256("other");
  CHECK(outcome(observed) == ExitCode::integrity);
  observed.files.golden_sha256.reset();
  CHECK(outcome(observed) == ExitCode::integrity);
}

TEST_CASE("a seal without golden cases is no proof: inconclusive") {
  auto observed = conforming();
  observed.sealed.golden.clear();
  observed.run.outputs.clear();
  CHECK(outcome(observed) == ExitCode::inconclusive);
}

TEST_CASE("a checkpoint that cannot be read is damage, with the reader's words and both sizes") {
  auto observed = conforming();
  observed.files.found[0].damage = "ends too early";
  observed.files.found[0].damage_where = "m.pth at byte 7";
  observed.files.found[0].bytes = 7;
  observed.files.keys.reset();
  const auto finding = judge("file.checkpoint", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message == "the checkpoint is cut short or damaged");
  CHECK(finding.expected.starts_with("10 bytes"));
  CHECK(finding.actual == "ends too early (7 bytes)");
  CHECK(finding.origin == "m.pth at byte 7");
  CHECK(outcome(observed) == ExitCode::integrity);
}

TEST_CASE("a file written anew with the same tensors warns") {
  auto observed = conforming();
  observed.files.found[0].sha256 = sha256("anew");
  CHECK(judge("file.checkpoint", observed).status == Status::warn);
  CHECK(outcome(observed) == ExitCode::conforms);
}

TEST_CASE("a tensor with other values is damage, and it is named") {
  auto observed = conforming();
  observed.files.tensors["b.weight"] = sha256("flipped");
  const auto finding = judge("tensors.file", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.message.find("b.weight") != std::string::npos);
  CHECK(outcome(observed) == ExitCode::integrity);
}

TEST_CASE("two tensors that changed places are told as such") {
  auto observed = conforming();
  std::swap((*observed.run.loaded_tensors)[0].sha256, (*observed.run.loaded_tensors)[1].sha256);
  const auto finding = judge("tensors.loaded", observed);
  CHECK(finding.tables.at(0).rows.at(0).at(3) == "holds the values of b.weight");
}

TEST_CASE("a tensor that was not loaded is missing, not passed over") {
  auto observed = conforming();
  observed.run.loaded_tensors->pop_back();
  CHECK(judge("tensors.loaded", observed).tables.at(0).rows.at(0).at(3) == "missing");
}

TEST_CASE("another hyperparameter is named with both values") {
  auto observed = conforming();
  (*observed.run.configuration)["0.bn.eps"] = "0.001";
  const auto finding = judge("model.configuration", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.expected == "eps = 1e-05");
  CHECK(finding.actual == "eps = 0.001");
}

TEST_CASE("keys that do not match fail with tables of what is missing, unexpected and of another shape") {
  auto observed = conforming();
  auto& keys = *observed.run.network_keys;
  keys.match.pairs.clear();
  keys.match.missing = {1};
  keys.match.unexpected = {1};
  keys.match.mismatched = {{0, 0, true, false}};
  const auto finding = judge("keys.network", observed);
  CHECK(finding.status == Status::fail);
  CHECK(finding.tables.size() == 3);
  CHECK(finding.actual == "0 match, 1 missing, 1 unexpected, 1 of another shape or type");
}

TEST_CASE("a crash of the worker fails the model, a hang leaves the verdict open") {
  auto observed = conforming();
  observed.run.worker->done = false;
  observed.run.outputs.clear();
  observed.run.worker->failure =
      WorkerFailure{WorkerFailure::Kind::crashed, "run", "ended with signal 4 (SIGILL)", "one\ntwo\n"};
  const auto crash = judge("worker.run", observed);
  CHECK(crash.status == Status::fail);
  CHECK(crash.remedy.find("processor") != std::string::npos);
  CHECK(crash.tables.at(0).rows.size() == 2);
  CHECK(outcome(observed) == ExitCode::fails);
  observed.run.worker->failure->kind = WorkerFailure::Kind::hung;
  CHECK(outcome(observed) == ExitCode::inconclusive);
}

TEST_CASE("a tensor that a compiled network has in its code is warned of, and no digest of it is asked for") {
  auto observed = conforming();
  observed.run.network_keys->want[1].compiled_in = CompiledIn::code;
  observed.run.loaded_tensors->pop_back();
  const auto keys = judge("keys.network", observed);
  CHECK(keys.status == Status::warn);
  CHECK(keys.message.find("b.weight is compiled into its code or not used") != std::string::npos);
  CHECK(judge("tensors.loaded", observed).status == Status::pass);
  CHECK(outcome(observed) == ExitCode::conforms);
  observed.run.network_keys->want[1].compiled_in = CompiledIn::counter;
  CHECK(judge("keys.network", observed).status == Status::pass);
  observed.run.loaded_tensors->clear();
  CHECK(outcome(observed) == ExitCode::integrity);
}

}  // namespace
}  // namespace goldseal
