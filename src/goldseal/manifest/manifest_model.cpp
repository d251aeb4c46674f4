// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/manifest_sections.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <map>
#include <utility>

namespace goldseal::manifest_sections {
namespace {

// What the first seals say for `embedded`.
constexpr std::string_view k_old_embedded = "enclosed";
// Eight projections, the root mean square, and how many elements are not finite.
constexpr std::size_t k_sketch_width = 10;

std::map<std::string, std::string> read_texts(const toml::table* table, const std::string& path,
                                              const std::string& where) {
  std::map<std::string, std::string> members;
  if (table == nullptr) return members;
  TomlReader reader(*table, path, where);
  for (const auto& [key, node] : *table) members.emplace(key.str(), reader.text(key.str()));
  return members;
}

// A word of a newer goldseal, or a damaged one: which of the two, the digest says.
template <typename Kind>
Kind known(Reading& reading, const TomlReader& reader, std::string_view key, const std::string& name, std::optional<Kind> kind,
           const std::string& names) {
  if (kind) return *kind;
  if (!reading.unknown_word)
    reading.unknown_word.emplace(
        ErrorKind::unsupported, reading.where,
        fmt::format("{}{}: expected one of {}, found {}", reader.path(), key, names, escape_unprintable(name)),
        "read the seal with the goldseal that wrote it, or a newer one");
  return {};
}

Builder read_builder(TomlReader& reader, Reading& reading) {
  const auto name = reader.text("builder");
  return known(reading, reader, "builder", name, parse_builder(name), names_of(k_builders));
}

Container read_container(TomlReader& reader, Reading& reading) {
  const auto name = reader.text("container");
  return known(reading, reader, "container", name, parse_container(name), names_of(k_containers));
}

FileRole read_role(TomlReader& reader, Reading& reading) {
  const auto name = reader.text("role");
  if (name == k_old_embedded) return FileRole::embedded;
  return known(reading, reader, "role", name, kind_named(k_file_roles, name), names_of(k_file_roles));
}

ExtraStateRecord read_extra_state(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "model.extra_state.", reading.where);
  ExtraStateRecord state{reader.text("name"), reader.text("kind"), read_digest(reader, "sha256")};
  reader.collect_unknown(reading.unknown_keys);
  return state;
}

OutsideRecord read_outside(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "model.outside.", reading.where);
  OutsideRecord tensor{reader.text("name"), reader.text("kind"), reader.text("dtype"), read_shape(reader),
                       read_digest(reader, "sha256"), reader.boolean("read"), {}, false};
  if (table.contains("sketch")) tensor.sketch = reader.numbers("sketch");
  if (!tensor.sketch.empty() && tensor.sketch.size() != k_sketch_width)
    reader.fail("sketch", fmt::format("{} numbers", k_sketch_width));
  reader.collect_unknown(reading.unknown_keys);
  return tensor;
}

// A seal comes from elsewhere: no form of native code (`plugin`, `aoti`) may be loaded out of it.
Builder read_program_form(TomlReader& reader, const Reading& reading) {
  const auto name = reader.text("builder");
  const auto form = parse_builder(name);
  if (form && traits(*form).is_program_form) return *form;
  throw Error(ErrorKind::malformed, reading.where,
              fmt::format("{}builder: expected the form of an embedded program, export or torchscript, found {}",
                          reader.path(), escape_unprintable(name)),
              "do not use this seal: no version of goldseal writes this; have it captured again where it comes from");
}

EmbeddedProgram read_embedded(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "model.embedded.", reading.where);
  EmbeddedProgram program{read_program_form(reader, reading),
                          read_texts(reader.table("options"), "model.embedded.options.", reading.where)};
  reader.collect_unknown(reading.unknown_keys);
  return program;
}

TensorRecord read_tensor(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "model.tensor.", reading.where);
  TensorRecord tensor{reader.text("name"), read_dtype(reader), read_shape(reader), read_digest(reader, "sha256"),
                      reader.text_or("alias_of", "")};
  reader.collect_unknown(reading.unknown_keys);
  return tensor;
}

InitialRecord read_initial(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "model.initial.", reading.where);
  InitialRecord tensor{reader.text("name"),           read_dtype(reader),
                       read_shape(reader),            read_digest(reader, "sha256"),
                       reader.boolean("repeatable"),  reader.boolean("answers")};
  reader.collect_unknown(reading.unknown_keys);
  return tensor;
}

FileRecord read_file(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "model.file.", reading.where);
  FileRecord file;
  file.role = read_role(reader, reading);
  file.path = reader.text("path");
  if (file.role == FileRole::embedded && file.path.find_first_of("/\\") != std::string::npos)
    reader.fail("path", "the name of a file in the seal");
  const auto bytes = reader.integer("bytes");
  if (bytes < 0) reader.fail("bytes", "a size of 0 or more");
  file.bytes = static_cast<std::uint64_t>(bytes);
  file.sha256 = read_digest(reader, "sha256");
  for (const auto* const key : {"non_tensor_sha256", "frame_sha256"})  // the second in older seals
    if (table.contains(key)) file.non_tensor_sha256 = read_digest(reader, key);
  file.module = reader.text_or("module", "");
  if (table.contains("code_sha256")) file.code_sha256 = read_digest(reader, "code_sha256");
  file.values = read_texts(reader.table("values"), "model.file.values.", reading.where);
  reader.collect_unknown(reading.unknown_keys);
  return file;
}

}  // namespace

ModelRecord read_model(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "model.", reading.where);
  ModelRecord model;
  model.builder = read_builder(reader, reading);
  model.source = reader.text("source");
  model.container = read_container(reader, reading);
  model.entry = reader.text_or("entry", "");
  model.removed_segments = reader.strings_or_empty("removed_segments");
  model.locations = reader.strings_or_empty("locations");
  model.options = read_texts(reader.table("options"), "model.options.", reading.where);
  model.path_options = reader.strings_or_empty("path_options");
  for (const auto& option : model.path_options)
    if (!model.options.contains(option)) reader.fail("path_options", "names of model.options");
  model.configuration = read_texts(reader.table("configuration"), "model.configuration.", reading.where);
  model.choices = read_texts(reader.table("choices"), "model.choices.", reading.where);
  for (const auto name : {to_string(FileRole::embedded), k_old_embedded})
    if (const auto* const embedded = reader.table(name)) model.embedded = read_embedded(*embedded, reading);
  model.allow_missing = reader.strings_or_empty("allow_missing");
  model.allow_unexpected = reader.strings_or_empty("allow_unexpected");
  for (const auto* const tensor : reader.tables("initial")) model.initial.push_back(read_initial(*tensor, reading));
  for (const auto* const tensor : reader.tables("tensor")) model.tensors.push_back(read_tensor(*tensor, reading));
  model.renamed = read_texts(reader.table("renamed"), "model.renamed.", reading.where);
  for (const auto* const state : reader.tables("extra_state")) model.extra_states.push_back(read_extra_state(*state, reading));
  for (const auto* const tensor : reader.tables("outside")) model.outside.push_back(read_outside(*tensor, reading));
  for (const auto* const file : reader.tables("file")) model.files.push_back(read_file(*file, reading));
  reader.collect_unknown(reading.unknown_keys);
  return model;
}

}  // namespace goldseal::manifest_sections
