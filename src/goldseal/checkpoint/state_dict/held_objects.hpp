// SPDX-License-Identifier: Apache-2.0
// A checkpoint may hold objects of a script's own classes beside the weights. This file finds those
// objects and says how to save the weights without them. Nothing here builds the objects.
#pragma once

#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <span>
#include <string>
#include <vector>

namespace goldseal::pickle {

/// True where the document names a class or function that is on no list (Rules::foreign admitted it).
[[nodiscard]] bool has_foreign(const Document& document);

/// The values of such classes, outermost first, each class's first one; what lies within them is not looked at, nor are
/// tensors.
[[nodiscard]] std::vector<HeldObject> find_objects(const Document& document);

/// What a file with such values is and how its weights are had without them: unsupported. `chosen` is the state dict
/// that would be read, or null.
[[nodiscard]] Error objects_error(const Document& document, const std::string& where,
                                  std::span<const HeldObject> objects, const Entry* chosen);

}  // namespace goldseal::pickle
