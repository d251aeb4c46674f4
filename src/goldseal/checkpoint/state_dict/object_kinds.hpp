// SPDX-License-Identifier: Apache-2.0
// A message helps more if it knows that a class is an optimizer or a configuration. This table
// names the kinds of objects that training scripts save. held_objects.cpp finds them.
#pragma once

#include <string_view>

namespace goldseal::pickle {

/// Kinds of values that training scripts leave in checkpoints, in the words of a message.
struct ObjectKind {
  std::string_view prefix;  ///< of the class's dotted name
  std::string_view part;    ///< that the name holds besides; empty for all below the prefix
  std::string_view what;
  std::string_view instead;  ///< what to keep in its place, so that the file needs no class; may be empty
};

/// The first row of the table that suits the class, or null.
[[nodiscard]] const ObjectKind* object_kind(std::string_view type);

}  // namespace goldseal::pickle
