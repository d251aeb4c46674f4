// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/shared/probes.hpp>

#include <goldseal/base/messages/text.hpp>

#include <array>
#include <utility>

namespace goldseal {

void probe_limits(const ProbeContext& context, const FactSink& fact) {
  constexpr const char* k_path = "/proc/self/limits";
  constexpr std::array<std::pair<std::string_view, const char*>, 6> k_names{{
      {"Max open files", "limit.open_files"},
      {"Max processes", "limit.processes"},
      {"Max stack size", "limit.stack_bytes"},
      {"Max locked memory", "limit.locked_memory_bytes"},
      {"Max address space", "limit.address_space_bytes"},
      {"Max data size", "limit.data_bytes"},
  }};
  const auto text = context.files.read(k_path).value_or("");
  for (const auto line : split(text, '\n')) {
    for (const auto& [key, name] : k_names) {
      if (!line.starts_with(key)) continue;
      const auto rest = trimmed(line.substr(key.size()));
      // The soft limit; `unlimited` is not a number and leaves the fact out.
      if (const auto limit = parse_number(rest.substr(0, rest.find(' ')))) fact(name, *limit, k_path);
    }
  }
}

}  // namespace goldseal
