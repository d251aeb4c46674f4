// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/output.hpp>
#include <goldseal/worker/python_runtime.hpp>
#include <goldseal/worker/worker_build.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <memory>

namespace goldseal::cli {
namespace {

std::string as_text(const std::vector<Runtime>& workers) {
  if (workers.empty()) return "no LibTorch worker is installed, and no Python with torch was found\n";
  std::string text;
  for (const auto& worker : workers) {
    if (worker.kind == "python") {
      text += fmt::format("python   {:<10} {}\n  worker {}\n", worker.version, worker.worker.string(),
                          worker.arguments.front());
      continue;
    }
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

std::vector<Runtime> all_runtimes() {
  auto runtimes = installed_workers();
  std::ranges::move(python_runtimes(), std::back_inserter(runtimes));
  return runtimes;
}

Runtime build_one(const std::string& torch, bool force, const CommonOptions& common) {
  Progress progress(progress_mode(common));
  auto built = build_worker(torch, force, progress);
  if (built.cached && common.format != "json") print("in the cache already; --force builds it anew\n");
  return std::move(built.runtime);
}

}  // namespace

Action add_runtime(CLI::App& app, const CommonOptions& common) {
  const auto torch = std::make_shared<std::string>();
  const auto force = std::make_shared<bool>(false);
  auto* const build =
      app.add_subcommand("build", "Build a worker for a LibTorch that has none, and keep it in the cache");
  build->add_option("--torch", *torch, "A wheel's torch directory, an unpacked LibTorch, or /usr")
      ->type_name("DIR")
      ->required();
  build->add_flag("--force", *force, "Build it anew where the cache has it");
  return [torch, force, build, &common] {
    require_text_or_json(common);
    const auto workers = build->parsed() ? std::vector{build_one(*torch, *force, common)} : all_runtimes();
    print(common.format == "json" ? as_json(workers) : for_locale(as_text(workers)));
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli
