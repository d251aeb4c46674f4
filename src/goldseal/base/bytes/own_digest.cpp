// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/own_digest.hpp>

#include <goldseal/base/bytes/sha256.hpp>

#include <cstddef>
#include <optional>
#include <span>

namespace goldseal {
namespace {

constexpr std::string_view k_quoted = "\"report_sha256\"";

struct Place {
  std::size_t at = 0;  // of the first digit
  bool whole = false;  // there are as many as a digest has
};

// In a JSON text the quoted name can only be a member's: a quote inside of a text stands behind a backslash.
std::optional<Place> place_of_digest(std::string_view json) {
  for (auto at = json.find(k_quoted); at != std::string_view::npos; at = json.find(k_quoted, at + 1)) {
    if (at > 0 && json[at - 1] == '\\') continue;
    auto next = json.find_first_not_of(" \t\r\n", at + k_quoted.size());
    if (next == std::string_view::npos || json[next] != ':') continue;
    next = json.find_first_not_of(" \t\r\n", next + 1);
    if (next == std::string_view::npos || json[next] != '"') return Place{};
    return Place{next + 1, json.substr(next + 1).find('"') == k_no_own_digest.size()};
  }
  return std::nullopt;
}

std::string digest_without(std::string_view json, std::size_t at) {
  Sha256 sha;
  for (const auto part : {json.substr(0, at), k_no_own_digest, json.substr(at + k_no_own_digest.size())})
    sha.update(std::as_bytes(std::span(part)));
  return to_hex(sha.finish());
}

}  // namespace

void fill_own_digest(std::string& json) {
  const auto place = place_of_digest(json);
  if (!place || !place->whole) return;
  json.replace(place->at, k_no_own_digest.size(), digest_without(json, place->at));
}

OwnDigest judge_own_digest(std::string_view json) {
  const auto place = place_of_digest(json);
  if (!place) return OwnDigest::none;
  if (!place->whole) return OwnDigest::wrong;
  const auto written = json.substr(place->at, k_no_own_digest.size());
  return written == digest_without(json, place->at) ? OwnDigest::right : OwnDigest::wrong;
}

}  // namespace goldseal
