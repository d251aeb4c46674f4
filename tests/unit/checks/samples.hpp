// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/runner.hpp>
#include <goldseal/verdict/report.hpp>

#include <stdexcept>
#include <string>

namespace goldseal::samples {

/// A machine and a model that are exactly as sealed, and ran; each test spoils what it is about.
inline Observation conforming() {
  Observation observed;
  observed.sealed.created = "2026-01-01T00:00:00Z";
  observed.sealed.golden_sha256 = sha256("golden");
  observed.files.golden_sha256 = sha256("golden");
  observed.sealed.model.files = {{FileRole::checkpoint, "../m.pth", 10, sha256("file"), sha256("frame")},
                                 {FileRole::architecture, "../m.cfg", 5, sha256("cfg"), std::nullopt}};
  observed.sealed.model.tensors = {{"a.weight", DType::float32, {2, 3}, sha256("a"), ""},
                                   {"b.weight", DType::float32, {2, 3}, sha256("b"), ""}};
  observed.sealed.model.configuration = {{"0.bn.eps", "1e-05"}, {"0.conv.stride", "2"}};
  observed.sealed.golden = {{"default", {}, {{"out", DType::float32, {4}, ""}}, {}, true, 8, {}, 0, {}, {}, Device()}};
  observed.sealed.environment.set("torch.version", std::string("2.13.0"), "");
  observed.machine.environment = observed.sealed.environment;
  observed.run.depth = RunDepth::full;
  FileObservation checkpoint;
  checkpoint.role = FileRole::checkpoint;
  checkpoint.path = "m.pth";
  checkpoint.present = true;
  checkpoint.bytes = 10;
  checkpoint.sha256 = sha256("file");
  checkpoint.non_tensor_sha256 = sha256("frame");
  FileObservation architecture;
  architecture.role = FileRole::architecture;
  architecture.path = "m.cfg";
  architecture.present = true;
  architecture.sha256 = sha256("cfg");
  observed.files.found = {checkpoint, architecture};
  KeyObservation keys;
  keys.have = keys.want = {{"a.weight", DType::float32, {2, 3}, true}, {"b.weight", DType::float32, {2, 3}, true}};
  keys.match.pairs = {{0, 0}, {1, 1}};
  observed.files.keys = observed.run.network_keys = keys;
  observed.files.tensors = {{"a.weight", sha256("a")}, {"b.weight", sha256("b")}};
  observed.run.loaded_tensors = std::vector<LoadedTensor>{{"a.weight", DType::float32, {2, 3}, sha256("a")},
                                                          {"b.weight", DType::float32, {2, 3}, sha256("b")}};
  observed.run.configuration = observed.sealed.model.configuration;
  observed.run.worker = WorkerObservation{.runtime = "libtorch 2.13.0", .done = true};
  OutputObservation output;
  output.golden_case = "default";
  output.output = "out";
  output.noise.response_rms = 1;
  golden::Deviation deviation;
  deviation.elements = deviation.compared = 4;
  output.native = deviation;
  output.float64 = deviation;
  output.repeat = golden::RepeatVerdict{};
  observed.run.outputs = {output};
  return observed;
}

inline Finding judge(std::string_view id, const Observation& observed, const std::string& policy = "deploy",
                     const std::string& today = "2026-06-01") {
  for (auto& finding : run_checks(observed, load_policy(policy), today)) {
    if (finding.id == id) return finding;
  }
  throw std::invalid_argument("no such check");
}

inline ExitCode outcome(const Observation& observed, const std::string& policy = "deploy") {
  Report report;
  report.findings = run_checks(observed, load_policy(policy), "2026-06-01");
  return verdict(report);
}

}  // namespace goldseal::samples
