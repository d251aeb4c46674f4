// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/manifest/plausibility.hpp>
#include <goldseal/manifest/self_digest.hpp>
#include <goldseal/manifest/toml_text.hpp>

#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

namespace goldseal {
namespace {

// Of float32: a wider type is judged like that.
constexpr std::int64_t k_most_bits = 24;
// What the first seals say for `embedded`.
constexpr std::string_view k_old_embedded = "enclosed";
// Eight projections, the root mean square, and how many elements are not finite.
constexpr std::size_t k_sketch_width = 10;

Digest read_digest(TomlReader& table, std::string_view key) {
  const auto digest = parse_digest(table.text(key));
  if (!digest) table.fail(key, "64 hexadecimal digits");
  return *digest;
}

DType read_dtype(TomlReader& table) {
  const auto dtype = parse_dtype(table.text("dtype"));
  if (!dtype) table.fail("dtype", "an element type such as \"float32\"");
  return *dtype;
}

std::vector<std::int64_t> read_shape(TomlReader& table) {
  auto shape = table.integers("shape");
  if (std::ranges::any_of(shape, [](std::int64_t size) { return size < 0; })) table.fail("shape", "sizes of 0 or more");
  return shape;
}

std::map<std::string, std::string> read_texts(const toml::table* table, const std::string& path,
                                              const std::string& where) {
  std::map<std::string, std::string> members;
  if (table == nullptr) return members;
  TomlReader reader(*table, path, where);
  for (const auto& [key, node] : *table) members.emplace(key.str(), reader.text(key.str()));
  return members;
}

class ManifestReader {
 public:
  ManifestReader(const toml::table& document, const std::string& where) : m_document(document), m_where(where) {}

  Manifest read() {
    TomlReader top(m_document, "", m_where);
    read_seal(top);
    if (const auto* const model = top.table("model")) read_model(*model);
    for (const auto* const golden : top.tables("golden")) m_manifest.golden.push_back(read_golden(*golden));
    if (const auto* const batch = top.table("batch")) m_manifest.batch = read_batch(*batch);
    if (const auto* const environment = top.table("environment")) {
      m_manifest.environment = read_environment_table(*environment, m_where);
    }
    top.collect_unknown(m_manifest.unknown_keys);
    return std::move(m_manifest);
  }

  /// The first word for a kind that this version does not know.
  [[nodiscard]] const std::optional<Error>& unknown_word() const { return m_unknown_word; }

 private:
  void read_seal(TomlReader& top) {
    const auto* const table = top.table("seal");
    if (table == nullptr) top.fail("seal", "a table");
    TomlReader seal(*table, "seal.", m_where);
    m_manifest.format = seal.integer("format");
    if (m_manifest.format > k_manifest_format || m_manifest.format < 1) {
      throw Error(ErrorKind::unsupported, m_where,
                  fmt::format("the seal has format {}; this goldseal reads formats 1 to {}", m_manifest.format,
                              k_manifest_format),
                  fmt::format("install goldseal {} or newer, which wrote it", seal.text_or("goldseal", "?")));
    }
    m_manifest.created = seal.text("created");
    m_manifest.goldseal = seal.text("goldseal");
    m_manifest.golden_sha256 = read_digest(seal, "golden_sha256");
    static_cast<void>(seal.text("digest"));
    seal.collect_unknown(m_manifest.unknown_keys);
  }

  void read_model(const toml::table& table) {
    TomlReader reader(table, "model.", m_where);
    auto& model = m_manifest.model;
    model.builder = read_builder(reader);
    model.source = reader.text("source");
    model.container = read_container(reader);
    model.entry = reader.text_or("entry", "");
    model.removed_segments = reader.strings_or_empty("removed_segments");
    model.locations = reader.strings_or_empty("locations");
    model.options = read_texts(reader.table("options"), "model.options.", m_where);
    model.path_options = reader.strings_or_empty("path_options");
    for (const auto& option : model.path_options)
      if (!model.options.contains(option)) reader.fail("path_options", "names of model.options");
    model.configuration = read_texts(reader.table("configuration"), "model.configuration.", m_where);
    for (const auto name : {to_string(FileRole::embedded), k_old_embedded})
      if (const auto* const embedded = reader.table(name)) model.embedded = read_embedded(*embedded);
    model.allow_missing = reader.strings_or_empty("allow_missing");
    model.allow_unexpected = reader.strings_or_empty("allow_unexpected");
    for (const auto* const tensor : reader.tables("initial")) model.initial.push_back(read_initial(*tensor));
    for (const auto* const tensor : reader.tables("tensor")) model.tensors.push_back(read_tensor(*tensor));
    model.renamed = read_texts(reader.table("renamed"), "model.renamed.", m_where);
    for (const auto* const state : reader.tables("extra_state")) model.extra_states.push_back(read_extra_state(*state));
    for (const auto* const tensor : reader.tables("outside")) model.outside.push_back(read_outside(*tensor));
    for (const auto* const file : reader.tables("file")) model.files.push_back(read_file(*file));
    reader.collect_unknown(m_manifest.unknown_keys);
  }

  // A word of a newer goldseal, or a damaged one: which of the two, the digest says.
  template <typename Kind>
  Kind known(const TomlReader& reader, std::string_view key, const std::string& name, std::optional<Kind> kind,
             const std::string& names) {
    if (kind) return *kind;
    if (!m_unknown_word)
      m_unknown_word.emplace(
          ErrorKind::unsupported, m_where,
          fmt::format("{}{}: expected one of {}, found {}", reader.path(), key, names, escape_unprintable(name)),
          "read the seal with the goldseal that wrote it, or a newer one");
    return {};
  }

  Builder read_builder(TomlReader& reader) {
    const auto name = reader.text("builder");
    return known(reader, "builder", name, parse_builder(name), names_of(k_builders));
  }

  Container read_container(TomlReader& reader) {
    const auto name = reader.text("container");
    return known(reader, "container", name, parse_container(name), names_of(k_containers));
  }

  FileRole read_role(TomlReader& reader) {
    const auto name = reader.text("role");
    if (name == k_old_embedded) return FileRole::embedded;
    return known(reader, "role", name, kind_named(k_file_roles, name), names_of(k_file_roles));
  }

  ExtraStateRecord read_extra_state(const toml::table& table) {
    TomlReader reader(table, "model.extra_state.", m_where);
    ExtraStateRecord state{reader.text("name"), reader.text("kind"), read_digest(reader, "sha256")};
    reader.collect_unknown(m_manifest.unknown_keys);
    return state;
  }

  OutsideRecord read_outside(const toml::table& table) {
    TomlReader reader(table, "model.outside.", m_where);
    OutsideRecord tensor{reader.text("name"), reader.text("kind"), reader.text("dtype"), read_shape(reader),
                         read_digest(reader, "sha256"), reader.boolean("read"), {}};
    if (table.contains("sketch")) tensor.sketch = reader.numbers("sketch");
    if (!tensor.sketch.empty() && tensor.sketch.size() != k_sketch_width)
      reader.fail("sketch", fmt::format("{} numbers", k_sketch_width));
    reader.collect_unknown(m_manifest.unknown_keys);
    return tensor;
  }

  // A seal comes from elsewhere: no form of native code (`plugin`, `aoti`) may be loaded out of it.
  Builder read_program_form(TomlReader& reader) const {
    const auto name = reader.text("builder");
    const auto form = parse_builder(name);
    if (form && traits(*form).is_program_form) return *form;
    throw Error(ErrorKind::malformed, m_where,
                fmt::format("{}builder: expected the form of an embedded program, export or torchscript, found {}",
                            reader.path(), escape_unprintable(name)),
                "do not use this seal: no version of goldseal writes this; have it captured again where it comes from");
  }

  EmbeddedProgram read_embedded(const toml::table& table) {
    TomlReader reader(table, "model.embedded.", m_where);
    EmbeddedProgram program{read_program_form(reader),
                            read_texts(reader.table("options"), "model.embedded.options.", m_where)};
    reader.collect_unknown(m_manifest.unknown_keys);
    return program;
  }

  TensorRecord read_tensor(const toml::table& table) {
    TomlReader reader(table, "model.tensor.", m_where);
    TensorRecord tensor{reader.text("name"), read_dtype(reader), read_shape(reader), read_digest(reader, "sha256"),
                        reader.text_or("alias_of", "")};
    reader.collect_unknown(m_manifest.unknown_keys);
    return tensor;
  }

  InitialRecord read_initial(const toml::table& table) {
    TomlReader reader(table, "model.initial.", m_where);
    InitialRecord tensor{reader.text("name"),           read_dtype(reader),
                         read_shape(reader),            read_digest(reader, "sha256"),
                         reader.boolean("repeatable"),  reader.boolean("answers")};
    reader.collect_unknown(m_manifest.unknown_keys);
    return tensor;
  }

  FileRecord read_file(const toml::table& table) {
    TomlReader reader(table, "model.file.", m_where);
    FileRecord file;
    file.role = read_role(reader);
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
    file.values = read_texts(reader.table("values"), "model.file.values.", m_where);
    reader.collect_unknown(m_manifest.unknown_keys);
    return file;
  }

  GoldenTensor read_golden_tensor(const toml::table& table, std::string path) {
    TomlReader reader(table, std::move(path), m_where);
    GoldenTensor tensor{reader.text("name"), read_dtype(reader), read_shape(reader), reader.text_or("source", ""),
                        reader.text_or("preprocess", "")};
    reader.collect_unknown(m_manifest.unknown_keys);
    return tensor;
  }

  static std::int64_t read_bits(TomlReader& reader) {
    const auto bits = reader.integer("bits");
    if (bits < 1 || bits > k_most_bits) reader.fail("bits", fmt::format("1 to {} bits", k_most_bits));
    return bits;
  }

  NoiseRecord read_noise(const toml::table& table) {
    TomlReader reader(table, "golden.noise.", m_where);
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
    reader.collect_unknown(m_manifest.unknown_keys);
    return noise;
  }

  DetectionRecord read_detections(const toml::table& table) {
    TomlReader reader(table, "golden.detections.", m_where);
    DetectionRecord detections{reader.strings_or_empty("outputs"), reader.integers("unsettled"),
                               reader.integer("others"), reader.boolean("ordered")};
    reader.collect_unknown(m_manifest.unknown_keys);
    return detections;
  }

  static bool flag(TomlReader& reader, const toml::table& table, std::string_view key) {
    return table.contains(key) && reader.boolean(key);
  }

  BatchRecord read_batch(const toml::table& table) {
    TomlReader reader(table, "batch.", m_where);
    BatchRecord batch;
    batch.size = reader.integer("size");
    batch.pad_left = reader.text_or("pad_side", "right") == "left";
    batch.by_code = flag(reader, table, "by_code");
    for (const auto* const input : reader.tables("input")) {
      TomlReader each(*input, "batch.input.", m_where);
      BatchInput found{each.text("name"), std::nullopt};
      if (input->contains("dimension")) found.dimension = each.integer("dimension");
      if (input->contains("pad")) found.pad = each.number("pad");
      found.made = flag(each, *input, "made");
      each.collect_unknown(m_manifest.unknown_keys);
      batch.inputs.push_back(std::move(found));
    }
    reader.collect_unknown(m_manifest.unknown_keys);
    return batch;
  }

  BatchOutput read_batch_output(const toml::table& table) {
    TomlReader reader(table, "golden.batch_output.", m_where);
    BatchOutput output{reader.text("name"), reader.integers("dimensions"), flag(reader, table, "in_list"),
                       flag(reader, table, "of_all")};
    if (table.contains("added")) output.added = reader.integer("added");
    reader.collect_unknown(m_manifest.unknown_keys);
    return output;
  }

  GoldenCase read_golden(const toml::table& table) {
    TomlReader reader(table, "golden.", m_where);
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
    for (const auto* const t : reader.tables("batch_output")) golden.batch_outputs.push_back(read_batch_output(*t));
    for (const auto* const t : reader.tables("input")) golden.inputs.push_back(read_golden_tensor(*t, "golden.input."));
    for (const auto* const t : reader.tables("output"))
      golden.outputs.push_back(read_golden_tensor(*t, "golden.output."));
    for (const auto* const t : reader.tables("noise")) golden.noise.push_back(read_noise(*t));
    for (const auto* const t : reader.tables("random"))
      golden.random.push_back(read_golden_tensor(*t, "golden.random."));
    for (const auto* const t : reader.tables("detections")) golden.detections.push_back(read_detections(*t));
    reader.collect_unknown(m_manifest.unknown_keys);
    return golden;
  }

  const toml::table& m_document;
  const std::string& m_where;
  Manifest m_manifest;
  std::optional<Error> m_unknown_word;
};

bool is_seal(const std::filesystem::path& place) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(place / k_manifest_name, ignored);
}

// The names of seals in a directory; of a large one those that are met first.
std::vector<std::string> seals_in(const std::filesystem::path& directory) {
  constexpr int k_most_entries = 2000;
  std::vector<std::string> names;
  std::error_code error;
  int looked = 0;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (++looked > k_most_entries) break;
    if (entry->path().extension() == ".seal" && is_seal(entry->path()))
      names.push_back(entry->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

// The seal that was meant: of a checkpoint the one beside it (`net.pth`, `net`), of a file of a seal the seal, of a
// directory of a model the one in it, of a slip the nearest name.
std::optional<std::filesystem::path> seal_meant(const std::filesystem::path& given) {
  const auto plain = given.has_filename() ? given : given.parent_path();
  const auto parent = plain.parent_path();
  if (const auto around = parent.empty() ? std::filesystem::path(".") : parent; is_seal(around) && !is_seal(plain))
    return parent.empty() ? std::nullopt : std::optional(parent);
  for (auto beside = plain; beside.has_filename(); beside = beside.parent_path() / beside.stem()) {
    auto seal = beside.parent_path() / beside.stem();
    seal += ".seal";
    if (is_seal(seal)) return seal;
    auto whole = beside;
    whole += ".seal";
    if (is_seal(whole)) return whole;
    if (!beside.has_extension()) break;
  }
  if (const auto inside = seals_in(plain); inside.size() == 1) return plain / inside.front();
  if (const auto near = did_you_mean(plain.filename().string(), seals_in(parent.empty() ? "." : parent)))
    return parent / *near;
  return std::nullopt;
}

[[noreturn]] void refuse_directory(const std::filesystem::path& seal) {
  const auto meant = seal_meant(seal);
  throw Error(ErrorKind::io, seal.string(),
              fmt::format("expected a seal, a directory with {} in it, found none", k_manifest_name),
              meant ? fmt::format("did you mean {}?", escape_unprintable(meant->string()))
                    : "make one with `goldseal capture CHECKPOINT --model …`");
}

}  // namespace

Manifest read_manifest(std::string_view text, const std::string& where) {
  const auto document = parse_toml(text, where);
  // The format is judged before the digest: a newer one may compute it otherwise.
  ManifestReader reader(document, where);
  auto manifest = reader.read();
  check_self_digest(text, where);
  if (reader.unknown_word()) throw *reader.unknown_word();
  require_plausible(manifest, where);
  return manifest;
}

Manifest load_manifest(const std::filesystem::path& seal) {
  const auto path = seal / k_manifest_name;
  std::error_code error;
  const bool missing = !std::filesystem::exists(path, error);
  if (missing && (!error || error == std::errc::not_a_directory)) refuse_directory(seal);
  const Descriptor directory(retried([&] { return ::open(seal.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
  if (directory.get() < 0) throw system_error(seal.string(), "open the seal", errno);
  return load_manifest(directory.get(), seal);
}

Manifest load_manifest(int directory, const std::filesystem::path& seal, Digest* digest) {
  const auto path = seal / k_manifest_name;
  if (::faccessat(directory, std::string(k_manifest_name).c_str(), F_OK, 0) != 0 && errno == ENOENT)
    refuse_directory(seal);
  const auto text = read_text_file(directory, std::string(k_manifest_name), path, k_max_toml_bytes);
  if (digest != nullptr) *digest = sha256(text);
  return read_manifest(text, path.string());
}

}  // namespace goldseal
