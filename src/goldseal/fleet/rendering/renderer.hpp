// SPDX-License-Identifier: Apache-2.0
// The verdict on a fleet in the formats that people, CI systems, monitoring and programs read. Whatever comes from a
// node is escaped in each: a node is not trusted.
#pragma once

#include <goldseal/fleet/judging/fleet.hpp>
#include <goldseal/report/shared/render_options.hpp>

#include <span>
#include <string>
#include <string_view>

namespace goldseal::fleet {

/// The schema that the json format writes; a change that old readers would misread raises the number.
inline constexpr std::string_view k_fleet_schema = "goldseal.fleet/1";

struct FleetRenderer {
  std::string_view name;
  std::string_view description;
  std::string (*render)(const Fleet& fleet, const RenderOptions& options);
};

[[nodiscard]] std::span<const FleetRenderer> fleet_renderers();
[[nodiscard]] const FleetRenderer* find_fleet_renderer(std::string_view name);

[[nodiscard]] std::string render_fleet_text(const Fleet& fleet, const RenderOptions& options);
[[nodiscard]] std::string render_fleet_oneline(const Fleet& fleet, const RenderOptions& options);
[[nodiscard]] std::string render_fleet_json(const Fleet& fleet, const RenderOptions& options);
[[nodiscard]] std::string render_fleet_junit(const Fleet& fleet, const RenderOptions& options);
[[nodiscard]] std::string render_fleet_html(const Fleet& fleet, const RenderOptions& options);
[[nodiscard]] std::string render_fleet_markdown(const Fleet& fleet, const RenderOptions& options);
[[nodiscard]] std::string render_fleet_nagios(const Fleet& fleet, const RenderOptions& options);
[[nodiscard]] std::string render_fleet_prometheus(const Fleet& fleet, const RenderOptions& options);

/// The JSON Schema (draft 2020-12) of what the json format writes.
[[nodiscard]] std::string_view fleet_schema();

/// What a merge whose format is `nagios` leaves with: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
[[nodiscard]] int nagios_exit_code(const Fleet& fleet);

}  // namespace goldseal::fleet
