// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/interpreter.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/libraries/python_locations.hpp>
#include <goldseal/worker/child_process.hpp>
#include <goldseal/worker/places.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds k_patience{10};
constexpr std::size_t k_most_candidates = 12;

// The answer is the last line: `.pth` files and sitecustomize may print too. As in a worker, the current directory is
// looked through first.
constexpr const char* k_question =
    "import sys, importlib.util\n"
    "try:\n"
    "    spec = importlib.util.find_spec('torch')\n"
    "    places = list(spec.submodule_search_locations or []) if spec is not None and spec.origin else []\n"
    "except Exception:\n"
    "    places = []\n"
    "print()\n"
    "print('goldseal', sys.executable, sys.prefix, places[0] if places else '', sep='\\t')\n";

std::optional<Interpreter> answer_in(std::string_view output) {
  std::optional<Interpreter> found;
  for (const auto line : split(output, '\n')) {
    const auto parts = split(line, '\t');
    if (parts.size() == 4 && parts[0] == "goldseal" && !parts[1].empty())
      found = Interpreter{fs::path(parts[1]), fs::path(parts[2]), fs::path(parts[3])};
  }
  return found;
}

std::optional<Interpreter> start_and_ask(const fs::path& python) {
  try {
    ChildProcess child({python, {"-c", k_question}, environment_with({}), nullptr});
    const auto deadline = std::chrono::steady_clock::now() + k_patience;
    const auto event = child.wait(ChildProcess::Want::read, deadline);
    if (event == ChildProcess::Event::interrupted)
      throw Error(ErrorKind::interrupted, python.string(), "stopped on request");
    if (event == ChildProcess::Event::deadline || event == ChildProcess::Event::output_flood) return std::nullopt;
    // It writes nothing to the channel: that this can be read means that its end is closed, so all is said.
    child.stop();
    return answer_in(child.output().text());
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return std::nullopt;
  }
}

void add(std::vector<fs::path>& candidates, const fs::path& python) {
  const auto plain = fs::absolute(python).lexically_normal();
  if (candidates.size() == k_most_candidates || !is_program(plain)) return;
  if (std::ranges::find(candidates, plain) == candidates.end()) candidates.push_back(plain);
}

}  // namespace

std::optional<Interpreter> ask_interpreter(const fs::path& python) {
  static std::mutex mutex;
  static std::map<fs::path, std::optional<Interpreter>> known;
  const std::lock_guard lock(mutex);
  const auto plain = fs::absolute(python).lexically_normal();
  const auto found = known.find(plain);
  if (found != known.end()) return found->second;
  return known.emplace(plain, start_and_ask(plain)).first->second;
}

std::vector<fs::path> active_environments() {
  std::vector<fs::path> active;
  for (const auto* const name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const auto prefix = variable(name); !prefix.empty()) active.emplace_back(prefix);
  return active;
}

std::vector<fs::path> interpreter_candidates() {
  std::vector<fs::path> candidates;
  for (const auto& prefix : active_environments())
    for (const auto* const program : {"bin/python", "bin/python3"}) add(candidates, prefix / program);
  for (const auto* const name : {"python", "python3"})
    if (const auto program = find_program(name)) add(candidates, *program);
  const ProbeOptions options;
  const FileRoot files("/");
  const auto variables = search_variables();
  for (const auto& python : python_locations({options, files, variables}))
    add(candidates, python.prefix / "bin/python3");
  return candidates;
}

}  // namespace goldseal
