// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/shared/file_root.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

namespace goldseal {

namespace fs = std::filesystem;

fs::path FileRoot::at(const fs::path& path) const { return is_machine() ? path : m_root / path.relative_path(); }

bool FileRoot::exists(const fs::path& path) const {
  std::error_code error;
  return fs::exists(at(path), error);
}

std::optional<std::string> FileRoot::read(const fs::path& path, std::size_t limit) const {
  // Files of /proc and /sys have no size, so they are read to their end.
  const int descriptor = ::open(at(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return std::nullopt;
  std::string text;
  std::array<char, 16384> buffer{};
  ssize_t count = 0;
  while (text.size() < limit && (count = ::read(descriptor, buffer.data(), buffer.size())) > 0)
    text.append(buffer.data(), std::min(static_cast<std::size_t>(count), limit - text.size()));
  ::close(descriptor);
  if (count < 0) return std::nullopt;
  return text;
}

std::optional<std::string> FileRoot::line(const fs::path& path) const {
  const auto text = read(path, 4096);
  if (!text) return std::nullopt;
  auto first = std::string(trimmed(text->substr(0, text->find('\n'))));
  return first.empty() ? std::nullopt : std::optional(std::move(first));
}

std::optional<std::int64_t> FileRoot::number(const fs::path& path) const {
  const auto text = line(path);
  return text ? parse_number(*text) : std::nullopt;
}

std::vector<std::string> FileRoot::list(const fs::path& path, std::size_t limit) const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(at(path), error), end; !error && entry != end && names.size() < limit;
       entry.increment(error))
    names.push_back(entry->path().filename().string());
  std::ranges::sort(names);
  return names;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view k_blanks = " \t\r\n";
  const auto begin = text.find_first_not_of(k_blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(k_blanks) - begin + 1);
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc{} && result.ptr == end ? std::optional(value) : std::nullopt;
}

std::optional<std::string> value_of_key(std::string_view text, std::string_view key, char separator) {
  for (const auto line : split(text, '\n')) {
    if (!line.starts_with(key)) continue;
    auto rest = trimmed(line.substr(key.size()));
    if (!rest.starts_with(separator)) continue;
    rest = trimmed(rest.substr(1));
    if (rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'') && rest.back() == rest.front())
      rest = rest.substr(1, rest.size() - 2);
    return std::string(rest);
  }
  return std::nullopt;
}

}  // namespace goldseal
