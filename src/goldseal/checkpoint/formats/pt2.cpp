// SPDX-License-Identifier: Apache-2.0
// What torch.export.save writes since torch 2.8 (torch/export/pt2_archive), as records of a zip archive:
//
//   archive_format                              `pt2`
//   models/NAME.json                            the program; a worker runs it
//   data/weights/NAME_weights_config.json       {"config": {FQN: {path_name, is_param, use_pickle, tensor_meta}}}
//   data/weights/weight_N                       one storage each
//   data/constants/NAME_constants_config.json   the same for tensors that no state dict saves
//   data/constants/tensor_N
#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/export_archive.hpp>
#include <goldseal/checkpoint/formats/nested_archive.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/state_dict/archive_records.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <map>
#include <optional>
#include <utility>

namespace goldseal {
namespace {

using nlohmann::json;

constexpr std::uint64_t k_config_limit = 100'000'000;
constexpr JsonLimits k_config_limits{k_config_limit, 16};  // it needs six levels
constexpr JsonLimits k_metadata_limits{1'000'000, 8};
// Arguments of operators nest; torch/_export/serde writes fewer than twenty levels.
constexpr JsonLimits k_program_limits{std::size_t{1} << 30U, 64};

/// torch/_export/serde/schema.py, ScalarType.
std::optional<DType> scalar_type(std::int64_t number) {
  static const std::map<std::int64_t, DType> k_types{
      {1, DType::uint8},
      {2, DType::int8},
      {3, DType::int16},
      {4, DType::int32},
      {5, DType::int64},
      {6, DType::float16},
      {7, DType::float32},
      {8, DType::float64},
      {9, DType::complex32},
      {10, DType::complex64},
      {11, DType::complex128},
      {12, DType::boolean},
      {13, DType::bfloat16},
      {28, DType::uint16},
      {29, DType::float8_e4m3fn},
      {30, DType::float8_e5m2},
      {31, DType::float8_e4m3fnuz},
      {32, DType::float8_e5m2fnuz},
      {33, DType::float8_e8m0fnu},
      {34, DType::uint32},
      {35, DType::uint64},
  };
  const auto found = k_types.find(number);
  if (found == k_types.end()) return std::nullopt;
  return found->second;
}

class Pt2Reader {
 public:
  Pt2Reader(std::shared_ptr<const MappedFile> file, ZipArchive archive)
      : m_records(std::move(file), std::move(archive), Container::Kind::pt2, m_checkpoint) {}

  Checkpoint weights() {
    read_configs("data/weights", "_weights_config.json");
    if (m_checkpoint.tensors.empty() && m_left_out.empty()) refuse();
    return finish();
  }

  Checkpoint constants() {
    read_configs("data/constants", "_constants_config.json");
    return finish();
  }

  std::map<std::string, std::string> places() {
    std::map<std::string, std::string> places;
    for_each_weight("data/weights", "_weights_config.json", [&](const std::string& name, const json& entry) {
      const auto& meta = entry.at("tensor_meta");
      if (meta.is_null()) return;
      places.emplace(name, fmt::format("{} {} {} {}", entry.at("path_name").get_ref<const std::string&>(),
                                       integer(meta.at("storage_offset")), format_shape(integers(meta.at("sizes"))),
                                       format_shape(integers(meta.at("strides")))));
    });
    return places;
  }

  std::string program() {
    std::vector<std::string_view> names;
    for (const auto name : record_names()) {
      if (name.starts_with("models/") && name.ends_with(".json")) names.push_back(name);
    }
    if (names.size() != 1) {
      throw Error(ErrorKind::unsupported, m_records.path(),
                  fmt::format("expected one exported program, found {}", names.size()),
                  "save one program with torch.export.save");
    }
    const auto text = as_text(m_records.small(names.front()));
    check_json(text, fmt::format("{}, record {}", m_records.path(), escape_unprintable(names.front())),
               k_program_limits);
    return std::string(text);
  }

 private:
  std::vector<std::string_view> record_names() const {
    std::vector<std::string_view> names;
    for (const auto& entry : m_records.archive().entries)
      names.push_back(entry.name.substr(std::min(entry.name.size(), m_records.archive().root.size() + 1)));
    return names;
  }

  void read_configs(std::string_view folder, std::string_view ending) {
    for_each_weight(folder, ending, [&](const std::string& name, const json& entry) { add(name, entry, folder); });
  }

  template <typename Function>
  void for_each_weight(std::string_view folder, std::string_view ending, Function&& take) {
    for (const auto name : record_names()) {
      if (name.starts_with(folder) && name.ends_with(ending)) read_config(name, take);
    }
  }

  Checkpoint finish() {
    if (!m_left_out.empty()) {
      m_checkpoint.notes.push_back(
          {"pt2.unsupported-tensors",
           fmt::format("tensors of a kind that goldseal does not read are left out: {}", m_left_out)});
    }
    m_checkpoint.entries.push_back({".", m_checkpoint.tensors.size(), true});
    constexpr std::array<std::string_view, 4> k_expected{"archive_", "models/", "data/", "extra/"};
    m_records.finish(k_expected);
    return std::move(m_checkpoint);
  }

  [[noreturn]] void refuse() const {
    const auto made_for = compiled_for();
    throw Error(ErrorKind::unsupported, m_records.path(),
                fmt::format("a .pt2 archive without weights (AOTInductor compiles them in){}{}",
                            made_for.empty() ? "" : ", compiled for ", made_for),
                made_for.empty() ? "name it as the model: --model aoti:FILE"
                                 : "name it as the model: --model aoti:FILE; it runs on that kind of device only: "
                                   "compile a .pt2 for each kind of GPU");
  }

  /// What AOTInductor wrote about the device (torch/_inductor/codecache.py, get_device_information): empty for none.
  std::string compiled_for() const {
    for (const auto& entry : m_records.archive().entries) {
      if (!entry.name.ends_with("_metadata.json") || entry.deflated || entry.size > k_config_limit) continue;
      const auto device = parse_json(as_text(m_records.archive().stored(entry)), m_records.path(), k_metadata_limits);
      if (!device.is_object() || !device.contains("AOTI_DEVICE_KEY")) continue;
      auto text = escape_unprintable(text_of(device, "AOTI_DEVICE_KEY"));
      const auto capability = text_of(device, "AOTI_COMPUTE_CAPABILITY");
      if (!capability.empty()) text += fmt::format(" of compute capability {}", escape_unprintable(capability));
      return text;
    }
    return {};
  }

  static std::string text_of(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  }

  template <typename Function>
  void read_config(std::string_view name, Function&& take) {
    const auto text = as_text(m_records.small(name));
    if (text.size() > k_config_limit)
      m_records.fail(0, fmt::format("{} is larger than {}", name, format_bytes(k_config_limit)));
    m_where = fmt::format("{}, record {}", m_records.path(), escape_unprintable(name));
    try {
      const auto config = parse_json(text, m_where, k_config_limits);
      for (const auto& [key, entry] : config.at("config").items()) take(key, entry);
    } catch (const json::exception& error) {
      throw Error(ErrorKind::malformed, m_where, escape_unprintable(error.what()),
                  "take the file from its source again");
    }
  }

  void add(const std::string& name, const json& entry, std::string_view folder) {
    const auto& meta = entry.at("tensor_meta");
    const auto type = meta.is_null() ? std::nullopt : scalar_type(meta.at("dtype").get<std::int64_t>());
    constexpr std::int64_t k_strided = 7;
    if (entry.at("use_pickle").get<bool>() || !type || meta.at("layout").get<std::int64_t>() != k_strided) {
      m_left_out += fmt::format("{}{}", m_left_out.empty() ? "" : ", ", escape_unprintable(name));
      return;
    }
    Tensor tensor;
    tensor.name = name;
    tensor.dtype = *type;
    tensor.shape = integers(meta.at("sizes"));
    tensor.strides = integers(meta.at("strides"));
    tensor.offset = integer(meta.at("storage_offset"));
    tensor.parameter = entry.at("is_param").get<bool>();
    tensor.storage = storage(fmt::format("{}/{}", folder, entry.at("path_name").get<std::string>()));
    const bool shaped = tensor.shape.size() == tensor.strides.size() && tensor.offset >= 0;
    if (!shaped || !tensor_bytes(tensor, m_checkpoint.storages[tensor.storage].bytes)) {
      throw Error(ErrorKind::malformed, m_where,
                  fmt::format("tensor '{}' of shape {} reaches beyond its record", escape_unprintable(name),
                              format_shape(tensor.shape)),
                  "take the file from its source again");
    }
    auto& location = m_checkpoint.storages[tensor.storage].location;
    location = meta.at("device").at("type").get<std::string>();
    if (const auto& index = meta.at("device").at("index"); !index.is_null())
      location += fmt::format(":{}", index.get<int>());
    m_checkpoint.tensors.push_back(std::move(tensor));
  }

  std::size_t storage(const std::string& record) {
    const auto [found, added] = m_storages.emplace(record, m_checkpoint.storages.size());
    if (added) m_checkpoint.storages.push_back(m_records.storage(record));
    return found->second;
  }

  static std::int64_t integer(const json& value) {
    const auto number = value.at("as_int").get<std::int64_t>();
    if (number < 0) throw Error(ErrorKind::malformed, "", "a negative size, stride or offset");
    return number;
  }
  static std::vector<std::int64_t> integers(const json& list) {
    std::vector<std::int64_t> result;
    for (const auto& value : list) result.push_back(integer(value));
    return result;
  }

  Checkpoint m_checkpoint;
  ArchiveRecords m_records;
  std::string m_where;
  std::string m_left_out;
  std::map<std::string, std::size_t> m_storages;
};

}  // namespace

// torch.export.save of torch 2.1 to 2.7 (torch/export/__init__.py), by Python's zipfile and without a root directory:
//
//   serialized_exported_program.json      the program; never run here
//   serialized_state_dict.pt              a torch.save file: the state dict
//   serialized_constants.pt, serialized_example_inputs.pt, version
Checkpoint read_pt2_before_2_8(std::shared_ptr<const MappedFile> file, const ZipArchive& archive) {
  const auto path = file->path().string();
  const auto found = archive.by_name.find("serialized_state_dict.pt");
  if (found == archive.by_name.end()) {
    throw Error(ErrorKind::unsupported, path, "a torch.export archive without a serialized_state_dict.pt",
                "load it with the torch that wrote it and save the module's state dict");
  }
  const auto& entry = archive.entries[found->second];
  archive.verify(entry);
  const auto packed = archive.stored(entry).size();
  auto checkpoint =
      read_nested_archive({std::move(file)}, {0, entry.begin, packed, path + ", serialized_state_dict.pt"}, {});
  checkpoint.container = Container::Kind::pt2_before_2_8;
  for (const auto& other : archive.entries) {
    if (&other != &entry && !other.deflated && archive.has_checksums)
      checkpoint.records.push_back({0, other.begin, other.size, other.crc32, std::string(other.name)});
  }
  return checkpoint;
}

Checkpoint read_pt2(std::shared_ptr<const MappedFile> file, ZipArchive archive) {
  return Pt2Reader(std::move(file), std::move(archive)).weights();
}

ExportArchive read_export_archive(const std::filesystem::path& path) {
  const auto file = std::make_shared<const MappedFile>(path);
  if (!has_zip_end(file->bytes())) {
    throw Error(ErrorKind::unsupported, path.string(), "expected an archive that torch.export.save wrote, found no zip",
                "name the .pt2 file");
  }
  const auto archive = read_zip(path.string(), file->bytes());
  if (archive.find("archive_format") == nullptr) {
    throw Error(ErrorKind::unsupported, path.string(),
                "expected an archive that torch.export.save wrote since torch 2.8",
                "export it again with torch 2.8 or newer");
  }
  Pt2Reader reader(file, archive);
  auto program = reader.program();
  auto places = reader.places();
  return {std::move(program), reader.constants(), std::move(places)};
}

}  // namespace goldseal
