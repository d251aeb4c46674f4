// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/checkpoint/checkpoint.hpp>
#include <goldseal/checkpoint/pickle.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace goldseal::pickle {

/// Where the bytes of the storage with this key are; `bytes` is what the pickle says of its length. Throws
/// Error{malformed} where there is none, or one of another length.
using FindStorage = std::function<Storage(std::string_view key, std::uint64_t bytes)>;

/// Finds the state dicts in a document, chooses one, and fills in `entry`, `entries`, `candidates`, `storages`,
/// `tensors` and `notes` of `checkpoint`, whose files are there already. `where` names the pickle in errors. Throws
/// Error{malformed} for a tensor outside its storage or rebuilt in a way torch.save does not write, Error{usage} where
/// the entry asked for is missing or several fit, Error{unsupported} where there is none.
void read_state_dict(const Document& document, const std::string& where, const FindStorage& find,
                     const OpenOptions& options, Checkpoint& checkpoint);

}  // namespace goldseal::pickle
