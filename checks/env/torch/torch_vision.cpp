// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>
#include <checks/tables.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

// What is expected where the two do not go together; nothing where they do, or where that is not known.
std::optional<std::string> wanted_instead(const Version& vision, const Version& torch) {
  const auto open = open_torchvision();
  if (open.runs_with(torch) && vision >= *parse_version(open.torchvision)) return std::nullopt;
  if (const auto wanted = torchvision_for(torch)) {
    if (vision.same_until(*parse_version(*wanted), 2)) return std::nullopt;
    return fmt::format("torchvision {}.x", *wanted);
  }
  if (open.runs_with(torch)) return fmt::format("torchvision {} or newer", open.torchvision);
  return std::nullopt;
}

bool is_listed(const Version& torch) { return torchvision_for(torch) || open_torchvision().runs_with(torch); }

Finding judge_torch_vision(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto vision_text = machine.text("python.package.torchvision");
  const auto torch_of_python = machine.text("python.package.torch");
  const auto torch_text = torch_of_python ? torch_of_python : machine.text("torch.version");
  const auto vision = vision_text ? parse_version(*vision_text) : std::nullopt;
  const auto torch = torch_text ? parse_version(*torch_text) : std::nullopt;
  if (!vision || !torch) return skipped("no torchvision is known of this machine");
  const auto actual = fmt::format("torchvision {} with PyTorch {}", *vision_text, *torch_text);
  if (const auto wanted = wanted_instead(*vision, *torch))
    return failed("torchvision was built for another PyTorch: \"operator torchvision::nms does not exist\"", *wanted,
                  actual, fmt::format("install {} from the same index as PyTorch", *wanted));
  if (!vision->label.empty() && !torch->label.empty() && vision->label != torch->label)
    return failed(
        "torchvision and PyTorch are builds for two CUDA versions: \"operator torchvision::nms does not exist\"",
        fmt::format("torchvision +{}", torch->label), actual, "install both from the same index");
  if (!is_listed(*torch))
    return undecided(fmt::format("which torchvision goes with PyTorch {} is not listed", *torch_text));
  return passed(fmt::format("{} go together", actual));
}

}  // namespace

const Check k_env_torch_vision{
    .id = "env.torch.vision",
    .title = "torchvision against PyTorch",
    .explanation =
        "Each torchvision release is compiled for one CUDA version, and before 0.29.1 against one PyTorch release; "
        "later ones go with PyTorch 2.14 and what follows it. Another pair imports with a warning and then lacks its "
        "operators: \"operator torchvision::nms does not exist\".",
    .severity = Severity::fail,
    .judge = judge_torch_vision,
};

}  // namespace goldseal
