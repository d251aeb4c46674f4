// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/version.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/workflow/doctor/doctor.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace goldseal::cli {
namespace {

constexpr std::size_t k_health_width = 9;

std::size_t name_width(const Examination& examined) {
  std::size_t width = 0;
  for (const auto& part : examined.parts) width = std::max(width, part.name.size());
  return width + 2;
}

// Lines of what PyTorch said are kept below the first.
std::string indented(std::string_view text, std::size_t width) {
  std::string lines;
  for (const char c : text) {
    lines += c;
    if (c == '\n') lines += std::string(width, ' ');
  }
  return lines;
}

std::string as_text(const Examination& examined) {
  auto text = fmt::format("goldseal {} on {}\n\n", k_version, examined.machine);
  const auto width = name_width(examined);
  for (const auto& part : examined.parts) {
    const auto margin = k_health_width + width;
    text += fmt::format("{:<{}}{:<{}}{}\n", to_string(part.health), k_health_width, part.name, width,
                        indented(part.found, margin));
    if (!part.meaning.empty()) text += fmt::format("{:<{}}{}\n", "", margin, indented(part.meaning, margin));
    if (!part.fix.empty()) text += fmt::format("{:<{}}fix  {}\n", "", margin, part.fix);
  }
  text += examined.runs_models ? "\nThis machine can seal and verify models.\n"
                               : "\nNo PyTorch runs models here. check, inspect, diff, convert and probe need none.\n";
  if (!examined.next.empty()) text += fmt::format("next: {}\n", examined.next);
  return text;
}

std::string as_json(const Examination& examined) {
  auto parts = nlohmann::json::array();
  for (const auto& part : examined.parts)
    parts.push_back({{"name", part.name},
                     {"health", to_string(part.health)},
                     {"found", part.found},
                     {"meaning", part.meaning},
                     {"fix", part.fix}});
  const nlohmann::json document{{"schema", "goldseal.doctor/1"}, {"version", k_version},
                                {"machine", examined.machine},   {"runs_models", examined.runs_models},
                                {"parts", std::move(parts)},     {"next", examined.next}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

ExitCode run(const CommonOptions& common) {
  require_text_or_json(common);
  Progress progress(progress_mode(common));
  const auto examined = examine_machine(progress);
  if (!common.quiet) print(common.format == "json" ? as_json(examined) : for_locale(as_text(examined)));
  return examined.runs_models ? ExitCode::conforms : ExitCode::fails;
}

}  // namespace

Action add_doctor(CLI::App& app, const CommonOptions& common) {
  app.footer("Exit codes: 0 a PyTorch here runs models; 1 none does; 2 usage.");
  return [&common] { return run(common); };
}

}  // namespace goldseal::cli
