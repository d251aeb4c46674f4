// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/file_examination.hpp>

#include <checks/file/records.hpp>
#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/workflow/description/description.hpp>
#include <goldseal/workflow/loading/code_trust.hpp>
#include <goldseal/workflow/loading/file_observation.hpp>
#include <goldseal/workflow/loading/loading.hpp>
#include <goldseal/workflow/loading/weight_evidence.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

// An archive that was sealed as its own architecture is run as it is found, not as the sealed file.
bool describes_itself(const Manifest& manifest) {
  const auto* const architecture = find_record(manifest, FileRole::architecture);
  const auto* const checkpoint = find_record(manifest, FileRole::checkpoint);
  return architecture != nullptr && checkpoint != nullptr && architecture->path == checkpoint->path;
}

// Nothing where the network is built from something else than a file of the seal.
const FileRecord* embedded_to_build(const JudgeRequest& request, const Manifest& manifest) {
  if (request.model || (request.code && manifest.model.embedded)) return nullptr;
  return find_record(manifest, FileRole::embedded);
}

// A seal comes from elsewhere: its files are data to interpret, and none is loaded as native code (`plugin`, `aoti`),
// whatever the manifest says.
void require_interpreted(const ModelSpec& model, const fs::path& seal) {
  if (traits(model.builder).may_be_embedded()) return;
  throw Error(ErrorKind::malformed, (seal / k_manifest_name).string(),
              fmt::format("model.builder: expected of a seal with an embedded file {}, found {}",
                          names_of(k_builders, &BuilderTraits::may_be_embedded), to_string(model.builder)),
              "do not use this seal: no version of goldseal writes this; have it captured again where it comes from");
}

ModelSpec model_of(const JudgeRequest& request, const Manifest& manifest) {
  if (request.model) {
    auto model = *request.model;
    // The worker has a directory of its own.
    if (model.is_file()) model.source = fs::absolute(model.source).string();
    return model;
  }
  const auto& sealed = manifest.model;
  ModelSpec model{sealed.builder, sealed.source, sealed.options};
  for (const auto& option : sealed.path_options)
    model.options[option] = resolve_from_seal(sealed.options.at(option), request.seal).string();
  if (const auto* const embedded = embedded_to_build(request, manifest)) {
    if (sealed.embedded) model = {sealed.embedded->builder, {}, sealed.embedded->options};
    require_interpreted(model, request.seal);
    model.source = fs::absolute(request.seal / embedded->path).string();
    return model;
  }
  if (request.checkpoint && describes_itself(manifest)) {
    model.source = fs::absolute(*request.checkpoint).string();
    return model;
  }
  if (model.is_file()) model.source = resolve_from_seal(model.source, request.seal).string();
  return model;
}

fs::path checkpoint_path(const JudgeRequest& request, const Manifest& sealed) {
  if (request.checkpoint) return *request.checkpoint;
  const auto* const record = find_record(sealed, FileRole::checkpoint);
  return record == nullptr ? fs::path() : resolve_from_seal(record->path, request.seal);
}

// A file that was named instead of the sealed one may hold the state dict elsewhere, at the top for one.
Checkpoint open_like_sealed(const JudgeRequest& request, const fs::path& path, OpenOptions options) {
  try {
    return open_checkpoint(path, options);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage || !request.checkpoint || options.entry.empty()) throw;
    options.entry.clear();
    return open_checkpoint(path, options);
  }
}

FileObservation shard_observation(const MappedFile& file, const FileDigests& digests) {
  FileObservation shard;
  shard.role = FileRole::shard;
  shard.path = file.path().string();
  shard.present = true;
  shard.bytes = file.size();
  shard.sha256 = digests.whole;
  shard.non_tensor_sha256 = digests.non_tensor;
  return shard;
}

std::uint64_t size_of(const fs::path& path) {
  std::error_code ignored;
  const auto size = fs::file_size(path, ignored);
  return ignored ? 0 : size;
}

// Where it cannot be asked, nothing is said.
std::string written(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return utc_text(status.st_mtim.tv_sec);
}

// Of the tensors that are sealed the file lacks none, unless it is admitted here; what it may have besides, the seal
// says too.
Admission admitted_of_file(Admission admission, const ModelRecord& sealed) {
  auto& unexpected = admission.unexpected;
  unexpected.insert(unexpected.end(), sealed.allow_unexpected.begin(), sealed.allow_unexpected.end());
  return admission;
}

// The file without which no library builds the network of a model's directory; empty where it is there.
std::string missing_configuration(const std::vector<DescriptionObservation>& files) {
  for (const auto& file : files) {
    const auto name = fs::path(file.path).filename();
    const bool decides = name == "config.json" || name == "model_index.json";
    if (decides && file.state == DescriptionObservation::State::missing) return file.path;
  }
  return {};
}

// What the file itself says, in contrast to the system, the user and the moment.
bool is_damage(ErrorKind kind) {
  return kind == ErrorKind::malformed || kind == ErrorKind::unsupported || kind == ErrorKind::usage;
}

void note_damage(const Error& error, FileObservation& file) {
  if (!is_damage(error.kind())) throw error;
  file.damage = error.message();
  file.damage_where = error.where();
  file.damage_remedy = error.remedy();
  file.damage_kind = error.kind();
}

// Of a network that is built from the user's directory, what is missing is known before anything is imported.
ServingObservation observe_serving(const JudgeRequest& request, const Manifest& sealed, const ExaminedFiles& files,
                                   RunDepth depth) {
  ServingObservation serving;
  const auto* const given = request.model ? &*request.model : nullptr;
  const auto builder = files.model.builder;
  const bool trusted = request.trust_code || given != nullptr || request.live;
  serving.live = request.live;
  serving.builds_code = depth != RunDepth::none && !files.from_seal && trusted &&
                        (builder == Builder::python || builder == Builder::program);
  serving.descriptions = observe_descriptions(sealed.model, {request.seal, request.checkpoint, given});
  if (!serving.builds_code || given != nullptr || request.live) return serving;
  for (const auto& option : sealed.model.path_options) {
    const auto& path = files.model.options.at(option);
    std::error_code ignored;
    if (!fs::exists(path, ignored) && serving.missing_path.empty()) serving.missing_path = path;
  }
  if (!sealed.model.path_options.empty() && serving.missing_path.empty())
    serving.missing_path = missing_configuration(serving.descriptions);
  return serving;
}

// A checkpoint that was renamed or moved beside its seal: the file of the sealed size that has the sealed digest.
std::optional<fs::path> renamed_checkpoint(const fs::path& seal, const FileRecord& sealed) {
  constexpr int k_most_entries = 1000;
  constexpr int k_most_read = 4;
  std::error_code error;
  int looked = 0;
  int read = 0;
  auto directory = seal.lexically_normal();
  directory = (directory.has_filename() ? directory : directory.parent_path()).parent_path();
  for (fs::directory_iterator entry(directory.empty() ? "." : directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (++looked > k_most_entries || read == k_most_read) break;
    if (!entry->is_regular_file(ignored) || entry->file_size(ignored) != sealed.bytes) continue;
    ++read;
    try {
      if (sha256(MappedFile(entry->path()).bytes()) == sealed.sha256) return directory / entry->path().filename();
    } catch (const Error& unreadable) {
      if (unreadable.kind() == ErrorKind::interrupted) throw;
    }
  }
  return std::nullopt;
}

void require_presence(const fs::path& path, const JudgeRequest& request, const Manifest& sealed) {
  if (is_there(path)) return;
  const auto record = std::ranges::find(sealed.model.files, FileRole::checkpoint, &FileRecord::role);
  const auto renamed = record == sealed.model.files.end() ? std::nullopt : renamed_checkpoint(request.seal, *record);
  throw Error(ErrorKind::io, path.lexically_normal().string(), "the checkpoint is missing: no such file",
              renamed ? fmt::format("--checkpoint {} has the sealed digest", escape_unprintable(renamed->string()))
              : request.checkpoint ? "name the checkpoint that was sealed, or a copy of it"
                                   : "put the checkpoint there, or name it with --checkpoint FILE");
}

void examine_checkpoint(const fs::path& path, const JudgeRequest& request, const Manifest& sealed,
                        ExaminedFiles& files) {
  FileObservation file;
  file.role = FileRole::checkpoint;
  file.path = path.string();
  file.present = true;
  file.bytes = size_of(path);
  file.written = written(path);
  try {
    auto checkpoint =
        open_like_sealed(request, path, {.entry = sealed.model.entry, .darknet_cfg = files.model.darknet_cfg()});
    files.model.adapt_to_container(checkpoint.container);
    file.packed_weights = checkpoint.packed_weights;
    file.bytes = checkpoint.files.back()->size();
    KeyObservation keys{keys_of(checkpoint, sealed.model.renamed), keys_of(sealed.model), {}};
    keys.match = match_keys(keys.have, keys.want, admitted_of_file(request.admission, sealed.model));
    files.findings.keys = std::move(keys);
    files.digests.emplace(std::move(checkpoint));
  } catch (const Error& error) {
    note_damage(error, file);
  }
  files.findings.found.push_back(std::move(file));
}

// The digests of the checkpoint, and what they say beside the sealed ones.
void take(const Digests& digests, const Checkpoint& checkpoint, const OpenSeal& seal, FileFindings& findings) {
  auto& file = findings.found.back();
  file.sha256 = digests.files.back().whole;
  file.non_tensor_sha256 = digests.files.back().non_tensor;
  auto& keys = *findings.keys;
  keys.digests = digests.tensors;
  const auto& sealed = seal.manifest;
  findings.extra_states = extra_state_records(checkpoint, keys.match, keys.want, digests.tensors);
  findings.tensors = digests_by_name(keys.match, keys.want, digests.tensors);
  if (findings.golden_sha256 == sealed.golden_sha256)
    findings.weight_changes = explain_weights(checkpoint, keys.match, digests.tensors, sealed.model, seal.golden);
  for (std::size_t i = 0; i + 1 < digests.files.size(); ++i)
    findings.found.push_back(shard_observation(*checkpoint.files[i], digests.files[i]));
}

}  // namespace

ExaminedFiles examine_files(const JudgeRequest& request, const OpenSeal& seal, RunDepth depth) {
  const auto& sealed = seal.manifest;
  ExaminedFiles files;
  files.model = model_of(request, sealed);
  files.from_seal = embedded_to_build(request, sealed) != nullptr;
  require_outside_seal(files.model, request.seal, request.model ? ErrorKind::usage : ErrorKind::malformed);
  files.findings.golden_sha256 = seal.golden_digest();
  auto& found = files.findings.found;
  if (auto embedded = observe_embedded(seal)) found.push_back(std::move(*embedded));
  if (files.model.is_file() && !files.from_seal)
    found.push_back(observe_file(FileRole::architecture, files.model.source));
  files.serving = observe_serving(request, sealed, files, depth);
  const auto path = checkpoint_path(request, sealed);
  if (path.empty()) return files;
  require_presence(path, request, sealed);
  examine_checkpoint(path, request, sealed, files);
  return files;
}

FileFindings digest_files(ExaminedFiles files, const OpenSeal& seal, Progress& progress) {
  auto findings = std::move(files.findings);
  if (!files.digests) {
    progress.finish();
    return findings;
  }
  const auto& checkpoint = files.digests->checkpoint();
  const auto at = findings.found.size() - 1;
  for (const auto& note : checkpoint.notes) findings.found[at].notes.emplace_back(note.rule, note.message);
  try {
    take(files.digests->wait(progress), checkpoint, seal, findings);
  } catch (const Error& error) {
    note_damage(error, findings.found[at]);
  }
  // The model was run with what lay there: whatever came of other bytes is nobody's verdict.
  for (const auto& part : checkpoint.files) part->require_unchanged();
  if (files.from_seal) seal.require_embedded_in_place();
  return findings;
}

}  // namespace goldseal
