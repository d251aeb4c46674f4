// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/shared/file_root.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace goldseal {
namespace {

// The location with the highest number.
std::optional<std::string> farthest(const std::vector<std::string>& locations) {
  const auto last =
      std::ranges::max_element(locations, {}, [](const auto& l) { return Device(l).gpu_index().value_or(-1); });
  return last == locations.end() || !Device(*last).gpu_index() ? std::nullopt : std::optional(*last);
}

// The devices that PyTorch would count here; nothing where that is not known.
std::optional<std::int64_t> device_count(const Environment& machine) {
  if (is_rocm(machine)) return std::nullopt;  // PyTorch counts AMD's GPUs too, and no probe does
  const bool knows_build = machine.has("torch.version") && !machine.has("torch.cuda_build");
  if (knows_build && machine.boolean("torch.cuda") != true) return 0;
  if (const auto told = machine.integer("driver.cuda_device_count")) return told;
  if (machine.text("driver.libcuda").value_or("ok") != "ok") return 0;
  const auto gpus = visible_gpus(machine).size();
  return gpus == 0 ? std::nullopt : std::optional(static_cast<std::int64_t>(gpus));
}

Finding judge_gpu_location(const Observation& observed, const CheckSettings&) {
  const auto location = farthest(observed.sealed.model.locations);
  if (!location) return skipped("no tensor is recorded as saved from a GPU");
  const auto count = device_count(observed.machine.environment);
  if (!count) return skipped("how many CUDA devices this machine has is not known");
  const auto index = *Device(*location).gpu_index();
  const auto shown = escape_unprintable(*location);
  if (index < *count) return passed(fmt::format("there is a device {}, which tensors were saved from", shown));
  const auto expected = fmt::format("a device {}, or map_location", shown);
  if (*count == 0)
    return failed(fmt::format("tensors were saved from {}, and torch.load without map_location says \"Attempting to "
                              "deserialize object on a CUDA device but torch.cuda.is_available() is False\"",
                              shown),
                  expected, "no CUDA device", "load the file with map_location='cpu', as goldseal does");
  return failed(fmt::format("tensors were saved from {}, and torch.load without map_location says \"Attempting to "
                            "deserialize object on CUDA device {} but torch.cuda.device_count() is {}\"",
                            shown, index, *count),
                expected, *count == 1 ? std::string("1 device") : fmt::format("{} devices", *count),
                fmt::format("load the file with map_location={{'{}': 'cuda:0'}}, or map_location='cpu'", shown));
}

}  // namespace

const Check k_env_gpu_location{
    .id = "env.gpu.location",
    .title = "Devices that tensors were saved from",
    .explanation =
        "A file of torch.save says of each tensor which device it was on. torch.load puts it there again, and fails "
        "where this machine has no such device: \"Attempting to deserialize object on CUDA device 2 but "
        "torch.cuda.device_count() is 1\". goldseal puts tensors where they are needed, so that its own runs do not "
        "depend on it; your program's call of torch.load may.",
    .severity = Severity::warn,
    .judge = judge_gpu_location,
};

}  // namespace goldseal
