// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/workflow/verify/file_examination.hpp>

#include <checks/file/records.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/parallel.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/base/utc.hpp>
#include <goldseal/workflow/description/description.hpp>
#include <goldseal/workflow/shared/code_trust.hpp>
#include <goldseal/workflow/shared/embedded_file.hpp>
#include <goldseal/workflow/shared/loading.hpp>
#include <goldseal/workflow/shared/weight_evidence.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

// An archive that was sealed as its own architecture is run as it is found, not as the sealed file.
bool describes_itself(const Manifest& manifest) {
  const auto path_of = [&](FileRole role) {
    const auto record = std::ranges::find(manifest.model.files, role, &FileRecord::role);
    return record == manifest.model.files.end() ? std::string() : record->path;
  };
  const auto architecture = path_of(FileRole::architecture);
  return !architecture.empty() && architecture == path_of(FileRole::checkpoint);
}

// Nothing where the network is built from something else than a file of the seal.
const FileRecord* embedded_to_build(const JudgeRequest& request, const Manifest& manifest) {
  if (request.model || (request.code && manifest.model.embedded)) return nullptr;
  return find_embedded(manifest);
}

// A seal comes from elsewhere: its files are data to interpret, and none is loaded as native code (`plugin`, `aoti`),
// whatever the manifest says.
void require_interpreted(const ModelSpec& model, const fs::path& seal) {
  if (traits(model.builder).may_be_embedded()) return;
  throw Error(ErrorKind::malformed, (seal / k_manifest_name).string(),
              fmt::format("model.builder: expected of a seal with an embedded file {}, found {}",
                          names_of(k_builders, &BuilderTraits::may_be_embedded), to_string(model.builder)),
              "do not use this seal: no goldseal writes it so; have it captured anew where it comes from");
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

fs::path checkpoint_path(const JudgeRequest& request, const Observation& observed) {
  if (request.checkpoint) return *request.checkpoint;
  const auto* const record = find_record(observed, FileRole::checkpoint);
  return record == nullptr ? fs::path() : resolve_from_seal(record->path, request.seal);
}

/// A file that was named instead of the sealed one may hold the state dict elsewhere, at the top for one.
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

// Whoever opens a file reports that it cannot be looked at.
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error) || static_cast<bool>(error);
}

// What the file itself says, in contrast to the system, the user and the moment.
bool is_damage(ErrorKind kind) {
  return kind == ErrorKind::malformed || kind == ErrorKind::unsupported || kind == ErrorKind::usage;
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

std::uint64_t size_of(const fs::path& path) {
  std::error_code ignored;
  const auto size = fs::file_size(path, ignored);
  return ignored ? 0 : size;
}

}  // namespace

FileExamination::FileExamination(const JudgeRequest& request, const OpenSeal& seal, Observation& observed)
    : m_request(request),
      m_seal(seal),
      m_observed(observed),
      m_model(model_of(request, observed.sealed)),
      m_from_seal(embedded_to_build(request, observed.sealed) != nullptr) {
  require_outside_seal(m_model, request.seal, request.model ? ErrorKind::usage : ErrorKind::malformed);
  observed.files.golden_sha256 = seal.golden_digest();
  if (auto embedded = observe_embedded(seal))
    m_observed.files.found.push_back(std::move(*embedded));
  if (m_model.is_file() && !m_from_seal) examine_architecture();
  examine_descriptions();
  examine_checkpoint(checkpoint_path(request, observed));
}

// Whoever waits no more, because of an error, does not wait for the digests of 200 GB either.
FileExamination::~FileExamination() { m_digested.unwanted = true; }

namespace {

// The file without which no library builds the network of a model's directory; empty where it is there.
std::string missing_configuration(const std::vector<DescriptionObservation>& files) {
  for (const auto& file : files) {
    const auto name = fs::path(file.path).filename();
    const bool decides = name == "config.json" || name == "model_index.json";
    if (decides && file.state == DescriptionObservation::State::missing) return file.path;
  }
  return {};
}

}  // namespace

// Of a network that is built from the user's directory, what is missing is known before anything is imported.
void FileExamination::examine_descriptions() {
  auto& serving = m_observed.serving;
  const auto* const given = m_request.model ? &*m_request.model : nullptr;
  const bool trusted = m_request.trust_code || given != nullptr || m_request.live;
  serving.builds_code = m_observed.run.depth != RunDepth::none && !m_from_seal && trusted &&
                        (m_model.builder == Builder::python || m_model.builder == Builder::program);
  serving.descriptions = observe_descriptions(m_observed.sealed.model, {m_request.seal, m_request.checkpoint, given});
  if (!serving.builds_code || given != nullptr || m_request.live) return;
  for (const auto& option : m_observed.sealed.model.path_options) {
    const auto& path = m_model.options.at(option);
    std::error_code ignored;
    if (!fs::exists(path, ignored) && serving.missing_path.empty()) serving.missing_path = path;
  }
  if (!m_observed.sealed.model.path_options.empty() && serving.missing_path.empty())
    serving.missing_path = missing_configuration(serving.descriptions);
}

void FileExamination::examine_architecture() {
  FileObservation file;
  file.role = FileRole::architecture;
  file.path = m_model.source;
  file.present = is_there(m_model.source);
  if (file.present) {
    const MappedFile mapped(m_model.source);
    file.bytes = mapped.size();
    file.sha256 = sha256(mapped.bytes());
    mapped.require_unchanged();
  }
  m_observed.files.found.push_back(std::move(file));
}

void FileExamination::examine_checkpoint(const fs::path& path) {
  if (path.empty()) return;
  if (!is_there(path)) {
    throw Error(ErrorKind::io, path.string(), "the checkpoint is missing: no such file",
                m_request.checkpoint ? "name the checkpoint that was sealed, or a copy of it"
                                     : "put the checkpoint there, or name it with --checkpoint FILE");
  }
  FileObservation file;
  file.role = FileRole::checkpoint;
  file.path = path.string();
  file.present = true;
  file.bytes = size_of(path);
  file.written = written(path);
  m_observed.files.found.push_back(std::move(file));
  try {
    m_checkpoint = open_like_sealed(m_request, path,
                                    {.entry = m_observed.sealed.model.entry, .darknet_cfg = m_model.darknet_cfg()});
    m_model.adapt_to_container(m_checkpoint->container);
  } catch (const Error& error) {
    note_damage(error);
    return;
  }
  m_observed.files.found.back().packed_weights = m_checkpoint->packed_weights;
  m_observed.files.found.back().bytes = m_checkpoint->files.back()->size();
  const auto& sealed = m_observed.sealed.model;
  KeyObservation keys{keys_of(*m_checkpoint, sealed.renamed), keys_of(sealed), {}};
  keys.match = match_keys(keys.have, keys.want, admitted_of_file(m_request.admission, sealed));
  m_observed.files.keys = std::move(keys);
  m_digests = in_background([this] { return digest_everything(*m_checkpoint, &m_digested); });
}

void FileExamination::note_damage(const Error& error) {
  if (!is_damage(error.kind())) throw error;
  auto& file = m_observed.files.found.back();
  file.damage = error.message();
  file.damage_where = error.where();
  file.damage_remedy = error.remedy();
  file.damage_kind = error.kind();
}

bool FileExamination::keys_match() const { return m_observed.files.keys && m_observed.files.keys->match.complete(); }

void FileExamination::finish(Progress& progress) {
  if (!m_digests.valid()) return progress.finish();
  progress.await(m_digests, k_digesting, m_digested);
  for (const auto& note : m_checkpoint->notes) m_observed.files.found.back().notes.emplace_back(note.rule, note.message);
  try {
    take(m_digests.get());
  } catch (const Error& error) {
    note_damage(error);
  }
  // The model was run with what lay there: whatever came of other bytes is nobody's verdict.
  for (const auto& part : m_checkpoint->files) part->require_unchanged();
  if (m_from_seal) m_seal.require_embedded_in_place();
}

void FileExamination::take(const Digests& digests) {
  auto& file = m_observed.files.found.back();
  file.sha256 = digests.files.back().whole;
  file.non_tensor_sha256 = digests.files.back().non_tensor;
  auto& keys = *m_observed.files.keys;
  keys.digests = digests.tensors;
  m_observed.files.extra_states = extra_state_records(*m_checkpoint, keys.match, keys.want, digests.tensors);
  m_observed.files.tensors = digests_by_name(keys.match, keys.want, digests.tensors);
  if (m_observed.files.golden_sha256 == m_observed.sealed.golden_sha256)
    m_observed.files.weight_changes =
        explain_weights(*m_checkpoint, keys.match, digests.tensors, m_observed.sealed.model, m_seal.golden);
  for (std::size_t i = 0; i + 1 < digests.files.size(); ++i)
    m_observed.files.found.push_back(shard_observation(*m_checkpoint->files[i], digests.files[i]));
}

}  // namespace goldseal
