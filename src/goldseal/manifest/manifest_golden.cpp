// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/manifest_sections.hpp>

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace goldseal::manifest_sections {
namespace {

// Of float32: a wider type is judged like that.
constexpr std::int64_t k_most_bits = 24;

GoldenTensor read_golden_tensor(const toml::table& table, Reading& reading, std::string path) {
  TomlReader reader(table, std::move(path), reading.where);
  GoldenTensor tensor{reader.text("name"), read_dtype(reader), read_shape(reader), reader.text_or("source", ""),
                      reader.text_or("preprocess", "")};
  reader.collect_unknown(reading.unknown_keys);
  return tensor;
}

std::int64_t read_bits(TomlReader& reader) {
  const auto bits = reader.integer("bits");
  if (bits < 1 || bits > k_most_bits) reader.fail("bits", fmt::format("1 to {} bits", k_most_bits));
  return bits;
}

NoiseRecord read_noise(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "golden.noise.", reading.where);
  // Older seals call them s0, a, b and linear.
  const auto number = [&](std::string_view name, std::string_view older) {
    return reader.number(table.contains(name) || !table.contains(older) ? name : older);
  };
  NoiseRecord noise{.output = reader.text("output"),
                    .response_rms = number("response_rms", "s0"),
                    .rms_amplification = number("rms_amplification", "a"),
                    .max_amplification = number("max_amplification", "b"),
                    .linearity = number("linearity", "linear"),
                    .pure = reader.boolean("pure")};
  if (table.contains("native")) noise.native = reader.boolean("native");
  if (table.contains("bits")) noise.bits = read_bits(reader);
  reader.collect_unknown(reading.unknown_keys);
  return noise;
}

DetectionRecord read_detections(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "golden.detections.", reading.where);
  DetectionRecord detections{reader.strings_or_empty("outputs"), reader.integers("unsettled"),
                             reader.integer("others"), reader.boolean("ordered")};
  reader.collect_unknown(reading.unknown_keys);
  return detections;
}

bool flag(TomlReader& reader, const toml::table& table, std::string_view key) {
  return table.contains(key) && reader.boolean(key);
}

BatchOutput read_batch_output(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "golden.batch_output.", reading.where);
  BatchOutput output{reader.text("name"), reader.integers("dimensions"), flag(reader, table, "in_list"),
                     flag(reader, table, "of_all")};
  if (table.contains("added")) output.added = reader.integer("added");
  reader.collect_unknown(reading.unknown_keys);
  return output;
}

}  // namespace

BatchRecord read_batch(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "batch.", reading.where);
  BatchRecord batch;
  batch.size = reader.integer("size");
  batch.pad_left = reader.text_or("pad_side", "right") == "left";
  batch.by_code = flag(reader, table, "by_code");
  for (const auto* const input : reader.tables("input")) {
    TomlReader each(*input, "batch.input.", reading.where);
    BatchInput found{each.text("name"), std::nullopt};
    if (input->contains("dimension")) found.dimension = each.integer("dimension");
    if (input->contains("pad")) found.pad = each.number("pad");
    found.made = flag(each, *input, "made");
    each.collect_unknown(reading.unknown_keys);
    batch.inputs.push_back(std::move(found));
  }
  reader.collect_unknown(reading.unknown_keys);
  return batch;
}

GoldenCase read_golden(const toml::table& table, Reading& reading) {
  TomlReader reader(table, "golden.", reading.where);
  GoldenCase golden;
  golden.name = reader.text("name");
  golden.repeatable = reader.boolean("repeatable");
  golden.probes = reader.integer("probes");
  golden.seeds = reader.integers("seeds");
  golden.device = reader.text_or("device", golden.device.text());
  if (table.contains("layers")) golden.layers = reader.integer("layers");
  golden.quick = reader.text_or("depth", "full") == "quick";
  golden.beside = reader.strings_or_empty("beside");
  golden.batch_layers = reader.text_or("batch_layers", "");
  for (const auto* const t : reader.tables("batch_output")) golden.batch_outputs.push_back(read_batch_output(*t, reading));
  for (const auto* const t : reader.tables("input")) golden.inputs.push_back(read_golden_tensor(*t, reading, "golden.input."));
  for (const auto* const t : reader.tables("output"))
    golden.outputs.push_back(read_golden_tensor(*t, reading, "golden.output."));
  for (const auto* const t : reader.tables("noise")) golden.noise.push_back(read_noise(*t, reading));
  for (const auto* const t : reader.tables("random"))
    golden.random.push_back(read_golden_tensor(*t, reading, "golden.random."));
  for (const auto* const t : reader.tables("detections")) golden.detections.push_back(read_detections(*t, reading));
  reader.collect_unknown(reading.unknown_keys);
  return golden;
}

}  // namespace goldseal::manifest_sections
