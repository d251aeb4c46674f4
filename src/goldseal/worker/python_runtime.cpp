// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/python_runtime.hpp>

#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/libraries/torch_installation.hpp>
#include <goldseal/worker/interpreter.hpp>
#include <goldseal/worker/places.hpp>

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <set>
#include <string>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_worker_main = "python/goldseal/worker/__main__.py";

[[noreturn]] void refuse_without_worker() {
  throw Error(ErrorKind::unsupported, "--runtime python", "the Python worker is not beside the command",
              "install goldseal with `pip install` or `cmake --install`, or copy share/goldseal too");
}

// Without torch where the interpreter says that it has none, or says nothing: the worker then tells why.
Runtime runtime_at(const fs::path& interpreter) {
  const auto main = find_shipped(k_worker_main);
  if (!main) refuse_without_worker();
  // A virtual environment's interpreter is a link, and is started by that name.
  Runtime runtime{.kind = RuntimeKind::python,
                  .worker = fs::absolute(interpreter).lexically_normal(),
                  .arguments = {main->string()}};
  const auto asked = ask_interpreter(runtime.worker);
  if (!asked || asked->torch.empty()) return runtime;
  runtime.installation = asked->torch;
  if (const auto torch = read_torch_installation(FileRoot("/"), asked->torch)) runtime.version = torch->version;
  return runtime;
}

fs::path interpreter_of(const std::string& given) {
  for (const auto& place : {fs::path(given), fs::path(given) / "bin/python3", fs::path(given) / "bin/python"}) {
    if (is_program(place)) return place;
  }
  if (given.find('/') == std::string::npos) {
    if (auto found = find_program(given)) return std::move(*found);
  }
  throw Error(ErrorKind::usage, "--runtime", fmt::format("expected a Python interpreter, found none at {}", given),
              "give its path, such as --runtime python=/venv/bin/python");
}

Runtime attached(std::string_view text) {
  const auto colon = text.find(':');
  const auto number = text.substr(0, colon);
  int descriptor = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), descriptor);
  if (error != std::errc() || end != number.data() + number.size() || descriptor < 0)
    throw Error(ErrorKind::usage, "--runtime", fmt::format("expected attached=DESCRIPTOR, found {}", text));
  Runtime runtime{.kind = RuntimeKind::python, .channel = descriptor};
  if (colon == std::string_view::npos) return runtime;
  runtime.installation = text.substr(colon + 1);
  if (const auto torch = read_torch_installation(FileRoot("/"), runtime.installation)) runtime.version = torch->version;
  return runtime;
}

Runtime first_python() {
  if (const auto given = variable("GOLDSEAL_PYTHON"); !given.empty()) return runtime_at(interpreter_of(given));
  const auto active = active_environments();
  for (const auto& candidate : interpreter_candidates()) {
    auto runtime = runtime_at(candidate);
    if (runtime.installation.empty()) continue;
    if (!active.empty() && !lies_in(runtime.worker, fs::absolute(active.front()).lexically_normal()))
      runtime.passed_over = active.front().lexically_normal();
    return runtime;
  }
  if (const auto any = find_program("python3")) return runtime_at(*any);
  throw Error(ErrorKind::unsupported, "--runtime", "no Python with torch was found on this machine",
              "name one with `--runtime python=PATH`, or activate its environment");
}

}  // namespace

std::vector<Runtime> python_runtimes() {
  std::vector<Runtime> runtimes;
  if (!find_shipped(k_worker_main)) return runtimes;
  std::set<fs::path> seen;  // `python` and `python3` of one environment are one
  for (const auto& candidate : interpreter_candidates()) {
    const auto asked = ask_interpreter(candidate);
    if (!asked || asked->torch.empty() || !seen.insert(asked->prefix).second) continue;
    runtimes.push_back(runtime_at(candidate));
  }
  return runtimes;
}

Runtime find_python_runtime(std::string_view spec) {
  const auto equals = spec.find('=');
  if (spec.starts_with(k_attached)) return attached(equals == std::string_view::npos ? "" : spec.substr(equals + 1));
  if (equals == std::string_view::npos) return first_python();
  return runtime_at(interpreter_of(std::string(spec.substr(equals + 1))));
}

}  // namespace goldseal
