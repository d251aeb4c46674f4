// SPDX-License-Identifier: Apache-2.0
// bench_report [COUNT]: milliseconds of processor time that each format takes for a report of that many findings
// (10,000), and for one of that many tensors, the best of five, as lines `FORMAT.findings MILLISECONDS BYTES`.
#include "report/samples.hpp"

#include <goldseal/report/renderer.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <string>

using namespace goldseal;

namespace {

template <typename Function>
void measure(const std::string& name, Function&& function) {
  double best = std::numeric_limits<double>::infinity();
  std::size_t bytes = 0;
  for (int run = 0; run < 5; ++run) {
    const auto begin = std::clock();
    bytes = function();
    best = std::min(best, 1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  fmt::print("{} {:.2f} {}\n", name, best, bytes);
}

void measure_formats(const std::string& what, const Report& report) {
  for (const auto& renderer : renderers())
    measure(fmt::format("{}.{}", renderer.name, what), [&] { return renderer.render(report, {}).size(); });
  const auto json = find_renderer("json")->render(report, {});
  measure("parse." + what, [&] { return parse_report(json, "bench").findings.size(); });
}

Report report_of_tensors(std::size_t count) {
  auto report = test::key_failure();
  auto& tensors = report.evidence.tensors;
  const auto first = tensors.size();
  for (std::size_t i = first; i < count; ++i) {
    tensors.push_back(tensors[i - first]);
    tensors.back().name = fmt::format("copy_{}.{}", i / first, tensors.back().name);
  }
  return report;
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000;
  measure_formats("findings", test::large_report(count));
  measure_formats("tensors", report_of_tensors(count));
}
