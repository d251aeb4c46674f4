// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/resource_name.hpp>

#include <goldseal/base/messages/text.hpp>

#include <algorithm>

namespace goldseal::signing {

std::string fault_of_name(std::string_view name) {
  constexpr std::size_t k_longest = 4096;  // PATH_MAX
  if (name.empty()) return "it is empty";
  if (name.size() > k_longest) return "it is longer than any path";
  if (!is_utf8(name)) return "it is not UTF-8";
  if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
    return "it holds control characters";
  if (name.find('\\') != std::string_view::npos) return "it holds a backslash, which some systems take for a separator";
  if (name.front() == '/') return "it is absolute";
  for (const auto part : split(name, '/')) {
    if (part == "..") return "it leads out of the model (..)";
    if (part.empty() || part == ".") return "it is not in its shortest form";
  }
  return {};
}

namespace {

bool is_signature_in_the_making(std::string_view path) {
  constexpr std::string_view k_begin = ".model.sig.";
  constexpr std::string_view k_end = ".partial";
  constexpr std::size_t k_random_digits = 16;
  return path.size() == k_begin.size() + k_random_digits + k_end.size() && path.starts_with(k_begin) && path.ends_with(k_end) &&
         path.substr(k_begin.size(), k_random_digits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

bool is_ignored(std::string_view path, std::span<const std::string> entries) {
  const auto covers = [&](std::string_view entry) {
    return path == entry || (path.starts_with(entry) && path.size() > entry.size() && path[entry.size()] == '/');
  };
  return is_signature_in_the_making(path) || std::ranges::any_of(k_never_signed, covers) || std::ranges::any_of(entries, covers);
}

}  // namespace goldseal::signing
