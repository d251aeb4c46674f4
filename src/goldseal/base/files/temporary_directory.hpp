// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace goldseal {

/// A fresh private directory (mode 0700) under TMPDIR, or /tmp, removed with all in it at the end of the object's life.
/// Its path is absolute: workers have working directories of their own.
class TemporaryDirectory {
 public:
  /// Throws Error{io} that names TMPDIR where no directory can be made there.
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }

 private:
  std::filesystem::path m_path;
};

}  // namespace goldseal
