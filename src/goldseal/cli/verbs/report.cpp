// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/files/argument_file.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/fleet/rendering/renderer.hpp>
#include <goldseal/report/renderer.hpp>
#include <goldseal/report/shared/several.hpp>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <vector>

namespace goldseal::cli {
namespace {

Report read(const std::string& file) { return parse_report(read_argument_file(file, k_max_report_bytes), file); }

// A file that was written for several targets holds a report of each.
ExitCode show(const std::vector<std::string>& files, const CommonOptions& common) {
  std::vector<Report> reports;
  for (const auto& file : files) std::ranges::move(by_target(read(file)), std::back_inserter(reports));
  return deliver_all(reports, common);
}

}  // namespace

Action add_report(CLI::App& app, const CommonOptions& common) {
  const auto files = std::make_shared<std::vector<std::string>>();
  app.add_option("FILE", *files, "Reports that were written with --format json or --report json=FILE; several are shown together")->required();
  return [files, &common] {
    check_output_options(common, std::vector<std::filesystem::path>(files->begin(), files->end()));
    return show(*files, common);
  };
}

Action add_schema(CLI::App& app, const CommonOptions&) {
  const auto of = std::make_shared<std::string>("report");
  app.add_option("OF", *of, "report: what a run writes as JSON (the default); fleet: what `goldseal merge` writes")
      ->check(CLI::IsMember({"report", "fleet"}));
  return [of] {
    print(*of == "fleet" ? fleet::fleet_schema() : report_schema());
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli
