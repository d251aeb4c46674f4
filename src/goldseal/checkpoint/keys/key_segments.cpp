// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/key_segments.hpp>

#include <goldseal/base/messages/text.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace goldseal {
namespace {

using namespace std::string_view_literals;

// torch.nn.DataParallel and DistributedDataParallel; torch.compile; FSDP; torch's checkpoint_wrapper; DeepSpeed and
// Lightning's precision plugin.
constexpr std::array k_wrappers{"module"sv, "_orig_mod"sv, "_fsdp_wrapped_module"sv, "_checkpoint_wrapped_module"sv,
                                "_forward_module"sv};

// The attribute names under which training scripts keep the network, and those of common EMA classes.
constexpr std::array k_leading{"model"sv,     "net"sv,       "network"sv,        "ema"sv,
                               "ema_model"sv, "model_ema"sv, "averaged_model"sv, "online_model"sv,
                               "student"sv,   "shadow"sv};

/// Whether `to` is `from` without some wrapper segments, which go to `removed`. Keeping the first that fits is right:
/// a wrapper can be left out later as well as now.
bool leave_out_wrappers(std::span<const std::string_view> from, std::span<const std::string_view> to,
                        std::vector<std::string_view>& removed) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (kept < to.size() && from[i] == to[kept]) {
      ++kept;
    } else if (is_wrapper_segment(from[i])) {
      removed.push_back(from[i]);
    } else {
      return false;
    }
  }
  return kept == to.size();
}

}  // namespace

bool is_wrapper_segment(std::string_view segment) { return std::ranges::find(k_wrappers, segment) != k_wrappers.end(); }
bool is_leading_segment(std::string_view segment) { return std::ranges::find(k_leading, segment) != k_leading.end(); }

std::string without_wrappers(std::string_view name) {
  std::string result;
  result.reserve(name.size());
  while (true) {
    const auto dot = name.find('.');
    if (dot == std::string_view::npos) break;
    if (!is_wrapper_segment(name.substr(0, dot))) result += name.substr(0, dot + 1);
    name.remove_prefix(dot + 1);
  }
  result += name;
  return result;
}

bool removed_between(std::string_view longer, std::string_view shorter, std::vector<std::string_view>& removed) {
  if (longer == shorter) return true;
  const auto from = split(longer, '.');
  const auto to = split(shorter, '.');
  for (std::size_t begin = 0; from.size() - begin >= to.size(); ++begin) {
    std::vector<std::string_view> found(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(begin));
    if (leave_out_wrappers(std::span(from).subspan(begin), to, found)) {
      removed.insert(removed.end(), found.begin(), found.end());
      return true;
    }
    if (!is_wrapper_segment(from[begin]) && !is_leading_segment(from[begin])) return false;
  }
  return false;
}

}  // namespace goldseal
