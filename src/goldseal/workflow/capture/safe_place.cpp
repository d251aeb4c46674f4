// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/safe_place.hpp>

#include <checks/file/records.hpp>
#include <goldseal/base/files/protected_paths.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/workflow/loading/file_observation.hpp>
#include <goldseal/workflow/loading/open_seal.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

void require_utf8(const std::string& option, const std::string& text) {
  if (is_utf8(text)) return;
  throw Error(ErrorKind::usage, option,
              fmt::format("expected text in UTF-8, which a seal takes alone, found {}", escape_unprintable(text)),
              "rename it, or name it by a link whose path is in UTF-8");
}

}  // namespace

void require_utf8(const CaptureRequest& request) {
  require_utf8("CHECKPOINT", path_from_seal(request.checkpoint, request.seal));
  require_utf8("--entry", request.entry);
  if (request.model) {
    require_utf8("--model", request.model->is_file() ? path_from_seal(request.model->source, request.seal)
                                                     : request.model->source);
    for (const auto& [key, value] : request.model->options) require_utf8("--model", key + "=" + value);
  }
  for (const auto& input : request.inputs) require_utf8("--input", input.name + "=" + input.text);
  for (const auto& group : request.detections)
    for (const auto& name : group) require_utf8("--detections", name);
}

void require_no_inputs(const CaptureRequest& request, const Checkpoint* checkpoint) {
  auto inputs = inputs_of(request);
  if (checkpoint != nullptr)
    for (const auto& file : checkpoint->files) inputs.push_back(file->path());
  require_no_input(request.seal, inputs);
}

void require_readable(const std::filesystem::path& staging, const Sealed& sealed, const std::string& manifest,
                      const CaptureRequest& request) {
  try {
    auto seal = open_seal(staging);
    seal.manifest.environment = sealed.manifest.environment;  // whose lists may be numbered otherwise
    const auto* const record = find_record(sealed.manifest, FileRole::embedded);
    const auto embedded = observe_embedded(seal);
    const bool whole = write_manifest(seal.manifest) == manifest &&
                       seal.golden_digest() == sealed.manifest.golden_sha256 &&
                       (record == nullptr || (embedded && embedded->sha256 == record->sha256));
    if (!whole) throw Error(ErrorKind::io, request.seal.string(), "what is read is not what was written");
    static_cast<void>(golden::read_golden(seal.golden, seal.manifest.golden));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    throw Error(ErrorKind::io, request.seal.string(),
                fmt::format("the seal cannot be read back, and was not put in its place: {}", error.what()),
                "look at the disk; if names are odd (of tensors, outputs, files), choose others");
  }
}

}  // namespace goldseal
