// SPDX-License-Identifier: Apache-2.0
// An environment as TOML. The first part of a fact's name is its table, a number after it makes that table a list, and
// the rest of the name is the key, quoted where it has dots:
//
//   torch.version               [environment.torch]     version = "2.13.0"
//   library.libtorch_cpu.path   [environment.library]   "libtorch_cpu.path" = "…"
//   gpu.0.name                  [[environment.gpu]]     name = "…"
//
// [environment.origin] says where each fact was read, under its whole name.
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/manifest/toml_text.hpp>

#include <goldseal/base/files/argument_file.hpp>
#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace goldseal {
namespace {

constexpr std::string_view k_origin_table = "origin";
constexpr std::uint64_t k_max_environment_bytes = 4U << 20U;

struct NameParts {
  std::string table;
  std::optional<std::size_t> index;
  std::string key;
};

NameParts take_apart(std::string_view name) {
  NameParts parts;
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return {std::string(name), std::nullopt, {}};
  parts.table = name.substr(0, dot);
  auto rest = name.substr(dot + 1);
  const auto second = rest.find('.');
  std::size_t index = 0;
  const auto number = rest.substr(0, second);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
  if (second != std::string_view::npos && error == std::errc() && end == number.data() + number.size()) {
    parts.index = index;
    rest.remove_prefix(second + 1);
  }
  parts.key = rest;
  return parts;
}

struct Block {
  std::string header;
  std::string body;
};

// Blocks in the order of names; list items (`gpu.10.name` before `gpu.2.name` in text order) by their number.
std::map<std::pair<std::string, std::size_t>, Block> blocks_of(const Environment& environment) {
  std::map<std::pair<std::string, std::size_t>, Block> blocks;
  for (const auto& [name, fact] : environment.facts()) {
    const auto parts = take_apart(name);
    auto& block = blocks[{parts.table, parts.index.value_or(0)}];
    block.header = parts.index ? fmt::format("[[environment.{}]]", toml_key(parts.table))
                               : fmt::format("[environment.{}]", toml_key(parts.table));
    block.body += fmt::format("{} = {}\n", toml_key(parts.key), toml_value(fact.value));
  }
  return blocks;
}

std::optional<FactValue> fact_value(const toml::node& node) {
  if (const auto v = node.value_exact<bool>()) return *v;
  if (const auto v = node.value_exact<std::int64_t>()) return *v;
  if (const auto v = node.value_exact<double>()) return *v;
  if (const auto v = node.value_exact<std::string>()) return *v;
  const auto* const array = node.as_array();
  if (array == nullptr) return std::nullopt;
  std::vector<std::string> items;
  for (const auto& item : *array) {
    auto text = item.value_exact<std::string>();
    if (!text) return std::nullopt;
    items.push_back(*std::move(text));
  }
  return items;
}

void read_block(Environment& environment, const toml::table& table, const std::string& prefix, const TomlReader& reader,
                const toml::table* origins) {
  for (const auto& [key, node] : table) {
    const auto name = prefix + std::string(key.str());
    auto value = fact_value(node);
    if (!value) reader.fail(name, "a fact (text, number, true, false or a list of text)");
    const auto* const origin = origins == nullptr ? nullptr : origins->get(name);
    environment.set(name, *std::move(value), origin == nullptr ? "" : origin->value_or(std::string()));
  }
}

}  // namespace

std::string environment_toml(const Environment& environment) {
  std::string text;
  for (const auto& [key, block] : blocks_of(environment)) text += fmt::format("\n{}\n{}", block.header, block.body);
  text += fmt::format("\n[environment.{}]\n", k_origin_table);
  for (const auto& [name, fact] : environment.facts()) {
    if (!fact.origin.empty()) text += fmt::format("{} = {}\n", toml_key(name), toml_string(fact.origin));
  }
  return text;
}

Environment read_environment_table(const toml::table& table, const std::string& where) {
  const TomlReader reader(table, "environment.", where);
  const auto* const origin_node = table.get(k_origin_table);
  const auto* const origins = origin_node == nullptr ? nullptr : origin_node->as_table();
  Environment environment;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (name == k_origin_table) continue;
    if (const auto* const block = node.as_table()) {
      read_block(environment, *block, name + ".", reader, origins);
    } else if (const auto* const list = node.as_array(); list != nullptr && list->is_homogeneous<toml::table>()) {
      std::size_t index = 0;
      for (const auto& item : *list)
        read_block(environment, *item.as_table(), fmt::format("{}.{}.", name, index++), reader, origins);
    } else {
      reader.fail(name, "a table of facts");
    }
  }
  return environment;
}

std::string write_environment(const Environment& environment) {
  return "# A machine, as goldseal found it. `goldseal check SEAL --target THIS_FILE` judges a seal against it.\n" +
         environment_toml(environment);
}

Environment read_environment(std::string_view text, const std::string& where) {
  const auto document = parse_toml(text, where);
  const auto* const node = document.get("environment");
  if (node == nullptr || !node->is_table()) {
    throw Error(ErrorKind::malformed, where, "expected an [environment] table, found none",
                "write the file with `goldseal probe -o FILE` on the machine in question");
  }
  auto environment = read_environment_table(*node->as_table(), where);
  if (const auto* const device = document.get("device")) environment.set(std::string(k_serving_device), *fact_value(*device), where);
  const auto serving = environment.text(k_serving_device);
  if (environment.has(k_serving_device) && !(serving && is_serving_device(*serving))) {
    throw Error(ErrorKind::malformed, where,
                fmt::format("device: expected cpu or cuda, found {}", environment.shown(k_serving_device)),
                "write device = \"cuda\" on top of the file of a machine that serves on its GPU");
  }
  return environment;
}

Environment load_environment(const std::filesystem::path& file) {
  const auto text = read_argument_file(file, k_max_environment_bytes);
  try {
    return read_environment(text, file.string());
  } catch (const Error& error) {
    throw as_usage(error);
  }
}

}  // namespace goldseal
