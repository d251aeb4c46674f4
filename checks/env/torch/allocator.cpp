// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>
#include <checks/tables.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/shared/file_root.hpp>

#include <fmt/format.h>

#include <vector>

namespace goldseal {
namespace {

constexpr std::string_view k_old_name = "PYTORCH_CUDA_ALLOC_CONF";
constexpr std::string_view k_new_name = "PYTORCH_ALLOC_CONF";

// The names of `name:value,name:[a:1,b:2],…`: a value in brackets has commas of its own.
std::vector<std::string_view> option_names(std::string_view text) {
  std::vector<std::string_view> names;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ',';
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (c != ',' || depth > 0) continue;
    const auto entry = trimmed(text.substr(begin, i - begin));
    if (!entry.empty()) names.push_back(trimmed(entry.substr(0, entry.find(':'))));
    begin = i + 1;
  }
  return names;
}

Finding judge_options(const Observation& observed, std::string_view variable, std::string_view value,
                      const Version& torch) {
  for (const auto name : option_names(value)) {
    const auto since = allocator_option_since(name);
    if (!since)
      return warned(
          fmt::format("{}: the option {} is not known to goldseal; a PyTorch that does not know it refuses to "
                      "use the GPU",
                      variable, escape_unprintable(name)),
          "an option that this PyTorch documents", escape_unprintable(value),
          fmt::format("unset {}, or check its spelling", variable));
    if (torch < *parse_version(*since))
      return gpu_breach(
          observed,
          fmt::format("{}: PyTorch knows the option {} from {} on: \"Unrecognized CachingAllocator option\"", variable,
                      name, *since),
          fmt::format("PyTorch {} or newer", *since), torch_text(observed, "torch.version").value_or(""),
          fmt::format("unset {}", variable));
  }
  return passed(fmt::format("PyTorch knows the options of {}", variable));
}

Finding judge_allocator(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto old_value = machine.text("variable.PYTORCH_CUDA_ALLOC_CONF");
  const auto new_value = machine.text("variable.PYTORCH_ALLOC_CONF");
  if (!old_value && !new_value) return skipped("no allocator settings");
  const auto torch = parse_version(torch_text(observed, "torch.version").value_or(""));
  if (!torch) return undecided("the version of PyTorch is not known");
  const auto since = allocator_new_name_since();
  if (new_value && *torch < *parse_version(since))
    return warned(fmt::format("{} is read from PyTorch {} on; this one ignores it", k_new_name, since),
                  std::string(k_old_name), std::string(k_new_name), fmt::format("set {} as well", k_old_name));
  if (new_value && torch->same_until(*parse_version("2.9"), 2) &&
      new_value->find("expandable_segments") != std::string::npos)
    return warned("PyTorch 2.9 ignores expandable_segments in PYTORCH_ALLOC_CONF (pytorch/pytorch#183387)",
                  std::string(k_old_name), std::string(k_new_name), fmt::format("set {} instead", k_old_name));
  return old_value ? judge_options(observed, k_old_name, *old_value, *torch)
                   : judge_options(observed, k_new_name, *new_value, *torch);
}

}  // namespace

const Check k_env_allocator{
    .id = "env.allocator",
    .title = "Settings of the CUDA allocator",
    .explanation =
        "PYTORCH_CUDA_ALLOC_CONF and its newer name, against what this PyTorch knows: an older one refuses an option "
        "it "
        "does not know (\"Unrecognized CachingAllocator option: expandable_segments\"), and silently ignores the newer "
        "name. The options and the releases that brought them are in checks/tables/allocator.toml.",
    .severity = Severity::fail,
    .judge = judge_allocator,
};

}  // namespace goldseal
