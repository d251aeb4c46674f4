// SPDX-License-Identifier: Apache-2.0
// A .npy array is a golden input, and a member of an .npz checkpoint. Both readers take the header apart here; what the
// elements are used for is theirs.
#pragma once

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/kinds/dtype.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

// NumPy's .npy files (numpy/lib/format.py), alone or in an .npz archive:
//
//   "\x93NUMPY", u8 major, u8 minor, u16 (1.0) or u32 (2.0, 3.0) length of the header, the header, the elements
//   {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      filled up with spaces, a newline at the end
namespace goldseal {

struct NpyHeader {
  std::string descr;           ///< `<f4`; empty of an array of structures
  std::optional<DType> dtype;  ///< absent for other elements than plain little-endian numbers
  bool fortran = false;        ///< column-major
  std::vector<std::int64_t> shape;
};

[[nodiscard]] bool is_npy(std::span<const std::byte> bytes);

/// Reads the header; the elements begin where the reader then stands. Throws Error{malformed} for another or a
/// damaged file, Error{unsupported} for a version that NumPy has not had.
[[nodiscard]] NpyHeader read_npy_header(const std::string& file, ByteReader& reader);

/// Bytes of the elements; nothing where they are beyond what can be counted. `header.dtype` must be known.
[[nodiscard]] std::optional<std::uint64_t> npy_bytes(const NpyHeader& header);

}  // namespace goldseal
