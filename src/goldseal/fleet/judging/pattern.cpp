// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/pattern.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

namespace goldseal::fleet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_outputs = "outputs.safetensors";
constexpr std::uintmax_t k_most_bytes = 1U << 30U;
constexpr std::size_t k_most_outputs = 3;
constexpr double k_mostly = 0.8;  // of the gaps between differing elements are the same: a stride

// The outputs below one of the roots, with links resolved; nothing where they lie elsewhere or are not there.
std::optional<fs::path> outputs_below(const std::vector<fs::path>& roots, const fs::path& results) {
  std::error_code error;
  const auto file = fs::canonical(results / k_outputs, error);
  if (error || !fs::is_regular_file(file, error) || fs::file_size(file, error) > k_most_bytes) return std::nullopt;
  for (const auto& root : roots) {
    const auto top = fs::canonical(root, error);
    if (error) continue;
    const auto [end, unused] = std::mismatch(top.begin(), top.end(), file.begin(), file.end());
    if (end == top.end()) return file;
  }
  return std::nullopt;
}

std::vector<std::size_t> differing(const HostTensor& a, const HostTensor& b) {
  const auto size = item_size(a.dtype);
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < a.numel(); ++i)
    if (std::memcmp(a.bytes.data() + i * size, b.bytes.data() + i * size, size) != 0) places.push_back(i);
  return places;
}

std::string stride_of(const std::vector<std::size_t>& places) {
  if (places.size() < 3) return {};
  std::map<std::size_t, std::size_t> gaps;
  for (std::size_t i = 1; i < places.size(); ++i) ++gaps[places[i] - places[i - 1]];
  const auto usual = std::ranges::max_element(gaps, {}, [](const auto& gap) { return gap.second; });
  if (static_cast<double>(usual->second) < k_mostly * static_cast<double>(places.size() - 1)) return ", without a stride";
  return usual->first == 1 ? std::string(", side by side") : fmt::format(", {} apart", usual->first);
}

double largest(const HostTensor& a, const HostTensor& b, const std::vector<std::size_t>& places) {
  double most = 0;
  for (const auto place : places) {
    double x = 0;
    double y = 0;
    copy_as_double(a, place, {&x, 1});
    copy_as_double(b, place, {&y, 1});
    most = std::isfinite(x - y) ? std::max(most, std::abs(x - y)) : std::numeric_limits<double>::infinity();
  }
  return most;
}

std::string compare(const HostTensor& a, const HostTensor& b, std::string_view name) {
  if (a.dtype != b.dtype || a.shape != b.shape) return fmt::format("{} has another shape or type", name);
  const auto places = differing(a, b);
  if (places.empty()) return {};
  auto text = fmt::format("{} of {} elements of {} differ, the first at {}{}", places.size(), a.numel(), name, places.front(), stride_of(places));
  if (converts_to_double(a.dtype)) text += fmt::format(", by up to {:.3g}", largest(a, b, places));
  return text;
}

}  // namespace

std::string differing_elements(const std::vector<fs::path>& roots, const std::string& results, const std::string& peer,
                               const std::string& golden, bool float64) {
  const auto own_file = outputs_below(roots, results);
  const auto peer_file = outputs_below(roots, peer);
  if (!own_file || !peer_file) return {};
  try {
    const auto own = read_tensors(*own_file);
    const auto others = read_tensors(*peer_file);
    const auto prefix = fmt::format("{}/{}/", golden, float64 ? "float64" : "native");
    std::string text;
    std::size_t shown = 0;
    for (const auto& tensor : own) {
      const auto* const other = find_tensor(others, tensor.name);
      if (!tensor.name.starts_with(prefix) || other == nullptr || shown == k_most_outputs) continue;
      const auto found = compare(tensor, *other, escape_unprintable(tensor.name.substr(prefix.size())));
      if (found.empty()) continue;
      ++shown;
      text += (text.empty() ? "" : "; ") + found;
    }
    return text;
  } catch (const Error&) {
    return {};  // kept outputs only add to what is told: the digests have decided
  }
}

}  // namespace goldseal::fleet
