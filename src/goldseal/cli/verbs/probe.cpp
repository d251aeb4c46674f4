// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/output.hpp>
#include <goldseal/environment/anonymous.hpp>
#include <goldseal/environment/probe/probe.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/worker/told_environment.hpp>
#include <goldseal/worker/worker.hpp>

#include <nlohmann/json.hpp>

#include <memory>
#include <variant>

namespace goldseal::cli {
namespace {

struct ProbeCommandLine {
  std::string output;
  std::string runtime;
  bool anonymous = false;
  bool force = false;
};

constexpr std::chrono::seconds k_worker_limit{120};

std::string as_json(const Environment& environment) {
  auto facts = nlohmann::json::object();
  for (const auto& [name, fact] : environment.facts()) {
    nlohmann::json value;
    std::visit([&](const auto& v) { value = v; }, fact.value);
    facts[name] = {{"value", std::move(value)}, {"origin", fact.origin}};
  }
  const nlohmann::json document{{"schema", "goldseal.environment/1"}, {"facts", std::move(facts)}};
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

Environment gather(const ProbeCommandLine& options) {
  ProbeOptions probe;
  probe.anonymous = options.anonymous;
  if (options.runtime.empty()) return probe_machine(probe);
  const auto runtime = find_runtime(options.runtime);
  if (!runtime.installation.empty()) probe.torch_prefix = runtime.installation;
  auto environment = probe_machine(probe);
  Worker worker(runtime, k_worker_limit);
  const auto told = worker.environment();
  add_told(environment, options.anonymous ? without_directories(told) : told, worker.hello().runtime);
  worker.finish();
  return environment;
}

ExitCode run(const ProbeCommandLine& options, const CommonOptions& common) {
  require_text_or_json(common);
  const bool json = common.format == "json";
  const Output output{options.output, json ? environment_json_kind() : environment_kind(), options.force};
  if (!options.output.empty()) require_writable_place(output);
  const auto environment = gather(options);
  const auto text = json ? as_json(environment) : write_environment(environment);
  if (options.output.empty())
    print(text);
  else
    write_output(output, text);
  return ExitCode::conforms;
}

}  // namespace

Action add_probe(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<ProbeCommandLine>();
  app.add_option("-o,--output", options->output, "Write to this file instead of standard output")
      ->type_name("ENV.toml");
  app.add_option("--runtime", options->runtime,
                 "Also ask this PyTorch, which starts it: libtorch[=DIR] or python[=INTERPRETER]")
      ->type_name("RUNTIME");
  app.add_flag("--anonymous", options->anonymous, "Leave out host name and serial numbers");
  app.add_flag("--force", options->force, "Replace a file that is no environment of goldseal's");
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli
