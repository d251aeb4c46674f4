// SPDX-License-Identifier: Apache-2.0
#include "numerics/streaming.hpp"

#include "numerics/tensor_facts.hpp"
#include "protocol/error.hpp"

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <optional>

namespace goldseal::worker {
namespace {

std::int64_t elements_of(const StateEntry& entry) {
  std::int64_t count = 1;
  for (const auto size : entry.shape) count *= size;
  return count;
}

std::int64_t converted_bytes(const Network& network, at::ScalarType dtype) {
  std::int64_t total = 0;
  for (const auto& entry : network.state_entries())
    if (is_plain_floating(entry.dtype)) total += elements_of(entry) * static_cast<std::int64_t>(c10::elementSize(dtype));
  return total;
}

// As far as the system says.
std::optional<std::int64_t> free_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::int64_t kibibytes = 0;
  while (file >> name >> kibibytes) {
    if (name == "MemAvailable:") return kibibytes * 1024;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

std::string gigabytes(std::int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) * 1e-9);
  return text;
}

}  // namespace

std::set<std::string> Streaming::names(const Network& network, const Conversion& conversion) const {
  std::set<std::string> found;
  if (!m_streams || !network.streams() || !conversion.dtype || !conversion.device.is_cpu()) return found;
  if (converted_bytes(network, *conversion.dtype) < k_few_bytes) return found;
  const auto& entries = network.state_entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].parameter || !is_plain_floating(entries[i].dtype) || elements_of(entries[i]) <= k_few_elements)
      continue;
    if (m_copied.count(entries[i].name) == 0 && network.get(i).layout() == at::kStrided) found.insert(entries[i].name);
  }
  return found;
}

void Streaming::learn(const Network& network, const Conversion& conversion) {
  if (auto name = take_unstreamable()) {
    m_copied.insert(std::move(*name));
    return;
  }
  // Also what the network raises for its own reasons: the copies will raise it again.
  const auto needed = converted_bytes(network, *conversion.dtype);
  const auto free = free_bytes();
  if (free && needed > *free)
    throw Refusal(RefusalKind::unsupported,
                  std::string("its weights cannot be converted one at a time (") +
                      refusal_from_current_exception().what() + "); copies of all of them need " + gigabytes(needed) +
                      ", " + gigabytes(*free) + " are free",
                  {}, "seal it on a machine with more memory, or with --depth quick");
  m_streams = false;
}

}  // namespace goldseal::worker
