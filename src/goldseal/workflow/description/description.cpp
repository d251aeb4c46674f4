// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/description/description.hpp>

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/workflow/description/imported_file.hpp>
#include <goldseal/workflow/description/json_values.hpp>
#include <goldseal/workflow/description/line_ends.hpp>
#include <goldseal/workflow/description/model_directory.hpp>
#include <goldseal/workflow/description/python_code.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;
using State = DescriptionObservation::State;

constexpr std::size_t k_most_records = 2048;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

fs::path resolved(const fs::path& path) {
  std::error_code error;
  auto whole = fs::weakly_canonical(fs::absolute(path), error);
  return error ? fs::absolute(path).lexically_normal() : whole;
}

// A file under its own name: those of a Hugging Face cache are links to files without one.
fs::path named(const fs::path& file) { return resolved(fs::absolute(file).parent_path()) / file.filename(); }

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

bool is_json(const fs::path& path) { return path.extension() == ".json"; }
bool is_python(const fs::path& path) { return path.extension() == ".py"; }

std::map<std::string, std::string> values_of(const fs::path& path, const MappedFile& file) {
  if (!is_json(path)) return {};
  return json_values(text_of(file)).value_or(std::map<std::string, std::string>{});
}

// `../../nets/resnet.py` as `nets/resnet.py`.
std::string without_way_up(const std::string& recorded) {
  fs::path name;
  for (const auto& part : fs::path(recorded))
    if (part != ".." && part != "/") name /= part;
  return name.generic_string();
}

class Recorder {
 public:
  explicit Recorder(const fs::path& seal) : m_seal(seal) {}

  void leave_out(const fs::path& path) { m_seen.insert(named(path)); }

  void add(const fs::path& path, FileRole role, std::string module = {}) {
    if (m_records.size() == k_most_records || !m_seen.insert(named(path)).second) return;
    try {
      const MappedFile file(path);
      FileRecord record{role, path_from_seal(path, m_seal), file.size(), sha256(file.bytes()), std::nullopt};
      record.module = std::move(module);
      if (role == FileRole::description) record.values = values_of(path, file);
      if (role == FileRole::source && is_python(path)) record.code_sha256 = digest_of_code(text_of(file));
      m_records.push_back(std::move(record));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      throw Error(error.kind(), error.where(),
                  "the file describes the network, and cannot be read: " + error.message(), error.remedy());
    }
  }

  void add_directory(const fs::path& directory) {
    for (const auto& file : description_files(directory))
      add(file, file.extension() == ".py" ? FileRole::source : FileRole::description);
  }

  std::vector<FileRecord> take() { return std::move(m_records); }

 private:
  const fs::path& m_seal;
  std::set<fs::path> m_seen;
  std::vector<FileRecord> m_records;
};

// --- where a sealed file is here -------------------------------------------------------------------------------------

// A sealed directory, and the directory that takes its place here.
struct Move {
  fs::path from;
  fs::path to;
};

std::optional<fs::path> moved(const fs::path& path, const Move& move) {
  const auto rest = path.lexically_relative(move.from);
  if (rest.empty() || *rest.begin() == "..") return std::nullopt;
  return move.to / rest;
}

std::vector<Move> moves_of(const ModelRecord& sealed, const DescriptionPlaces& places) {
  std::vector<Move> moves;
  if (places.model != nullptr) {
    for (const auto& option : sealed.path_options) {
      const auto given = places.model->options.find(option);
      if (given == places.model->options.end()) continue;
      moves.push_back({resolved(resolve_from_seal(sealed.options.at(option), places.seal)), resolved(given->second)});
    }
  }
  const auto checkpoint = std::ranges::find(sealed.files, FileRole::checkpoint, &FileRecord::role);
  if (places.checkpoint && checkpoint != sealed.files.end()) {
    const auto before = named(resolve_from_seal(checkpoint->path, places.seal));
    moves.push_back({before.parent_path(), named(*places.checkpoint).parent_path()});
  }
  return moves;
}

fs::path place_here(const FileRecord& record, const fs::path& seal, const std::vector<Move>& moves) {
  const auto as_sealed = resolve_from_seal(record.path, seal);
  for (const auto& move : moves)
    if (const auto path = moved(named(as_sealed), move); path && (is_there(*path) || !is_there(as_sealed))) return *path;
  if (!is_there(as_sealed))
    if (auto path = imported_here(record)) return std::move(*path);
  return as_sealed;
}

std::vector<ChangedValue> differences(const std::map<std::string, std::string>& sealed,
                                         const std::map<std::string, std::string>& found) {
  std::vector<ChangedValue> list;
  for (const auto& [key, value] : sealed) {
    const auto here = found.find(key);
    if (here == found.end())
      list.push_back({key, value, ""});
    else if (here->second != value)
      list.push_back({key, value, here->second});
  }
  for (const auto& [key, value] : found)
    if (!sealed.contains(key)) list.push_back({key, "", value});
  return list;
}

// Python reads a source with other line ends alike, and JSON is compared by its values. What else reads a text may keep
// the carriage returns: a vocabulary's words would have them.
void see_to_line_ends(const FileRecord& record, const MappedFile& file, DescriptionObservation& seen) {
  const auto ends = other_line_ends(text_of(file), record.bytes, record.sha256);
  if (!ends) return;
  if (is_python(record.path))
    seen.state = State::rewritten;
  else if (record.values.empty() && record.role == FileRole::description)
    seen.values = {{"line ends", ends->sealed, ends->found}};
}

DescriptionObservation observe(const FileRecord& record, const fs::path& path) {
  DescriptionObservation seen{record.role == FileRole::source, without_way_up(record.path), path.string(), State::same, {}};
  if (!is_there(path)) {
    seen.state = State::missing;
    return seen;
  }
  try {
    const MappedFile file(path);
    if (file.size() == record.bytes && sha256(file.bytes()) == record.sha256) return seen;
    seen.state = State::changed;
    if (record.code_sha256 && digest_of_code(text_of(file)) == record.code_sha256) seen.state = State::rewritten;
    if (seen.state == State::changed) see_to_line_ends(record, file, seen);
    if (record.values.empty()) return seen;
    const auto found = values_of(path, file);
    if (found.empty()) return seen;
    seen.values = differences(record.values, found);
    if (seen.values.empty()) seen.state = State::rewritten;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    seen.state = State::unreadable;
  }
  return seen;
}

// `import` may find another file by the module's name before the sealed one: that is the code which would serve.
void see_to_what_comes_first(const FileRecord& record, const fs::path& sealed, DescriptionObservation& seen) {
  if (seen.state != State::same && seen.state != State::rewritten) return;
  const auto first = imported_before(record, sealed);
  if (!first) return;
  const auto other = observe(record, first->path);
  if (other.state == State::same || other.state == State::rewritten) return;
  seen.path = first->path.string();
  seen.state = first->surely ? State::changed : State::missing;
  // Of a source that is there and may not be the one that serves, the check says which two there are.
  seen.values = {{"import", sealed.string(), first->path.string()}};
}

// A configuration that was put beside the sealed ones is read by what loads the directory.
void add_newcomers(const std::set<fs::path>& known, std::vector<DescriptionObservation>& observed) {
  std::set<fs::path> directories;
  for (const auto& file : known) directories.insert(file.parent_path());
  for (const auto& directory : directories) {
    if (!is_model_directory(directory)) continue;
    for (const auto& file : description_files(directory)) {
      if (known.contains(named(file))) continue;
      observed.push_back({file.extension() == ".py", file.filename().string(), file.string(), State::added, {}});
    }
  }
}

bool names_a_path(std::string_view name) {
  constexpr std::array k_words{std::string_view{"dir"},    std::string_view{"path"}, std::string_view{"file"},
                               std::string_view{"folder"}, std::string_view{"root"}, std::string_view{"config"}};
  return std::ranges::any_of(k_words, [&](auto word) { return name.find(word) != std::string_view::npos; });
}

}  // namespace

std::vector<std::string> path_options(const ModelSpec& model) {
  std::vector<std::string> names;
  if (model.builder != Builder::python) return names;
  for (const auto& [name, value] : model.options) {
    const fs::path path(value);
    const bool looks = value.find('/') != std::string::npos || path.has_extension() || names_a_path(name);
    if (looks && !value.empty() && is_there(path)) names.push_back(name);
  }
  return names;
}

std::vector<FileRecord> description_records(const ModelSpec& model, const fs::path& checkpoint,
                                            const std::vector<SourceFile>& sources, const fs::path& seal) {
  Recorder recorder(seal);
  recorder.leave_out(checkpoint);
  for (const auto& option : path_options(model)) {
    const fs::path path(model.options.at(option));
    if (is_folder(path))
      recorder.add_directory(path);
    else
      recorder.add(path, FileRole::description);
  }
  const auto directory = is_folder(checkpoint) ? checkpoint : fs::absolute(checkpoint).parent_path();
  if (is_model_directory(directory)) recorder.add_directory(directory);
  for (const auto& file : plain_configurations(directory)) recorder.add(file, FileRole::description);
  if (const auto whole = directory_of_parts(directory)) recorder.add_directory(*whole);
  for (const auto& file : weights_of_other_parts(directory)) recorder.add(file, FileRole::description);
  // What was read, and is no code, describes the network.
  for (const auto& source : sources)
    recorder.add(source.path, source.module.empty() && !is_python(source.path) ? FileRole::description : FileRole::source, source.module);
  return recorder.take();
}

std::vector<DescriptionObservation> observe_descriptions(const ModelRecord& sealed, const DescriptionPlaces& places) {
  const auto moves = moves_of(sealed, places);
  std::vector<DescriptionObservation> observed;
  std::set<fs::path> known;
  for (const auto& record : sealed.files) {
    if (record.role != FileRole::description && record.role != FileRole::source) continue;
    const auto path = place_here(record, places.seal, moves);
    observed.push_back(observe(record, path));
    known.insert(named(path));
    if (record.role == FileRole::source) see_to_what_comes_first(record, path, observed.back());
  }
  add_newcomers(known, observed);
  return observed;
}

void add_unsealed_sources(const ModelRecord& sealed, const std::vector<SourceFile>& built_from,
                          std::vector<DescriptionObservation>& observed) {
  if (std::ranges::find(sealed.files, FileRole::source, &FileRecord::role) == sealed.files.end()) return;
  // A project that was moved has its modules elsewhere, under the names that they had.
  std::set<std::string> modules;
  for (const auto& record : sealed.files)
    if (record.role == FileRole::source) modules.insert(record.module);
  std::set<fs::path> known;
  for (const auto& file : observed) known.insert(named(file.path));
  for (const auto& source : built_from) {
    // A live model's seal lacks what was imported beside it: its process had imported more than the network.
    if (source.imported || source.module.empty() || modules.contains(source.module)) continue;
    if (known.insert(named(source.path)).second)
      observed.push_back({true, source.path.filename().string(), source.path.string(), State::added, {}});
  }
}

}  // namespace goldseal
