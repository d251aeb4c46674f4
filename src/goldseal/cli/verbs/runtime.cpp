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

std::string place_of(const Runtime& runtime) {
  return runtime.installation.empty() ? "(give its directory: --runtime libtorch=DIR)" : runtime.installation.string();
}

std::string worker_of(const Runtime& runtime) {
  if (runtime.kind == RuntimeKind::python) return runtime.arguments.front();
  if (!runtime.worker.empty()) return runtime.worker.string();
  return fmt::format("none: goldseal runtime build --torch {}", runtime.installation.string());
}

std::string as_text(const std::vector<Runtime>& runtimes) {
  if (runtimes.empty()) return "no LibTorch and no Python with torch was found\n";
  std::string text;
  for (const auto& runtime : runtimes) {
    const bool python = runtime.kind == RuntimeKind::python;
    text += fmt::format("{:<8} {:<10} {}\n", to_string(runtime.kind), runtime.version,
                        python ? runtime.worker.string() : place_of(runtime));
    if (const auto devices = devices_of(runtime); !devices.empty()) text += fmt::format("  devices {}\n", devices);
    text += fmt::format("  worker  {}\n", worker_of(runtime));
  }
  return text;
}

std::string as_json(const std::vector<Runtime>& runtimes) {
  auto list = nlohmann::json::array();
  for (const auto& runtime : runtimes) {
    list.push_back({{"kind", to_string(runtime.kind)},
                    {"version", runtime.version},
                    {"installation", runtime.installation.string()},
                    {"devices", devices_of(runtime)},
                    {"worker", runtime.worker.string()}});
  }
  return nlohmann::json{{"schema", "goldseal.runtimes/1"}, {"runtimes", std::move(list)}}.dump(2) + '\n';
}

std::vector<Runtime> all_runtimes() {
  auto runtimes = installed_workers();
  auto others = installations_without_worker(runtimes);
  std::ranges::move(others, std::back_inserter(runtimes));
  std::ranges::move(python_runtimes(), std::back_inserter(runtimes));
  return runtimes;
}

Runtime build_one(const std::string& torch, bool force, const CommonOptions& common) {
  Progress progress(progress_mode(common));
  auto built = build_worker(torch, force, progress);
  if (built.cached && common.format != "json") print("in the cache already; --force builds it again\n");
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
  build->add_flag("--force", *force, "Build it again where the cache has it");
  return [torch, force, build, &common] {
    require_text_or_json(common);
    const auto workers = build->parsed() ? std::vector{build_one(*torch, *force, common)} : all_runtimes();
    print(common.format == "json" ? as_json(workers) : for_locale(as_text(workers)));
    return ExitCode::conforms;
  };
}

}  // namespace goldseal::cli
