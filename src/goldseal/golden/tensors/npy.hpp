// SPDX-License-Identifier: Apache-2.0
// NumPy users hand over golden inputs as .npy files. This reader accepts plain numeric arrays and
// nothing else, without Python. Archives of arrays (.npz) are a checkpoint format.
#pragma once

#include <goldseal/golden/tensors/host_tensor.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace goldseal::golden {

/// An array of the .npy format, versions 1.0 to 3.0, little-endian, in C or Fortran order (which is transposed into a
/// copy). `owner` keeps `bytes` alive; a C-ordered array is not copied. Throws Error{malformed} with file and offset,
/// Error{unsupported} for objects, structures, strings and big-endian arrays.
[[nodiscard]] HostTensor read_npy(const std::string& file, std::span<const std::byte> bytes,
                                  std::shared_ptr<const void> owner);

}  // namespace goldseal::golden
