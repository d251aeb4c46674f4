// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/kinds/container.hpp>

namespace goldseal {
namespace {

constexpr std::string_view k_sharded = "sharded-";

}  // namespace

std::string to_string(const Container& container) {
  return std::string(container.sharded ? k_sharded : "") + std::string(traits(container.kind).name);
}

std::optional<Container> parse_container(std::string_view name) {
  const bool sharded = name.starts_with(k_sharded);
  const auto kind = kind_named(k_containers, sharded ? name.substr(k_sharded.size()) : name);
  return kind ? std::optional(Container(*kind, sharded)) : std::nullopt;
}

}  // namespace goldseal
