// SPDX-License-Identifier: Apache-2.0
// Between a pickle's symbols and a table of tensors lies the question which dict holds the weights.
// This file answers it and fills the table. Finding candidates and rebuilding tensors have files of
// their own beside it.
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/state_dict/storage_id.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <functional>
#include <string>

namespace goldseal::pickle {

/// Where the bytes of a storage are, the whole of it for a view. Throws Error{malformed} where the
/// storage is missing or has another length.
using FindStorage = std::function<Storage(const StorageId& id)>;

/// Finds the state dicts in a document, chooses one, and fills in `entry`, `entries`, `candidates`, `storages`,
/// `tensors` and `notes` of `checkpoint`, whose files are there already. `where` names the pickle in errors. Throws
/// Error{malformed} for a tensor outside its storage or rebuilt in a way torch.save does not write, Error{usage} where
/// the entry asked for is missing or several fit, Error{unsupported} without a state dict.
void read_state_dict(const Document& document, const std::string& where, const FindStorage& find,
                     const OpenOptions& options, Checkpoint& checkpoint);

/// A document that is an extra state as a whole: adds it to the checkpoint's.
void read_whole_extra_state(const Document& document, const std::string& where, const FindStorage& find,
                            const std::string& name, Checkpoint& checkpoint);

/// The same for the `data.pkl` of a TorchScript archive: the tensors among the attributes of its modules, under their
/// dotted paths.
void read_module_state(const Document& document, const std::string& where, const FindStorage& find,
                       Checkpoint& checkpoint);
/// The tensors in a tuple, as `prefix.0` and so on: the constants of a TorchScript archive.
void read_tensor_tuple(const Document& document, const std::string& where, const FindStorage& find,
                       const std::string& prefix, Checkpoint& checkpoint);

}  // namespace goldseal::pickle
