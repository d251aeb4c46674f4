// SPDX-License-Identifier: Apache-2.0
// `goldseal verify` and `goldseal check` are the two calls of this file. It decides what is
// examined, in which order, and where to stop. Every judgement is left to the checks.
#pragma once

#include <checks/observation.hpp>
#include <checks/policy.hpp>
#include <goldseal/base/running/progress.hpp>
#include <goldseal/checkpoint/keys/admission.hpp>
#include <goldseal/golden/inputs/input.hpp>
#include <goldseal/golden/tensors/constants.hpp>
#include <goldseal/signing/seal_signature.hpp>
#include <goldseal/verdict/report.hpp>
#include <goldseal/worker/device_request.hpp>
#include <goldseal/worker/protocol.hpp>
#include <goldseal/worker/runtime.hpp>
#include <goldseal/worker/worker.hpp>
#include <goldseal/workflow/loading/model_spec.hpp>
#include <goldseal/workflow/loading/open_seal.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace goldseal {

/// What `verify` and `check` have in common.
struct JudgeRequest {
  std::filesystem::path seal;
  std::optional<std::filesystem::path> checkpoint;  ///< instead of the path in the seal
  std::optional<ModelSpec> model;                   ///< instead of the one in the seal
  Policy policy;
  bool live = false;  ///< the calling process' own module is judged, whatever the seal says of the code
  bool trust_code = false;  ///< code that the seal names may be run, and any operator of its program
  Admission admission = {};  ///< beside what the seal admits
  bool code = false;  ///< of a seal that embeds the program of a network's code: build the code, not the program
  signing::SignatureDemand signature = {};
  std::filesystem::path model_signature = {};  ///< of the model's files, by whoever published them; empty for none
  signing::Signers model_signers = {};         ///< whose signature counts there
  std::shared_ptr<const OpenSeal> opened = {};  ///< the seal, where it was opened already, under that demand
};

struct VerifyRequest : JudgeRequest {
  Runtime runtime;
  RunRequest settings;  ///< of the native runs, where they are not the process's own; without `tf32` the policy decides
  std::optional<DeviceRequest> device;  ///< nothing: where it was sealed, as far as that is here
  RunDepth depth = RunDepth::full;      ///< not `none`
  std::chrono::seconds limit{1800};
  std::optional<int> threads;
  Confinement confinement = Confinement::sandbox;
  std::vector<golden::InputSpec> inputs;  ///< made by this machine's preprocessing, to compare with the sealed ones
  std::optional<std::filesystem::path> save_results;  ///< where to keep what the run gave (saved_results.hpp)
  std::optional<std::filesystem::path> results;       ///< judge these saved results, run nothing

  /// The user said so: by --model, by --trust-code, or by running the model in a process of their own.
  [[nodiscard]] bool vouches_for_code() const { return model || trust_code || runtime.channel; }

  /// Float32 is judged in float32: what TF32 makes of the answers only where the policy permits it, or `settings` say.
  [[nodiscard]] bool decides_against_tf32() const {
    return !settings.tf32 && policy.permitted_bits >= golden::k_bits_float32;
  }
};

struct CheckRequest : JudgeRequest {
  /// Captured environments to judge instead of this machine; the model's files are then not looked at.
  std::vector<std::filesystem::path> targets;
  std::filesystem::path attestation = {};  ///< an earlier verdict that is demanded; empty for none
  signing::Signers attestors = {};         ///< whose word counts there
  std::chrono::seconds max_age{0};         ///< how old it may be; 0: any age
  std::string device;  ///< where the machine serves, `cpu` or `cuda`; empty: as its file, the policy or the seal says
};

/// Everything: the files, this machine, the model run here. Throws Error where the seal cannot be read.
[[nodiscard]] Report verify(const VerifyRequest& request, Progress& progress);

/// Everything that can be known without running the model: one report for each target, or one for this machine.
[[nodiscard]] std::vector<Report> check(const CheckRequest& request, Progress& progress);

}  // namespace goldseal
