// SPDX-License-Identifier: Apache-2.0
// The first pass of a capture: what can be known from files. Whatever is impossible is refused here.
#include <goldseal/workflow/capture/stages.hpp>

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/workflow/capture/architecture_embedding.hpp>
#include <goldseal/workflow/loading/architecture.hpp>

#include <utility>

namespace goldseal {
namespace {

FileRecord architecture_record(const ModelSpec& model, const std::filesystem::path& seal) {
  const MappedFile file(model.source);
  return {.role = FileRole::architecture,
          .path = path_from_seal(model.source, seal),
          .bytes = file.size(),
          .sha256 = sha256(file.bytes())};
}

}  // namespace

Opened open_model(const CaptureRequest& request, CaptureLog& log) {
  log.progress().step("reading the checkpoint");
  auto checkpoint = open_checkpoint(
      request.checkpoint,
      {.entry = request.entry, .darknet_cfg = request.model ? request.model->darknet_cfg() : std::filesystem::path()});
  auto model = request.model ? *request.model : own_architecture(checkpoint);
  model.adapt_to_container(checkpoint.container);
  if (request.embed == Embed::always && model.builder != Builder::python) static_cast<void>(embedded_name(model));
  auto architecture = model.is_file() ? std::optional(architecture_record(model, request.seal)) : std::nullopt;
  return {BackgroundDigests(std::move(checkpoint)), std::move(model), std::move(architecture)};
}

}  // namespace goldseal
