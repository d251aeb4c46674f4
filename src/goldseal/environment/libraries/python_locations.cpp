// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/libraries/python_locations.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_python = "python";
constexpr std::size_t k_most = 8;

std::string variable(const ProbeContext& context, std::string_view name) {
  const auto found = context.variables.find(name);
  return found == context.variables.end() ? std::string() : found->second;
}

// `3.11` of the directories lib/python3.11; where there are several, the one that bin/python3 points to.
std::optional<std::string> series_of(const FileRoot& files, const fs::path& prefix) {
  std::vector<std::string> series;
  for (const auto& name : files.list(prefix / "lib")) {
    if (name.starts_with("python3.")) series.push_back(name.substr(k_python.size()));
  }
  if (series.empty()) return std::nullopt;
  std::error_code error;
  const auto target = fs::read_symlink(files.at(prefix / "bin/python3"), error).filename().string();
  if (!error && target.starts_with(k_python)) {
    if (const auto named = std::ranges::find(series, target.substr(k_python.size())); named != series.end())
      return *named;
  }
  return series.back();
}

// Where a Python outside virtual environments looks for packages, the user's own first.
void add_base_candidates(const ProbeContext& context, const fs::path& prefix, const std::string& library,
                         std::vector<fs::path>& candidates) {
  const auto home = variable(context, "HOME");
  if (!home.empty() && !context.variables.contains("PYTHONNOUSERSITE"))
    candidates.push_back(fs::path(home) / ".local" / library / "site-packages");
  if (prefix == "/usr") candidates.push_back(fs::path("/usr/local") / library / "dist-packages");
  candidates.push_back(prefix / library / "site-packages");
  if (prefix == "/usr") candidates.emplace_back("/usr/lib/python3/dist-packages");
}

std::optional<PythonLocation> python_at(const ProbeContext& context, const fs::path& prefix) {
  const auto& files = context.files;
  auto series = series_of(files, prefix);
  if (!series) return std::nullopt;
  const auto library = "lib/python" + *series;
  std::vector<fs::path> candidates;
  if (const auto settings = files.read(prefix / "pyvenv.cfg")) {
    candidates.push_back(prefix / library / "site-packages");
    // `python -m venv --system-site-packages`: what the Python that it was made from has is imported too.
    const auto home = value_of_key(*settings, "home", '=');
    if (home && value_of_key(*settings, "include-system-site-packages", '=') == "true")
      add_base_candidates(context, fs::path(*home).parent_path(), library, candidates);
  } else {
    add_base_candidates(context, prefix, library, candidates);
  }
  PythonLocation python{prefix, std::move(*series), {}};
  std::ranges::copy_if(candidates, std::back_inserter(python.package_dirs),
                       [&](const fs::path& path) { return files.exists(path); });
  return python;
}

// Where the directories of the PATH lead: PREFIX/bin, and pyenv's shims, which name no prefix by themselves.
std::vector<fs::path> prefixes_of_path(const ProbeContext& context) {
  std::vector<fs::path> prefixes;
  const auto search_path = variable(context, "PATH");
  for (const auto part : split(search_path, ':')) {
    const fs::path directory(part);
    if (!directory.is_absolute() || !context.files.exists(directory / "python3")) continue;
    const auto parent = directory.parent_path();
    if (directory.filename() != "shims") {
      prefixes.push_back(parent);
    } else if (const auto chosen = context.files.line(parent / "version")) {
      prefixes.push_back(parent / "versions" / *chosen);
    }
  }
  return prefixes;
}

// PREFIX/lib/python3.11/site-packages/torch
std::optional<fs::path> prefix_around(const fs::path& torch) {
  const auto packages = torch.parent_path();
  const auto library = packages.parent_path();
  const bool in_packages = packages.filename() == "site-packages" && library.filename().string().starts_with(k_python);
  return in_packages ? std::optional(library.parent_path().parent_path()) : std::nullopt;
}

}  // namespace

std::vector<PythonLocation> python_locations(const ProbeContext& context) {
  std::vector<fs::path> prefixes;
  if (const auto& torch = context.options.torch_prefix) {
    if (auto prefix = prefix_around(torch->lexically_normal())) prefixes.push_back(std::move(*prefix));
  }
  // As `--runtime python` takes them: the one that was named comes first.
  if (const fs::path given(variable(context, "GOLDSEAL_PYTHON")); given.is_absolute()) prefixes.push_back(given.parent_path().parent_path());
  for (const auto* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (auto prefix = variable(context, name); !prefix.empty()) prefixes.emplace_back(std::move(prefix));
  }
  std::ranges::move(prefixes_of_path(context), std::back_inserter(prefixes));
  std::vector<PythonLocation> pythons;
  for (auto& prefix : prefixes) {
    prefix = prefix.lexically_normal();
    if (prefix == "/") prefix = "/usr";  // a merged /bin
    const bool seen = std::ranges::find(pythons, prefix, &PythonLocation::prefix) != pythons.end();
    if (seen || pythons.size() == k_most) continue;
    if (auto python = python_at(context, prefix)) pythons.push_back(std::move(*python));
  }
  return pythons;
}

std::string python_version(const FileRoot& files, const PythonLocation& python) {
  if (const auto text = files.read(python.prefix / "pyvenv.cfg")) {
    if (auto version = value_of_key(*text, "version", '=')) return *version;
    if (auto version = value_of_key(*text, "version_info", '=')) return *version;
  }
  constexpr std::string_view k_macro = "#define PY_VERSION";
  const auto header =
      files.read(python.prefix / fmt::format("include/python{}/patchlevel.h", python.series)).value_or("");
  for (const auto line : split(header, '\n')) {
    const auto open = line.find('"');
    if (line.starts_with(k_macro) && open != std::string_view::npos)
      return std::string(line.substr(open + 1, line.rfind('"') - open - 1));
  }
  return python.series;
}

}  // namespace goldseal
