// SPDX-License-Identifier: Apache-2.0
#include <checks/fact_check.hpp>

#include <checks/env/host/machine.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <utility>

namespace goldseal {
namespace {

// Titles of checks of one fact are nouns in the singular, so that they can begin these sentences.
std::string describe_breach(const Check& check, const RuleResult& result) {
  if (result.detail.empty() || result.detail == "differs") return fmt::format("{} differs", check.title);
  return fmt::format("{} differs: {}", check.title, result.detail);
}

// The packages of the machine's Python are all known where that is.
bool is_not_installed(const Check& check, const Environment& machine) {
  return check.fact.starts_with("python.package.") && machine.has("python.version");
}

bool is_picture(const GoldenTensor& input) {
  if (!input.preprocess.empty()) return true;
  auto source = input.source.substr(0, input.source.find(','));
  std::ranges::transform(source, source.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return source.ends_with(".png") || source.ends_with(".jpg") || source.ends_with(".jpeg");
}

// Objects of NumPy that a checkpoint pickles need it wherever Python reads the file.
bool holds_numpy(const Observation& observed) {
  return std::ranges::any_of(observed.files.found, [](const FileObservation& file) {
    return std::ranges::any_of(file.notes, [](const auto& note) {
      return note.first.find("numpy") != std::string::npos || note.second.find("numpy") != std::string::npos;
    });
  });
}

// A package that takes no part in what was sealed is not worth a warning: Pillow where no picture was decoded, NumPy where
// no code of Python's is run. A policy that names the check has it judged.
std::string_view unused(const Check& check, const Observation& observed, const CheckSettings& settings) {
  if (settings.users_own_severity) return {};
  const auto decodes = [](const GoldenCase& golden) { return std::ranges::any_of(golden.inputs, is_picture); };
  if (check.fact == "python.package.pillow" && std::ranges::none_of(observed.sealed.golden, decodes))
    return "no sealed input is a picture";
  if (check.fact == "python.package.numpy" && observed.sealed.model.builder != Builder::python && !holds_numpy(observed))
    return "the network is no Python code";
  return {};
}

// A build without CUDA states no version of CUDA or cuDNN: that is known, and matters where a GPU computed, or where
// the policy asks for the very same.
std::optional<Finding> judge_without_cuda(const Check& check, const Observation& observed,
                                          const CheckSettings& settings, const RuleResult& result) {
  const bool states_cuda = check.fact == "torch.cuda_build" || check.fact == "torch.cudnn_build";
  if (!states_cuda || observed.machine.environment.boolean("torch.cuda") != false) return std::nullopt;
  const bool cannot_load = observed.machine.environment.has("torch.gpu_library_error");
  const std::string_view why =
      cannot_load ? "the CUDA half of PyTorch cannot be loaded here" : "PyTorch here is built without CUDA";
  if (!sealed_on_gpu(observed) && settings.rule.kind != RuleKind::equal)
    return skipped(fmt::format("{}: {}, and the model was sealed on the CPU", check.title, why));
  return failed(fmt::format("{} differs: {}", check.title, why), result.expected, "no CUDA",
                cannot_load ? "mend what env.torch.build names" : std::string(check.remedy));
}

}  // namespace

Finding compare_fact(const Check& check, const Observation& observed, const CheckSettings& settings) {
  const auto* const sealed = observed.sealed.environment.find(check.fact);
  const auto* const found = observed.machine.environment.find(check.fact);
  if (settings.rule.kind == RuleKind::ignore) return skipped(fmt::format("{}: the policy ignores it", check.title));
  if (sealed == nullptr && settings.rule.values.empty())
    return skipped(fmt::format("{}: the seal does not say", check.title));
  if (const auto why = unused(check, observed, settings); !why.empty())
    return skipped(fmt::format("{}: {}", check.title, why));
  const auto result = judge(settings.rule, sealed, found);
  Finding finding;
  switch (result.outcome) {
    case RuleOutcome::holds:
      finding = passed(fmt::format("{}: {}", check.title, result.actual));
      break;
    case RuleOutcome::broken:
      finding = failed(describe_breach(check, result), result.expected, result.actual, std::string(check.remedy));
      break;
    case RuleOutcome::unsealed:
      return skipped(fmt::format("{}: the seal does not say", check.title));
    case RuleOutcome::missing:
      if (auto without = judge_without_cuda(check, observed, settings, result)) return std::move(*without);
      if (check.fact.starts_with("python.") && observed.machine.asked_pytorch &&
          !observed.machine.environment.has("python.version"))
        return skipped(fmt::format("{}: no Python runs the model here", check.title));
      if (!observed.machine.asked_pytorch)
        return skipped(fmt::format("{}: known only where PyTorch runs (verify, or probe --runtime)", check.title));
      finding = undecided(fmt::format(
          "{} is {}", check.title,
          is_not_installed(check, observed.machine.environment) ? "not installed here" : "not known of this machine"));
      break;
    case RuleOutcome::incomparable:
      finding = undecided(fmt::format("{} cannot be compared: {}", check.title, result.detail));
      break;
  }
  finding.expected = result.expected;
  finding.actual = result.actual;
  finding.origin = found == nullptr ? "" : found->origin;
  return finding;
}

}  // namespace goldseal
