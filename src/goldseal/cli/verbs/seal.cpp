// SPDX-License-Identifier: Apache-2.0
// A directory of transformers, diffusers, timm or sentence-transformers is sealed by Python, where these libraries are:
// this verb finds the interpreter and becomes it.
#include <goldseal/base/messages/error.hpp>
#include <goldseal/cli/output.hpp>
#include <goldseal/worker/places.hpp>
#include <goldseal/worker/python_runtime.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;

struct SealCommandLine {
  std::string directory;
  std::vector<std::string> inputs;
  std::string runtime = "python";
  bool anonymous = false;
  bool no_embed = false;
};

void require_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return;
  throw Error(ErrorKind::usage, directory.string(),
              fs::exists(directory, error) ? "expected a model's directory, found a file"
                                           : "expected a model's directory, found nothing there",
              "`goldseal seal` takes what save_pretrained wrote; `goldseal capture` seals a checkpoint");
}

fs::path package_directory() {
  if (const auto init = find_shipped("python/goldseal/__init__.py")) return init->parent_path().parent_path();
  throw Error(ErrorKind::unsupported, "seal", "the Python package is not beside the command, which was copied alone",
              "install goldseal as the README says, or copy share/goldseal too");
}

Runtime python_for(const std::string& spec) {
  if (!spec.starts_with("python"))
    throw Error(ErrorKind::usage, "--runtime", "expected python or python=INTERPRETER, found " + spec);
  auto runtime = find_python_runtime(spec);
  if (!runtime.installation.empty()) return runtime;
  throw Error(ErrorKind::unsupported, runtime.worker.string(), "this Python has no torch",
              "install it there: " + runtime.worker.string() + " -m pip install torch");
}

// The caller's own packages stay where they are; this one's comes first, so that command and package are of one version.
void set_environment(const fs::path& packages, const Runtime& python) {
  const auto given = variable("PYTHONPATH");
  ::setenv("PYTHONPATH", (given.empty() ? packages.string() : packages.string() + ":" + given).c_str(), 1);
  ::setenv("GOLDSEAL_COMMAND", fs::read_symlink("/proc/self/exe").c_str(), 1);
  ::setenv("GOLDSEAL_PYTHON", python.worker.c_str(), 1);
  for (const auto* const offline : {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}) ::setenv(offline, "1", 1);
}

ExitCode run(const SealCommandLine& options, const CommonOptions& common) {
  require_text_or_json(common);
  require_directory(options.directory);
  const auto packages = package_directory();
  const auto python = python_for(options.runtime);
  std::vector<std::string> words{python.worker.string(), "-m", "goldseal.seal_command", "--format=" + common.format};
  for (const auto& input : options.inputs) words.push_back("--input=" + input);
  if (options.anonymous) words.emplace_back("--anonymous");
  if (options.no_embed) words.emplace_back("--no-embed");
  if (common.quiet) words.emplace_back("--quiet");
  words.insert(words.end(), {"--", options.directory});
  set_environment(packages, python);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(python.worker.c_str(), arguments.data());
  throw system_error(python.worker.string(), "start it", errno);
}

}  // namespace

Action add_seal(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<SealCommandLine>();
  app.add_option("DIR", options->directory, "What save_pretrained, push_to_hub or a download of the hub wrote")
      ->required();
  app.add_option("--input", options->inputs,
                 "A golden input of your own: NAME=FILE or NAME=random:1x3x224x224; by default one is made from the "
                 "configuration")
      ->type_name("NAME=INPUT");
  app.add_option("--runtime", options->runtime, "The Python that has the library: python or python=INTERPRETER")
      ->type_name("RUNTIME")
      ->capture_default_str();
  app.add_flag("--no-embed", options->no_embed, "Seal without the network's program; a target then needs the library");
  app.add_flag("--anonymous", options->anonymous, "Leave out host name and serial numbers");
  return [options, &common] { return run(*options, common); };
}

}  // namespace goldseal::cli
