// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// The file system as a probe sees it: absolute paths, read below a root. What cannot be read is absent; nothing throws
/// and nothing blocks on a pipe or device.
class FileRoot {
 public:
  explicit FileRoot(std::filesystem::path root) : m_root(std::move(root)) {}

  /// True where the root is the machine's own, so that system calls and files speak of the same machine.
  [[nodiscard]] bool is_machine() const { return m_root == "/"; }
  /// Where an absolute path of the machine lies on this one.
  [[nodiscard]] std::filesystem::path at(const std::filesystem::path& path) const;
  [[nodiscard]] bool exists(const std::filesystem::path& path) const;
  /// Up to `limit` bytes of a file.
  [[nodiscard]] std::optional<std::string> read(const std::filesystem::path& path, std::size_t limit = 1U << 20U) const;
  /// The first line, without blanks around it; nothing where it is empty.
  [[nodiscard]] std::optional<std::string> line(const std::filesystem::path& path) const;
  /// The first line as a non-negative number.
  [[nodiscard]] std::optional<std::int64_t> number(const std::filesystem::path& path) const;
  /// Names in a directory, sorted; at most `limit` of them are looked at.
  [[nodiscard]] std::vector<std::string> list(const std::filesystem::path& path, std::size_t limit = 20000) const;

 private:
  std::filesystem::path m_root;
};

/// Without blanks, tabs and newlines at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
/// A decimal number and nothing else.
[[nodiscard]] std::optional<std::int64_t> parse_number(std::string_view text);
/// What follows `key` and `separator` in the first line that begins so: `MemTotal:  12 kB` gives `12 kB` for
/// (`MemTotal`,
/// `:`). Blanks and quotes around it are taken off.
[[nodiscard]] std::optional<std::string> value_of_key(std::string_view text, std::string_view key, char separator);

}  // namespace goldseal
