// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/error.hpp>
#include <goldseal/base/mapped_file.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/report/page/matrix.hpp>
#include <goldseal/report/renderer.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

namespace goldseal::cli {
namespace {

constexpr std::uint64_t k_max_report_bytes = 256U << 20U;

Report read(const std::string& file) { return parse_report(read_text_file(file, k_max_report_bytes), file); }

// Several reports make one page, and the gravest of their codes.
ExitCode deliver_matrix(const std::vector<std::string>& files, const CommonOptions& common) {
  if (common.format != "html" || !common.reports.empty()) {
    throw Error(ErrorKind::usage, "report", "several reports can be shown together as html alone",
                "give --format html, or one report at a time");
  }
  std::vector<Report> reports;
  int code = 0;
  for (const auto& file : files) {
    reports.push_back(read(file));
    code = std::max(code, static_cast<int>(verdict(reports.back())));
  }
  print(render_matrix(reports));
  return static_cast<ExitCode>(code);
}

}  // namespace

Action add_report(CLI::App& app, const CommonOptions& common) {
  const auto files = std::make_shared<std::vector<std::string>>();
  app.add_option("FILE", *files, "Reports that were written with --format json or --report json=FILE")->required();
  return [files, &common] {
    check_output_options(common, std::vector<std::filesystem::path>(files->begin(), files->end()));
    return files->size() == 1 ? deliver(read(files->front()), common) : deliver_matrix(*files, common);
  };
}

Action add_schema(CLI::App&, const CommonOptions&) {
  return [] {
    print(report_schema());
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli
