// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/rendering/renderer.hpp>

#include <algorithm>
#include <array>

namespace goldseal::fleet {

std::span<const FleetRenderer> fleet_renderers() {
  static constexpr std::array k_renderers{
      FleetRenderer{"text", "for people: the verdict, what is rare, who is in trouble, what to do", render_fleet_text},
      FleetRenderer{"oneline", "the verdict and its counts in at most 80 characters", render_fleet_oneline},
      FleetRenderer{"json", "everything, for programs", render_fleet_json},
      FleetRenderer{"junit", "XML for CI systems: a node is a test case", render_fleet_junit},
      FleetRenderer{"markdown", "for a step's summary or a ticket", render_fleet_markdown},
      FleetRenderer{"nagios", "a plugin's output, with its exit codes", render_fleet_nagios},
      FleetRenderer{"prometheus", "for node_exporter's textfile collector", render_fleet_prometheus},
      FleetRenderer{"html", "one page: nodes by checks, cohorts, outliers; it loads nothing", render_fleet_html},
  };
  return k_renderers;
}

const FleetRenderer* find_fleet_renderer(std::string_view name) {
  const auto all = fleet_renderers();
  const auto found = std::ranges::find(all, name, &FleetRenderer::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace goldseal::fleet
