// SPDX-License-Identifier: Apache-2.0
// Libraries define tensor subclasses, and each needs its own remedy. This table has one row a
// library. tensor_subclass.cpp asks it.
#pragma once

#include <string>
#include <string_view>

namespace goldseal::pickle {

/// The subclasses of torch.Tensor that a library defines, in the words of a message.
struct SubclassFamily {
  std::string_view prefix;  ///< of the class's dotted name
  std::string_view part;    ///< that the name holds besides; empty for all below the prefix
  std::string_view what;
  std::string_view remedy;  ///< `{}` stands for the loaded state dict
};

/// The first row of the table that suits the class; the last suits all.
[[nodiscard]] const SubclassFamily& family_of(std::string_view type);

/// What to do, with the expression that loads the state dict put in.
[[nodiscard]] std::string remedy_for(const SubclassFamily& family, std::string_view state_dict);

}  // namespace goldseal::pickle
