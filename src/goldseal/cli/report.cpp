// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/mapped_file.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/report/renderer.hpp>

#include <memory>

namespace goldseal::cli {
namespace {

constexpr std::uint64_t k_max_report_bytes = 256U << 20U;

}  // namespace

Action add_report(CLI::App& app, const CommonOptions& common) {
  const auto file = std::make_shared<std::string>();
  app.add_option("FILE", *file, "A report that was written with --format json or --report json=FILE")->required();
  return [file, &common] {
    check_output_options(common);
    return deliver(parse_report(read_text_file(*file, k_max_report_bytes), *file), common);
  };
}

}  // namespace goldseal::cli
