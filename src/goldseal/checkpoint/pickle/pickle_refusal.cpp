// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/pickle/pickle_refusal.hpp>

#include <goldseal/base/text.hpp>
#include <goldseal/checkpoint/pickle/pickle_globals.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <vector>

namespace goldseal::pickle {
namespace {

using Pair = std::pair<std::string, std::string>;

// Only for the words of the message: everything that is not on the allow list is refused, on this list or not.
constexpr std::array<std::string_view, 24> k_code_modules{
    "__builtin__", "_pickle",   "asyncio", "bdb",    "builtins",   "cProfile", "code",   "commands",
    "ctypes",      "importlib", "marshal", "nt",     "os",         "pickle",   "pip",    "posix",
    "pty",         "runpy",     "shutil",  "socket", "subprocess", "sys",      "timeit", "webbrowser"};

std::string_view top_package(std::string_view module) { return module.substr(0, module.find('.')); }

bool runs_code(const Pair& global) {
  return std::ranges::find(k_code_modules, top_package(global.first)) != k_code_modules.end();
}

std::string dotted(const Pair& global) { return escape_unprintable(fmt::format("{}.{}", global.first, global.second)); }

std::string join_some(std::span<const std::string> names) {
  constexpr std::size_t k_most = 12;
  const auto shown = names.first(std::min(names.size(), k_most));
  auto text = fmt::format("{}", fmt::join(shown, ", "));
  if (names.size() > k_most) text += fmt::format(" and {} more", names.size() - k_most);
  return text;
}

/// The packages that the user's own code must provide: everything but PyTorch and Python.
std::vector<std::string> packages(std::span<const Pair> globals) {
  std::set<std::string> result;
  for (const auto& [module, name] : globals) {
    const auto package = top_package(module);
    const bool known =
        package == "torch" || package == "collections" || package == "__builtin__" || package == "builtins";
    if (!known) result.insert(escape_unprintable(package));
  }
  return {result.begin(), result.end()};
}

Error refuse_code(std::string where, const Pair& global) {
  return {ErrorKind::malformed, std::move(where),
          fmt::format("the file asks Python to import and run {}: that is code, not weights", dotted(global)),
          "do not load it with torch.load; take the file from a source that you trust"};
}

Error refuse_module(std::string where, std::span<const Pair> globals, std::span<const std::string> names) {
  const auto own = packages(globals);
  const auto code =
      own.empty() ? std::string("PyTorch of the same version") : fmt::format("the code of {}", join_some(own));
  return {
      ErrorKind::unsupported, std::move(where),
      fmt::format("a whole model was pickled, not its state dict; to load it Python needs {}, all as they were when it "
                  "was saved: a newer PyTorch or model looks for attributes that the pickle lacks (\"'Upsample' "
                  "object has no attribute 'recompute_scale_factor'\")",
                  join_some(names)),
      fmt::format("where it was made, with {} at hand: "
                  "torch.save(torch.load(FILE, weights_only=False).state_dict(), OUT) (in a wrapped checkpoint the "
                  "model is one of its entries: ['model'] or ['ema'])",
                  code)};
}

Error refuse_objects(std::string where, std::span<const std::string> names) {
  return {
      ErrorKind::unsupported, std::move(where),
      fmt::format("beside tensors the file holds Python objects: {}; torch.load(weights_only=True), the default since "
                  "torch 2.6, refuses them too",
                  join_some(names)),
      "save the tensors alone: torch.save(torch.load(FILE, weights_only=False)['state_dict'], OUT), with the entry "
      "that holds the weights"};
}

}  // namespace

Error refusal(std::string where, std::span<const Pair> globals) {
  std::vector<std::string> names;
  bool module = false;
  for (const auto& global : globals) {
    if (find_global(global.first, global.second) != nullptr) continue;
    if (runs_code(global)) return refuse_code(std::move(where), global);
    module = module || global.first.starts_with("torch.nn.modules");
    names.push_back(dotted(global));
  }
  return module ? refuse_module(std::move(where), globals, names) : refuse_objects(std::move(where), names);
}

}  // namespace goldseal::pickle
