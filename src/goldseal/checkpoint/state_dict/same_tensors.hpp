// SPDX-License-Identifier: Apache-2.0
// Training scripts save the same weights under two names. Choosing between them matters only if
// they differ, which this function tells. state_dict_search.cpp makes the choice.
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>

namespace goldseal::pickle {

/// True where two mappings give the same names to the same views of the same storages, in the same order, so that it
/// makes no difference which of them is read. Other values than tensors are passed over.
[[nodiscard]] bool same_tensors(const Document& document, Id a, Id b);

}  // namespace goldseal::pickle
