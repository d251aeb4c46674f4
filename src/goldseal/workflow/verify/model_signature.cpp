// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/model_signature.hpp>

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/signing/model_statement.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace goldseal {
namespace {

namespace fs = std::filesystem;
using signing::ModelStatement;
using signing::Resource;

constexpr const char* k_remedy = "take the model from its publisher again, whole";

[[noreturn]] void refuse(const fs::path& file, std::string message) {
  throw Error(ErrorKind::malformed, file.string(), std::move(message), k_remedy);
}

std::vector<const Resource*> named(const ModelStatement& statement, const std::string& name) {
  std::vector<const Resource*> found;
  for (const auto& resource : statement.resources)
    if (resource.name == name) found.push_back(&resource);
  return found;
}

// What a publisher signs: the weights, and what lies beside them; not what a seal embeds, nor the user's own code.
bool is_published(const FileObservation& file) {
  return file.present && (file.role == FileRole::checkpoint || file.role == FileRole::shard ||
                          file.role == FileRole::architecture || file.role == FileRole::description);
}

// The file's name within the model that was signed; empty where it lies outside.
std::string name_within(const fs::path& file, const fs::path& root) {
  const auto relative = fs::weakly_canonical(root / file.filename()) == fs::weakly_canonical(file)
                            ? file.filename()
                            : fs::absolute(file).lexically_normal().lexically_relative(fs::absolute(root).lexically_normal());
  const auto name = relative.generic_string();
  return name.empty() || name.starts_with("..") ? std::string() : name;
}

// The directory that was signed: that of the signature where the checkpoint is listed from there, else the checkpoint's.
fs::path root_of_model(const ModelStatement& statement, const fs::path& signature, const fs::path& checkpoint) {
  const auto beside = fs::absolute(signature).lexically_normal().parent_path();
  const auto name = name_within(checkpoint, beside);
  return !name.empty() && !named(statement, name).empty() ? beside : fs::absolute(checkpoint).lexically_normal().parent_path();
}

// Of a file that was signed in shards the parts are hashed, since no digest of theirs is at hand.
void require_shards(const FileObservation& file, std::vector<const Resource*> shards) {
  const MappedFile mapped(file.path);
  std::ranges::sort(shards, {}, [](const Resource* r) { return r->shard->begin; });
  std::uint64_t covered = 0;
  for (const auto* const shard : shards) {
    if (shard->shard->begin != covered || shard->shard->end > mapped.size())
      refuse(file.path, fmt::format("the signature does not cover its bytes from {}", covered));
    const auto digest = sha256(mapped.bytes().subspan(covered, shard->shard->end - covered));
    if (!std::ranges::equal(digest.bytes, shard->digest)) {
      mapped.require_unchanged();
      refuse(file.path, fmt::format("its bytes from {} to {} are not those that were signed", covered, shard->shard->end));
    }
    covered = shard->shard->end;
  }
  if (covered != mapped.size()) refuse(file.path, fmt::format("the signature does not cover its bytes from {}", covered));
}

void require_signed(const FileObservation& file, const ModelStatement& statement, const fs::path& root) {
  const auto name = name_within(file.path, root);
  auto resources = name.empty() ? std::vector<const Resource*>() : named(statement, name);
  const bool single = statement.resources.size() == 1 && statement.resources.front().name == ".";
  if (single && file.role == FileRole::checkpoint) resources = {&statement.resources.front()};
  if (resources.empty()) refuse(file.path, "the signature does not cover this file");
  if (resources.front()->shard) return require_shards(file, std::move(resources));
  if (!file.sha256) refuse(file.path, "expected the file that was signed, found one that could not be read");
  if (!std::ranges::equal(file.sha256->bytes, resources.front()->digest))
    refuse(file.path, fmt::format("expected the file that was signed, found another, sha256 {}", to_hex(*file.sha256)));
}

// Small files, whose digests nobody kept.
FileObservation as_file(const DescriptionObservation& description) {
  const MappedFile mapped(description.path);
  FileObservation file;
  file.role = FileRole::description;
  file.path = description.path;
  file.present = true;
  file.sha256 = sha256(mapped.bytes());
  return file;
}

// How many files were held against the statement.
std::size_t require_files(const ModelStatement& statement, const fs::path& signature, const Observation& observed) {
  const auto& found = observed.files;
  const auto checkpoint = std::ranges::find(found.found, FileRole::checkpoint, &FileObservation::role);
  if (checkpoint == found.found.end()) refuse(signature, "expected the model's files, found none that was read");
  const auto root = root_of_model(statement, signature, checkpoint->path);
  std::size_t count = 0;
  for (const auto& file : found.found) {
    if (!is_published(file)) continue;
    // A network may be described by a file of the user's own; the publisher vouches for what was published.
    if (file.role == FileRole::architecture && named(statement, name_within(file.path, root)).empty()) continue;
    require_signed(file, statement, root);
    ++count;
  }
  for (const auto& description : observed.serving.descriptions) {
    using State = DescriptionObservation::State;
    if (description.is_code || description.state == State::missing || description.state == State::unreadable) continue;
    require_signed(as_file(description), statement, root);
    ++count;
  }
  return count;
}

}  // namespace

signing::SignatureFinding observe_model_signature(const fs::path& file, const signing::Signers& signers,
                                                  const Observation& observed) {
  signing::SignatureFinding finding;
  finding.demand = signing::Demand::require;
  const auto where = file.string();
  try {
    const auto bundle = signing::read_bundle(read_text_file(file, signing::k_max_bundle_bytes), where);
    std::optional<Error> keyless;
    try {
      finding.signer = signing::require_signer(bundle, signers, where);
    } catch (const Error& error) {
      if (bundle.method != signing::Method::keyless) throw;
      keyless = error;
    }
    const auto statement = signing::read_model_statement(bundle.envelope.payload, where);
    finding.files = require_files(statement, file, observed);
    finding.good = !keyless;
    if (keyless) {
      finding.undecided = true;
      finding.message = fmt::format("{}; the {} files that were read are those that it lists", keyless->message(), finding.files);
      finding.remedy = keyless->remedy();
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::unsupported) throw;
    finding.message = fmt::format("{}: {}", error.where(), error.message());
    finding.remedy = error.remedy();
  }
  return finding;
}

}  // namespace goldseal
