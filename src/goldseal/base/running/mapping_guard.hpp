// SPDX-License-Identifier: Apache-2.0
// A mapped file that another process cuts short raises SIGBUS at the next touch of what is gone, and so does a disk that
// cannot be read. The command turns that into an error with a name: the bytes that are gone become zeros, the fact is
// noted, and whatever was made of them is thrown away.
#pragma once

#include <cstddef>
#include <string>

namespace goldseal {

/// From here on SIGBUS within a guarded mapping is noted in place of ending the process. Once, from main; without it
/// nothing is noted, and SIGBUS does what the program says that uses this library.
void catch_cut_mappings();

/// Throws Error{changed} where a mapping of this process was cut short, by then or before. Whoever shows, writes or
/// judges what came of mapped bytes calls it first.
void throw_if_cut();

/// A mapping that SIGBUS may come from, as long as this lives. Two in one place are not allowed.
class MappingGuard {
 public:
  MappingGuard(const void* begin, std::size_t bytes, std::string path);
  ~MappingGuard();
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;

 private:
  std::string m_path;
  std::size_t m_slot;
};

}  // namespace goldseal
