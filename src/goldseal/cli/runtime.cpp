// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/output.hpp>
#include <goldseal/worker/runtime.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace goldseal::cli {
namespace {

std::string as_text(const std::vector<Runtime>& workers) {
  if (workers.empty()) return "no LibTorch worker is installed\n";
  std::string text;
  for (const auto& worker : workers) {
    text += fmt::format(
        "libtorch {:<10} {}\n  worker {}\n", worker.version,
        worker.installation.empty() ? "(give its directory: --runtime libtorch=DIR)" : worker.installation.string(),
        worker.worker.string());
  }
  return text;
}

std::string as_json(const std::vector<Runtime>& workers) {
  auto list = nlohmann::json::array();
  for (const auto& worker : workers) {
    list.push_back({{"kind", worker.kind},
                    {"version", worker.version},
                    {"installation", worker.installation.string()},
                    {"worker", worker.worker.string()}});
  }
  return nlohmann::json{{"schema", "goldseal.runtimes/1"}, {"runtimes", std::move(list)}}.dump(2) + '\n';
}

}  // namespace

Action add_runtime(CLI::App&, const CommonOptions& common) {
  return [&common] {
    require_text_or_json(common);
    const auto workers = installed_workers();
    print(common.format == "json" ? as_json(workers) : as_text(workers));
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli
