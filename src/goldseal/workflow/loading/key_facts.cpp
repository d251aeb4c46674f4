// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/key_facts.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace goldseal {
namespace {

// What a note of the file calls the tensor; nothing where no note names it.
std::optional<UnreadKind> kind_of_unread(const Checkpoint& checkpoint, std::string_view name) {
  for (const auto& note : checkpoint.notes) {
    const auto found = std::ranges::find(note.unread, name, &UnreadTensor::name);
    if (found != note.unread.end()) return found->kind;
  }
  return std::nullopt;
}

bool tell_unread(const Checkpoint& checkpoint, KeyMatch& match, const std::vector<Key>& want) {
  if (match.missing.empty()) return false;
  const auto& first = want[match.missing.front()].name;
  const auto kind = kind_of_unread(checkpoint, first);
  if (!kind) return false;
  match.cause = fmt::format("the checkpoint names {}, as a tensor that cannot be read: {}", escape_unprintable(first), to_string(*kind));
  match.remedy = *kind == UnreadKind::meta
                     ? "save it again where the network has its values: a tensor on the meta device has none"
                     : "save it as a plain tensor: to_dense() of a sparse one, resolve_conj() of a conjugate view";
  return true;
}

bool tell_resized(const BuiltNetwork& network, KeyObservation& keys) {
  auto& match = keys.match;
  const auto shaped = std::ranges::find(match.mismatched, true, &KeyMismatch::shape);
  if (network.load_steps.empty() || shaped == match.mismatched.end()) return false;
  if (!match.missing.empty() || !match.unexpected.empty()) return false;
  const auto& step = network.load_steps.front();
  match.cause = fmt::format("{} is {}, {} wanted: it was saved for another size, and code of the network's own, which takes "
                            "part when PyTorch loads it, may resize it ({})",
                            escape_unprintable(keys.want[shaped->want].name), format_shape(keys.have[shaped->have].shape),
                            format_shape(keys.want[shaped->want].shape), escape_unprintable(step.what));
  match.remedy = "seal what the loading makes: load the checkpoint into the network, save its state_dict(), and seal that file";
  return true;
}

}  // namespace

void tell_what_is_known(const Checkpoint& checkpoint, const BuiltNetwork& network, KeyObservation& keys) {
  if (keys.match.complete()) return;
  if (tell_unread(checkpoint, keys.match, keys.want)) return;
  tell_resized(network, keys);
}

}  // namespace goldseal
