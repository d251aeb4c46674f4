// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/network.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>

namespace goldseal::worker {

/// The tensors that a `load` request's document places in files, by state entry. Their memory is the mapped file, one
/// storage for each distinct (file, begin, bytes); nothing is read or copied, except a storage whose first byte is not
/// aligned for its elements. File names are relative to `directory`. Throws Refusal: `usage` for a document that makes
/// no sense, `malformed` for a tensor that reaches beyond its storage or a storage beyond its file.
NamedTensors map_tensors(const nlohmann::json& document, const std::string& directory);

/// Puts `tensors` into the network's state entries of those names. Throws Refusal (`usage`) and changes nothing if a
/// name, a shape or a dtype is not the state entry's, or if a persistent state entry gets no tensor, but for those of
/// `kept`, which must hold a value of the network's own (else `unsupported`).
void fill_slots(Network& network, const NamedTensors& tensors, const std::set<std::string>& kept = {});

/// The same for tensors that belong to the architecture: only into state entries that are not persistent, and those
/// that get none stay as they are.
void fill_constants(Network& network, const NamedTensors& tensors);

}  // namespace goldseal::worker
