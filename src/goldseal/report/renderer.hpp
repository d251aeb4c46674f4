// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/report/shared/render_options.hpp>
#include <goldseal/verdict/report.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace goldseal {

/// A format: its name on the command line, and the function that writes a report in it.
struct Renderer {
  std::string_view name;
  std::string_view description;
  std::string (*render)(const Report& report, const RenderOptions& options);
  /// Several reports together; null where the format holds one report, and they are merged.
  std::string (*together)(std::span<const Report> reports, const RenderOptions& options) = nullptr;
};

/// One report, or several together in the way that the format has. At least one.
[[nodiscard]] std::string render_all(const Renderer& renderer, std::span<const Report> reports,
                                     const RenderOptions& options);

/// All formats, in the order in which help lists them.
[[nodiscard]] std::span<const Renderer> renderers();
[[nodiscard]] const Renderer* find_renderer(std::string_view name);

/// What the json format writes, without its indentation and with a digest of itself: for reports of which a fleet writes
/// thousands, on machines that may go down meanwhile.
[[nodiscard]] std::string render_compact_json(const Report& report);

/// The most bytes of a report in JSON that a verb reads.
inline constexpr std::uint64_t k_max_report_bytes = 256U << 20U;

/// The JSON that a report was rendered to, back as a report. Throws Error{malformed}, or Error{unsupported} for a newer
/// schema.
[[nodiscard]] Report parse_report(std::string_view json, const std::string& where);

/// What monitoring leaves with for several: CRITICAL before UNKNOWN before WARNING. At least one.
[[nodiscard]] int worst_nagios_exit_code(std::span<const Report> reports);

/// The JSON Schema (draft 2020-12) of what the `json` format writes.
[[nodiscard]] std::string_view report_schema();

/// What a run whose format is `nagios` leaves with: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (the plugin guidelines).
[[nodiscard]] int nagios_exit_code(const Report& report);

}  // namespace goldseal
