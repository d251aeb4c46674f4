// SPDX-License-Identifier: Apache-2.0
// bench_report [FINDINGS]: milliseconds of processor time that each format takes for a report of that many findings and
// tensors (10,000), the best of five, as lines `report.FORMAT MILLISECONDS BYTES`.
#include "samples.hpp"

#include <goldseal/report/renderer.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <limits>

using namespace goldseal;

namespace {

template <typename Function>
void measure(std::string_view name, Function&& function) {
  double best = std::numeric_limits<double>::infinity();
  std::size_t bytes = 0;
  for (int run = 0; run < 5; ++run) {
    const auto begin = std::clock();
    bytes = function();
    best = std::min(best, 1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  fmt::print("report.{} {:.2f} {}\n", name, best, bytes);
}

}  // namespace

int main(int argc, char** argv) {
  const auto findings = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000;
  auto report = test::large_report(findings);
  auto& tensors = report.evidence.tensors;
  for (std::size_t i = tensors.size(); i < findings; ++i) tensors.push_back(tensors[i - 438]);
  for (const auto& renderer : renderers()) measure(renderer.name, [&] { return renderer.render(report, {}).size(); });
  const auto json = find_renderer("json")->render(report, {});
  measure("parse", [&] { return parse_report(json, "bench").findings.size(); });
}
