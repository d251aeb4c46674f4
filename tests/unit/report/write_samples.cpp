// SPDX-License-Identifier: Apache-2.0
// write_samples DIRECTORY: every sample in every format, for the tools that read them (validate.py, browser.py).
#include "report/samples.hpp"

#include <goldseal/report/page/matrix.hpp>
#include <goldseal/report/renderer.hpp>
#include <goldseal/report/shared/several.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <vector>

using namespace goldseal;

namespace {

void write(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) throw Error(ErrorKind::io, path.string(), "cannot write");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw Error(ErrorKind::usage, "", "give a directory");
    const std::filesystem::path directory = argv[1];
    std::filesystem::create_directories(directory);
    auto all = test::samples();
    all.push_back({"hostile", test::hostile_report()});
    all.push_back({"large", test::large_report(1000)});
    all.push_back({"empty", Report{}});
    for (const auto& [name, report] : all)
      for (const auto& renderer : renderers())
        write(directory / (name + "." + std::string(renderer.name)), renderer.render(report, {}));
    const std::vector<Report> targets{test::passing_report(), test::environment_failure(), test::numeric_failure(),
                                      test::key_failure(), test::inconclusive_report()};
    write(directory / "matrix.html", render_matrix(targets));
    write(directory / "several", render_compact_json(merged(targets)));
    write(directory / "schema", report_schema());
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
