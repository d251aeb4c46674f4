// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/description/imported_file.hpp>

#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/text.hpp>

#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_same_file(const fs::path& one, const fs::path& other) {
  std::error_code error;
  return fs::equivalent(one, other, error) && !error;
}

std::vector<fs::path> parts_of(const FileRecord& source) {
  std::vector<fs::path> parts;
  for (const auto part : split(source.module, '.')) parts.emplace_back(part);
  return parts;
}

// `net.cpython-311-x86_64-linux-gnu.so`, `net.abi3.so`, `net.so`.
std::optional<fs::path> compiled_module(const fs::path& directory, const std::string& name) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const auto file = entry->path().filename().string();
    if (!file.starts_with(name + ".") || !file.ends_with(".so")) continue;
    const std::string_view tag = std::string_view(file).substr(name.size() + 1);
    if (tag == "so" || tag.starts_with("abi3") || tag.starts_with("cpython") || tag.starts_with("pypy")) return entry->path();
  }
  return std::nullopt;
}

std::optional<fs::path> module_in(const fs::path& directory, const std::string& name) {
  if (auto compiled = compiled_module(directory, name)) return compiled;
  for (const auto* const ending : {".py", ".pyc"})
    if (auto file = directory / (name + ending); is_file(file)) return file;
  return std::nullopt;
}

// A package comes before a module by its name, compiled code before its source.
std::optional<fs::path> found_in(const fs::path& root, const std::vector<fs::path>& module) {
  auto directory = root;
  for (std::size_t i = 0; i + 1 < module.size(); ++i) directory /= module[i];
  const auto name = module.back().string();
  if (auto package = module_in(directory / name, "__init__")) return package;
  return module_in(directory, name);
}

// The directory from which `sealed` is the module's file; none for code that was loaded by its path.
std::optional<fs::path> root_of(const std::vector<fs::path>& module, const fs::path& sealed) {
  const bool package = sealed.stem() == "__init__";
  auto directory = sealed.parent_path();
  if (!package && sealed.filename().string().substr(0, sealed.filename().string().find('.')) != module.back()) return std::nullopt;
  for (auto i = module.size() - (package ? 0 : 1); i > 0; --i) {
    if (directory.filename() != module[i - 1]) return std::nullopt;
    directory = directory.parent_path();
  }
  return directory;
}

// Empty where it was removed: nothing is imported from there then.
fs::path working_directory() {
  std::error_code error;
  return fs::current_path(error);
}

// Where `import` looks before the installed packages: the working directory, then what PYTHONPATH names.
std::vector<fs::path> import_places() {
  std::vector<fs::path> places;
  if (auto working = working_directory(); !working.empty()) places.push_back(std::move(working));
  if (const char* const path = std::getenv("PYTHONPATH"))
    for (const auto part : split(std::string_view(path), ':'))
      if (!part.empty()) places.emplace_back(part);
  return places;
}

bool is_below(const fs::path& path, const fs::path& place) {
  std::error_code error;
  const auto real = fs::weakly_canonical(path, error);
  if (error) return false;
  const auto directory = fs::weakly_canonical(place, error);
  return !error && lies_in(real, directory);
}

}  // namespace

std::optional<fs::path> imported_here(const FileRecord& source) {
  if (source.module.empty()) return std::nullopt;
  for (const auto& place : import_places())
    if (auto file = found_in(place, parts_of(source))) return file;
  return std::nullopt;
}

std::optional<ImportedFile> imported_before(const FileRecord& source, const fs::path& sealed) {
  if (source.module.empty()) return std::nullopt;
  const auto module = parts_of(source);
  const auto root = root_of(module, sealed);
  if (!root) return std::nullopt;
  const auto current = working_directory();
  for (const auto& place : import_places()) {
    if (is_same_file(place, *root)) break;
    const auto file = found_in(place, module);
    if (!file || is_same_file(*file, sealed)) continue;
    return ImportedFile{*file, !is_same_file(place, current) || is_below(sealed, current)};
  }
  const auto beside = found_in(*root, module);
  if (!beside || is_same_file(*beside, sealed)) return std::nullopt;
  return ImportedFile{*beside, true};
}

}  // namespace goldseal
