// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "checkpoint/archive_builder.hpp"

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::test {

/// Files built on the fly, byte for byte as PyTorch writes them unless a test asks for something else.

/// The opcodes of a pickle, put together by name.
class Pickle {
 public:
  Pickle& raw(std::string_view bytes) {
    m_bytes += bytes;
    return *this;
  }
  Pickle& global(std::string_view module, std::string_view name) {
    return raw("c").raw(module).raw("\n").raw(name).raw("\n");
  }
  Pickle& text(std::string_view value);
  Pickle& integer(std::int32_t value);
  /// A storage's persistent id, then what _rebuild_tensor_v2 takes, and the call.
  Pickle& tensor(std::string_view storage_class, std::string_view key, std::int32_t count, std::int32_t offset,
                 const std::vector<std::int32_t>& shape, const std::vector<std::int32_t>& strides);
  Pickle& tuple(const std::vector<std::int32_t>& values);
  [[nodiscard]] const std::string& body() const { return m_bytes; }
  [[nodiscard]] std::string stop() const { return "\x80\x02" + m_bytes + "."; }

 private:
  std::string m_bytes;
};

/// A state dict of `names`, each a float32 tensor of two elements in a storage of its own.
[[nodiscard]] std::string state_dict_pickle(const std::vector<std::string>& names);
[[nodiscard]] std::string torch_file(const std::string& pickle, const std::vector<std::string>& storages);

/// Writes the bytes to a file of a temporary directory and opens it.
[[nodiscard]] Checkpoint open_bytes(std::string_view bytes, const OpenOptions& options = {});

/// The error that `action` throws. A test fails where there is none.
[[nodiscard]] Error error_of(const std::function<void()>& action);

/// The same for opening these bytes.
[[nodiscard]] Error refusal_of(std::string_view bytes, const OpenOptions& options = {});

}  // namespace goldseal::test
