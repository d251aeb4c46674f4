// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/pickle/pickle_refusal.hpp>

#include <goldseal/base/messages/text.hpp>
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

/// A module and what it lies in; no name: all of it.
struct Entry {
  std::string_view module;
  std::string_view name;
};

// Only for the words of the message, and for what `inspect` looks into: whatever is not on the allow list is never
// called, and no seal is made of a file that needs it.
constexpr std::array<std::string_view, 14> k_code_packages{
    "aiohttp", "asyncio", "concurrent", "ctypes", "distutils", "ensurepip", "http", "httpx",
    "importlib", "multiprocessing", "pip", "requests", "setuptools", "urllib"};
// Of these the module alone is meant: a user may have a package `code` of his own.
constexpr std::array<std::string_view, 50> k_code_modules{
    "_pickle", "_posixsubprocess", "_socket", "_thread", "_ctypes", "_frozen_importlib", "bdb",
    "cPickle", "cProfile", "code", "codeop", "commands", "doctest", "ftplib", "gc", "httplib",
    "imaplib", "imp", "inspect", "linecache", "marshal", "mmap", "nt", "ntpath", "os", "os.path",
    "pdb", "pickle", "pkgutil", "poplib", "posix", "posixpath", "profile", "pty", "pydoc",
    "runpy", "shutil", "signal", "site", "smtplib", "socket", "ssl", "subprocess", "sys",
    "threading", "timeit", "trace", "urllib2", "webbrowser", "zipimport"};
constexpr std::array<std::string_view, 25> k_code_builtins{
    "eval",   "exec",    "execfile", "compile",    "open",  "file",  "__import__", "__build_class__", "getattr",
    "setattr", "delattr", "globals", "locals",     "vars",  "input", "raw_input",  "breakpoint",      "help",
    "apply",  "reload",  "exit",     "quit",       "dir",   "memoryview", "callable"};
// Whole modules, or one name of a module, of packages that are harmless otherwise.
constexpr std::array<Entry, 30> k_code_names{{
    {"io", "open"},
    {"io", "open_code"},
    {"io", "FileIO"},
    {"_io", "open"},
    {"_io", "open_code"},
    {"_io", "FileIO"},
    {"operator", "methodcaller"},
    {"operator", "attrgetter"},
    {"_operator", "methodcaller"},
    {"_operator", "attrgetter"},
    {"torch", "load"},
    {"torch.serialization", "load"},
    {"torch.hub", ""},
    {"torch.jit", "load"},
    {"torch.package", ""},
    {"torch.utils.cpp_extension", ""},
    {"torch.utils.collect_env", ""},
    {"torch.utils.bottleneck", ""},
    {"torch.utils.data.datapipes.utils.decoder", "basichandlers"},
    {"torch._C._jit", ""},
    {"torch._inductor.codecache", ""},
    {"torch._dynamo.guards", ""},
    {"torch.fx.experimental.symbolic_shapes", ""},
    {"torch.testing._internal", ""},
    {"numpy", "load"},
    {"numpy.f2py", ""},
    {"numpy.distutils", ""},
    {"numpy.testing._private.utils", ""},
    {"pandas", "read_pickle"},
    {"joblib", "load"},
}};

std::string_view top_package(std::string_view module) { return module.substr(0, module.find('.')); }

bool is_below(std::string_view module, std::string_view parent) {
  return module.starts_with(parent) && (module.size() == parent.size() || module[parent.size()] == '.');
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

bool runs_code(std::string_view module, std::string_view name) {
  const auto package = top_package(module);
  if (package == "builtins" || package == "__builtin__")
    return std::ranges::find(k_code_builtins, top_package(name)) != k_code_builtins.end();
  if (std::ranges::find(k_code_packages, package) != k_code_packages.end()) return true;
  if (std::ranges::find(k_code_modules, module) != k_code_modules.end()) return true;
  const auto meant = [&](const Entry& row) {
    return row.name.empty() ? is_below(module, row.module) : module == row.module && name == row.name;
  };
  return std::ranges::any_of(k_code_names, meant);
}

Error refusal(std::string where, std::span<const Pair> globals) {
  std::vector<std::string> names;
  bool module = false;
  for (const auto& global : globals) {
    if (find_global(global.first, global.second) != nullptr) continue;
    if (runs_code(global.first, global.second)) return refuse_code(std::move(where), global);
    module = module || global.first.starts_with("torch.nn.modules");
    names.push_back(dotted(global));
  }
  return module ? refuse_module(std::move(where), globals, names) : refuse_objects(std::move(where), names);
}

}  // namespace goldseal::pickle
