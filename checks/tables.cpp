// SPDX-License-Identifier: Apache-2.0
#include <checks/tables.hpp>

#include <goldseal/manifest/toml_text.hpp>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

struct Row {
  Version key;
  std::string key_text;
  std::string value;
};

// Each table is read once, when a check first asks.
template <FactTable table>
const toml::table& document(const std::string& name) {
  static const auto k_document = parse_toml(table_text(table), name);
  return k_document;
}

const std::string k_drivers_name = "cuda_drivers.toml";
const std::string k_builds_name = "arch_lists.toml";
const std::string k_torchvision_name = "torchvision.toml";
const std::string k_allocator_name = "allocator.toml";

// Rows of two texts, whose key is a version.
std::vector<Row> version_rows(const toml::table& document, const std::string& name, std::string_view rows,
                              std::string_view key, std::string_view value) {
  std::vector<Row> result;
  TomlReader reader(document, "", name);
  for (const auto* const row : reader.tables(rows)) {
    TomlReader members(*row, std::string(rows) + ".", name);
    auto text = members.text(key);
    const auto version = parse_version(text);
    if (!version) members.fail(key, "a version");
    result.push_back({*version, std::move(text), members.text(value)});
  }
  return result;
}

const std::vector<Row>& drivers() {
  static const auto k_rows =
      version_rows(document<FactTable::cuda_drivers>(k_drivers_name), k_drivers_name, "driver", "cuda", "least");
  return k_rows;
}

struct Build {
  Version torch;
  Version cuda;
  std::string cuda_text;
  std::string architecture;
  std::vector<std::string> code;
};

std::vector<Build> read_builds() {
  std::vector<Build> builds;
  TomlReader reader(document<FactTable::arch_lists>(k_builds_name), "", k_builds_name);
  for (const auto* const row : reader.tables("build")) {
    TomlReader members(*row, "build.", k_builds_name);
    auto cuda_text = members.text("cuda");
    const auto torch = parse_version(members.text("torch"));
    const auto cuda = parse_version(cuda_text);
    if (!torch || !cuda) members.fail("torch", "a version");
    builds.push_back(
        {*torch, *cuda, std::move(cuda_text), members.text("architecture"), members.strings_or_empty("code")});
  }
  return builds;
}

const std::vector<Build>& builds() {
  static const auto k_builds = read_builds();
  return k_builds;
}

}  // namespace

std::optional<std::string> least_driver(const Version& cuda) {
  const auto& rows = drivers();
  const auto found = std::ranges::find_if(rows, [&](const Row& row) { return row.key.same_until(cuda, 2); });
  return found == rows.end() ? std::nullopt : std::optional(found->value);
}

std::optional<std::string> least_driver_of_major(std::int64_t cuda_major) {
  static const auto k_rows =
      version_rows(document<FactTable::cuda_drivers>(k_drivers_name), k_drivers_name, "major", "cuda", "least");
  const auto found = std::ranges::find_if(k_rows, [&](const Row& row) { return row.key.number(0) == cuda_major; });
  return found == k_rows.end() ? std::nullopt : std::optional(found->value);
}

std::optional<std::string> newest_cuda(const Version& driver) {
  std::optional<std::string> newest;
  for (const auto& row : drivers()) {
    const auto least = parse_version(row.value);
    if (least && *least <= driver) newest = row.key_text;
  }
  return newest;
}

std::optional<std::vector<std::string>> wheel_arch_list(const Version& torch, const Version& cuda,
                                                        std::string_view architecture) {
  const auto found = std::ranges::find_if(builds(), [&](const Build& build) {
    return build.torch.same_until(torch, 2) && build.cuda.same_until(cuda, 2) && build.architecture == architecture;
  });
  return found == builds().end() ? std::nullopt : std::optional(found->code);
}

std::vector<std::string> listed_cuda_builds(const Version& torch, std::string_view architecture) {
  std::vector<std::string> versions;
  for (const auto& build : builds()) {
    if (build.torch.same_until(torch, 2) && build.architecture == architecture) versions.push_back(build.cuda_text);
  }
  return versions;
}

std::optional<std::string> torchvision_for(const Version& torch) {
  static const auto k_rows = version_rows(document<FactTable::torchvision>(k_torchvision_name), k_torchvision_name,
                                          "pair", "torch", "torchvision");
  const auto found = std::ranges::find_if(k_rows, [&](const Row& row) { return row.key.same_until(torch, 2); });
  return found == k_rows.end() ? std::nullopt : std::optional(found->value);
}

OpenTorchvision open_torchvision() {
  TomlReader reader(document<FactTable::torchvision>(k_torchvision_name), "", k_torchvision_name);
  const auto* const table = reader.table("open");
  if (table == nullptr) reader.fail("open", "a table");
  TomlReader members(*table, "open.", k_torchvision_name);
  const auto torch = parse_version(members.text("torch"));
  if (!torch) members.fail("torch", "a version");
  return {members.text("torchvision"), *torch};
}

std::optional<std::string> allocator_option_since(std::string_view option) {
  TomlReader reader(document<FactTable::allocator>(k_allocator_name), "", k_allocator_name);
  for (const auto* const row : reader.tables("option")) {
    TomlReader members(*row, "option.", k_allocator_name);
    if (members.text("name") == option) return members.text("since");
  }
  return std::nullopt;
}

std::string allocator_new_name_since() {
  TomlReader reader(document<FactTable::allocator>(k_allocator_name), "", k_allocator_name);
  return reader.text("new_name_since");
}

}  // namespace goldseal
