// SPDX-License-Identifier: Apache-2.0
// A seal knows neither supplier nor licence nor training data; whoever has the model may. This file adds their words to
// a document and lets none of them gainsay the seal.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace goldseal::bom {

/// Adds the members of `more` that `document` lacks, at every depth; lists are continued. Throws Error{usage} with the
/// member's path where both say something else.
void merge(nlohmann::ordered_json& document, const nlohmann::ordered_json& more, const std::string& where);

}  // namespace goldseal::bom
