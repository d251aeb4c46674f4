// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/trials.hpp>

#include <checks/golden/output_verdicts.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/workflow/answers/output_comparison.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace goldseal {
namespace {

// Reversed channels explain a native run where they leave at most 1/8 of the difference: where it is just over the
// limit, chance alone could bring it below.
constexpr double k_channels_drop = 8;
// The least height and width of a picture: three numbers beside a few others are hardly colours.
constexpr std::int64_t k_least_side = 8;

// For a tensor with three channels, first or last.
bool has_sides_of_a_picture(const HostTensor& input) {
  return std::ranges::count_if(input.shape, [](std::int64_t size) { return size >= k_least_side; }) >= 2;
}

// The inputs with the channels of every picture among them reversed; nothing where there is none.
std::optional<std::vector<HostTensor>> with_channels_reversed(std::vector<HostTensor> inputs) {
  bool reversed = false;
  for (auto& input : inputs) {
    auto other = has_sides_of_a_picture(input) ? golden::channels_reversed(input) : std::nullopt;
    if (!other) continue;
    input = std::move(*other);
    reversed = true;
  }
  return reversed ? std::optional(std::move(inputs)) : std::nullopt;
}

// A native run made once more with one setting changed.
struct OtherSetting {
  std::string name;
  RunRequest request;
  std::string remedy;  // where the setting was the cause; empty where that calls for nothing of its own
};

// One setting each, beside those that `--set` gave: where these are themselves the cause, the first run tells.
std::vector<OtherSetting> settings_to_try(const RunPlace& place) {
  const auto& given = place.settings;
  std::vector<OtherSetting> settings;
  const auto add = [&](std::string name, std::string remedy = "") -> RunRequest& {
    settings.push_back({std::move(name), given, std::move(remedy)});
    return settings.back().request;
  };
  if (place.judges_compiled)
    add("the code run eagerly, not compiled",
        "what the compiler makes of the code answers otherwise: leave torch.compile out, try another mode or backend, and "
        "report it to PyTorch")
        .compiled = false;
  if (given.threads || given.onednn || given.channels_last || given.tf32 == true)
    add("nothing of --set", "leave out the settings that --set gave, here and where the model runs") = RunRequest{};
  if (given.tf32 != false) {
    add("TF32 off",
        "set torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32 to False where the model "
        "runs, or judge under a policy whose precision is \"tf32\"")
        .tf32 = false;
  }
  if (const auto threads = place.sealed.environment.integer("numerics.threads"))
    add(fmt::format("{} threads, as sealed", *threads)).threads = static_cast<int>(*threads);
  if (given.onednn != false) add("oneDNN off").onednn = false;
  const bool contiguous = given.channels_last.value_or(false);
  add(contiguous ? "inputs contiguous" : "inputs channels last").channels_last = !contiguous;
  if (place.device.is_gpu()) add("the CPU").device = Device();
  return settings;
}

// A run that this machine cannot make tells nothing; one that ends the worker ends the verification's run.
template <typename Run>
std::optional<std::vector<HostTensor>> outputs_of(const RunPlace& place, Run run) {
  try {
    return run();
  } catch (const Error& error) {
    if (!is_of_model(error.kind()) || place.worker.failure()) throw;
    return std::nullopt;
  }
}

bool has_float64_run(const RunFindings& findings, const CaseOnDevice& where) {
  return std::ranges::any_of(findings.outputs,
                             [&](const OutputObservation& output) { return where.holds(output) && output.float64; });
}

}  // namespace

void try_settings(const RunPlace& place, const CaseRunner& runner, const golden::GoldenTensors& golden,
                  RunFindings& findings) {
  if (!native_alone_differs(findings, {golden.name, place.label}, place.request.policy)) return;
  for (const auto& [setting, request, remedy] : settings_to_try(place)) {
    place.log.progress.step(fmt::format("running {} with {}", golden.name, setting));
    const auto outputs = outputs_of(place, [&, &changed = request] { return runner.run(changed); });
    if (!outputs) continue;
    const auto severity = worst_severity(golden, *outputs, Compute::native, place.request.policy);
    findings.trials.push_back({.golden_case = run_name(golden.name, place.label),
                               .setting = setting,
                               .severity = severity,
                               .remedy = remedy});
    if (severity <= 1) break;
  }
  place.log.stopwatch.lap("runs with one setting changed");
}

void try_channels(const RunPlace& place, const golden::GoldenTensors& golden, const CaseResults& results,
                  RunFindings& findings) {
  const auto& policy = place.request.policy;
  const CaseOnDevice where{golden.name, place.label};
  const auto compute = differing_run(place.sealed.model, findings, where, policy);
  const bool in_float64 = compute == Compute::float64;
  if (!compute || (!in_float64 && has_float64_run(findings, where))) return;
  const auto inputs = with_channels_reversed(golden.inputs);
  if (!inputs) return;
  place.log.progress.step(fmt::format("running {} with the channels of its input reversed", golden.name));
  auto request = in_float64 ? RunRequest{} : place.settings;
  request.compute = *compute;
  const auto outputs = outputs_of(place, [&] { return CaseRunner(place.worker, *inputs, "reversed").run(request); });
  if (outputs) {
    const double before = worst_severity(golden, results.native, Compute::native, policy);
    findings.trials.push_back(
        {.golden_case = run_name(golden.name, place.label),
         .setting = "the channels of its input reversed",
         .severity = worst_severity(golden, *outputs, *compute, policy),
         .run = *compute,
         .cause = "the network, or what wraps it here, takes BGR for RGB or RGB for BGR",
         .remedy = "leave the order of the channels as the sealed network takes it: look for [..., ::-1], flip or "
                   "cvtColor in what builds the network here",
         .agrees_at = in_float64 ? 1 : std::min(1.0, before / k_channels_drop)});
  }
  place.log.stopwatch.lap("run with the channels reversed");
}

}  // namespace goldseal
