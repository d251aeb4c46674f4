// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/shared/key_facts.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace goldseal {
namespace {

// `w (sparse_coo)`: of the first missing tensor, what the file's note calls it; empty where no note names it.
std::string kind_of_unread(const Checkpoint& checkpoint, const std::string& name) {
  const auto note = std::ranges::find(checkpoint.notes, "state-dict.unsupported-tensors", &Note::rule);
  if (note == checkpoint.notes.end()) return {};
  const auto start = fmt::format(" {} (", escape_unprintable(name));
  const auto at = note->message.find(start);
  if (at == std::string::npos) return {};
  const auto begin = at + start.size();
  return note->message.substr(begin, note->message.find(')', begin) - begin);
}

bool tell_unread(const Checkpoint& checkpoint, KeyMatch& match, const std::vector<Key>& want) {
  if (match.missing.empty()) return false;
  const auto& first = want[match.missing.front()].name;
  const auto kind = kind_of_unread(checkpoint, first);
  if (kind.empty()) return false;
  match.cause = fmt::format("the checkpoint names {}, as a tensor that cannot be read: {}", escape_unprintable(first), kind);
  match.remedy = kind.find("meta") != std::string::npos
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
