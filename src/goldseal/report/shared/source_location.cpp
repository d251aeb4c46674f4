// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/shared/source_location.hpp>

#include <charconv>

namespace goldseal {

std::optional<Place> place_of(const Finding& finding) {
  const auto& origin = finding.origin;
  const auto colon = origin.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  Place place{origin.substr(0, colon), 0};
  const auto* const end = origin.data() + origin.size();
  const auto [rest, error] = std::from_chars(origin.data() + colon + 1, end, place.line);
  if (error != std::errc{} || rest != end || place.line == 0) return std::nullopt;
  return place;
}

}  // namespace goldseal
