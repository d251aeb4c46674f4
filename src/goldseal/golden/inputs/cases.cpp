// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/inputs/cases.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace goldseal::golden {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> k_containers{".npz", ".safetensors", ".pt", ".pth", ".bin"};

bool is_case_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !text.empty() && std::ranges::all_of(text, fits);
}

std::vector<fs::path> sorted_entries(const fs::path& directory) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (!entry.path().filename().string().starts_with('.')) entries.push_back(entry.path());
  }
  std::ranges::sort(entries);
  return entries;
}

InputSpec from_file(const fs::path& path, std::string name, const fs::path& base) {
  return {std::move(name), path.lexically_relative(base).generic_string(), FileSource{path}};
}

// All inputs that a file of named tensors holds; without declared inputs, all its tensors.
std::vector<InputSpec> from_container(const fs::path& path, std::span<const InputSlot> slots, const fs::path& base) {
  std::vector<InputSpec> inputs;
  const auto tensors = read_all_tensors(path);
  const auto holds = [&](const InputSlot& slot) { return find_tensor(tensors, slot.name) != nullptr; };
  // The only tensor of a file stands for the only input whatever its name, and for no other beside it.
  const bool by_name = std::ranges::any_of(slots, holds);
  for (const auto& slot : slots) {
    if (slot.required && !holds(slot) && (by_name || !inputs.empty()))
      throw Error(ErrorKind::usage, path.string(), fmt::format("expected a tensor '{}', found none", slot.name),
                  "put each input that forward() requires into the file, by its name");
    if (slot.required || holds(slot)) inputs.push_back(from_file(path, slot.name, base));
  }
  if (inputs.empty() && !slots.empty()) inputs.push_back(from_file(path, slots.front().name, base));
  if (!slots.empty()) return inputs;
  for (const auto& tensor : tensors) inputs.push_back(from_file(path, tensor.name, base));
  return inputs;
}

std::vector<InputSpec> from_directory(const fs::path& directory, std::span<const InputSlot> slots,
                                      const fs::path& base) {
  std::vector<InputSpec> inputs;
  const auto files = sorted_entries(directory);
  for (const auto& file : files) {
    auto name = file.stem().string();
    const bool only = files.size() == 1 && slots.size() == 1;
    inputs.push_back(from_file(file, only ? slots.front().name : std::move(name), base));
  }
  return inputs;
}

std::vector<InputSpec> inputs_at(const fs::path& path, std::span<const InputSlot> slots, const fs::path& base) {
  if (fs::is_directory(path)) return from_directory(path, slots, base);
  if (std::ranges::find(k_containers, path.extension().string()) != k_containers.end())
    return from_container(path, slots, base);
  return {from_file(path, "", base)};
}

void refuse_name(const std::vector<CaseSpec>& cases, const fs::path& path, const std::string& name) {
  const auto where = fmt::format("--cases: {}", escape_unprintable(path.string()));
  if (!is_case_name(name)) {
    throw Error(ErrorKind::usage, where,
                fmt::format("expected a name of letters, digits, _, - and ., found '{}'", escape_unprintable(name)),
                "rename it: the case is named after it");
  }
  if (std::ranges::find(cases, name, &CaseSpec::name) == cases.end()) return;
  throw Error(ErrorKind::usage, where, fmt::format("expected each case once, found '{}' twice", name),
              "rename one: a case is named after its file, without the extension");
}

}  // namespace

std::vector<CaseSpec> find_cases(const fs::path& directory, std::span<const InputSlot> slots) {
  if (!fs::is_directory(directory)) {
    throw Error(ErrorKind::io, directory.string(), "expected a directory of golden cases, found none",
                "name a directory whose files or sub-directories are cases");
  }
  std::vector<CaseSpec> cases;
  for (const auto& path : sorted_entries(directory)) {
    auto name = fs::is_directory(path) ? path.filename().string() : path.stem().string();
    refuse_name(cases, path, name);
    cases.push_back({std::move(name), inputs_at(path, slots, directory)});
  }
  if (cases.empty()) {
    throw Error(ErrorKind::usage, directory.string(), "expected at least one golden case, found an empty directory",
                "put a file or a sub-directory into it for each case");
  }
  return cases;
}

}  // namespace goldseal::golden
