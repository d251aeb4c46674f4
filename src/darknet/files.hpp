// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace goldseal::worker {

/// A file mapped privately and writable: what is written stays in this process, and pages that are only read belong to
/// the page cache. Throws Refusal (`malformed`, with the path) if the file cannot be opened or mapped.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<std::byte> bytes() const { return {m_begin, m_size}; }
  const std::string& path() const { return m_path; }

 private:
  std::string m_path;
  std::byte* m_begin = nullptr;
  std::size_t m_size = 0;
};

/// Throws Refusal (`malformed`) unless `path` is a regular file that can be read.
void require_file(const std::string& path);

/// The whole file as text. Throws Refusal if it cannot be read or is longer than `most` bytes.
std::string read_text_file(const std::string& path, std::size_t most);

/// True and the sum or product in `result`, false if it does not fit.
inline bool add_fits(std::uint64_t a, std::uint64_t b, std::uint64_t& result) {
  return !__builtin_add_overflow(a, b, &result);
}
inline bool multiply_fits(std::uint64_t a, std::uint64_t b, std::uint64_t& result) {
  return !__builtin_mul_overflow(a, b, &result);
}

}  // namespace goldseal::worker
