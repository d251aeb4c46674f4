// SPDX-License-Identifier: Apache-2.0
#include <goldseal/verdict/evidence.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace goldseal {
namespace {

constexpr std::array<std::pair<TensorState, std::string_view>, 6> k_tensor_states{
    {{TensorState::verified, "verified"},
     {TensorState::loaded, "loaded"},
     {TensorState::changed, "changed"},
     {TensorState::mismatched, "mismatched"},
     {TensorState::missing, "missing"},
     {TensorState::unexpected, "unexpected"}}};

}  // namespace

std::string_view to_string(TensorState state) {
  const auto* const found = std::ranges::find(k_tensor_states, state, [](const auto& entry) { return entry.first; });
  return found == k_tensor_states.end() ? "?" : found->second;
}

std::optional<TensorState> parse_tensor_state(std::string_view text) {
  const auto* const found = std::ranges::find(k_tensor_states, text, [](const auto& entry) { return entry.second; });
  if (found == k_tensor_states.end()) return std::nullopt;
  return found->first;
}

}  // namespace goldseal
