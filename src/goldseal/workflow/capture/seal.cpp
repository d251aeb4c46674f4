// SPDX-License-Identifier: Apache-2.0
// The last pass of a capture: the machine is described, and all that was found becomes a manifest and a golden file.
#include <goldseal/workflow/capture/stages.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/base/messages/version.hpp>
#include <goldseal/environment/anonymous.hpp>
#include <goldseal/environment/probe/probe.hpp>
#include <goldseal/worker/told_environment.hpp>
#include <goldseal/workflow/description/description.hpp>
#include <goldseal/workflow/loading/loading.hpp>
#include <goldseal/workflow/loading/weight_evidence.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

// What the golden runs were seen to read describes the network as does what building it read.
std::vector<FileRecord> files_of(const Loaded& loaded, const CaptureRequest& request, const Worker& worker) {
  auto files = loaded.files;
  if (worker.files_read().empty()) return files;
  auto sources = loaded.built.network.sources;
  for (const auto& path : worker.files_read()) sources.push_back({"", path});
  for (auto& record : description_records(loaded.built.opened.model, request.checkpoint, sources, request.seal))
    if (std::ranges::find(files, record.path, &FileRecord::path) == files.end()) files.push_back(std::move(record));
  return files;
}

ModelRecord model_record(const Embedded& embedded, const CaptureRequest& request, const Worker& worker) {
  const auto& loaded = embedded.measured.loaded;
  const auto& [opened, device, network, match, outside] = loaded.built;
  ModelRecord record;
  record.builder = opened.model.builder;
  record.source = opened.model.is_file() ? path_from_seal(opened.model.source, request.seal) : opened.model.source;
  record.options = opened.model.options;
  record.path_options = path_options(opened.model);
  for (const auto& option : record.path_options)
    record.options[option] = path_from_seal(opened.model.options.at(option), request.seal);
  record.container = loaded.checkpoint().container;
  record.entry = loaded.checkpoint().entry;
  record.removed_segments = match.removed_segments;
  record.locations = devices_saved_from(loaded.checkpoint());
  record.files = files_of(loaded, request, worker);
  if (embedded.file) record.files.push_back(*embedded.file);
  record.tensors = loaded.tensors;
  record.embedded = embedded.program;
  record.extra_states = loaded.extra_states;
  record.outside = embedded.measured.outside;
  record.initial = embedded.measured.initial;
  record.allow_missing = request.admission.missing;
  record.allow_unexpected = request.admission.unexpected;
  record.renamed = network.renames;
  record.configuration = network.configuration;
  record.choices = network.choices;
  return record;
}

Environment environment_of(const Environment& told, const CaptureRequest& request, const std::optional<Device>& device,
                           const std::string& runtime) {
  ProbeOptions options;
  options.anonymous = request.anonymous;
  if (!request.runtime.installation.empty()) options.torch_prefix = request.runtime.installation;
  auto environment = probe_machine(options);
  add_told(environment, options.anonymous ? without_directories(told) : told, runtime);
  if (device) environment.set("numerics.device", device->text(), "--device");
  return environment;
}

void state_facts(const Sealed& sealed, const Embedded& embedded, const CaptureRequest& request, const Worker& worker,
                 CaptureLog& log) {
  const auto& model = sealed.manifest.model;
  log.fact("seal", request.seal.string());
  log.fact("runtime", request.runtime.describe());
  if (!request.runtime.passed_over.empty()) log.fact("passed over", request.runtime.describe_passed_over());
  log.fact("device", sealed.manifest.environment.text("numerics.device").value_or(Device().text()));
  log.fact("sandbox", worker.sandbox());
  log.fact("tensors", fmt::format("{} ({})", model.tensors.size(), to_string(model.container)));
  if (embedded.measured.checkpoint().packed_weights)
    log.fact("packed", "quantized weights, which the digest of the whole file vouches for");
  if (!model.removed_segments.empty())
    log.fact("wrapper", fmt::format("{} (removed from the keys)", fmt::join(model.removed_segments, ", ")));
  log.fact("golden", format_bytes(sealed.golden.size()));
  if (embedded.file)
    log.fact("embedded", fmt::format("{} ({})", embedded.file->path, format_bytes(embedded.file->bytes)));
}

}  // namespace

Sealed seal(const Embedded& embedded, const CaptureRequest& request, Worker& worker, CaptureLog& log) {
  const auto& measured = embedded.measured;
  const auto& built = measured.loaded.built;
  Sealed sealed;
  sealed.manifest.environment = environment_of(measured.environment, request, built.device, worker.hello().runtime);
  log.lap("environment");
  worker.finish();
  sealed.golden =
      golden::write_golden(measured.tensors, weight_fingerprints(measured.checkpoint(), built.match));
  sealed.manifest.model = model_record(embedded, request, worker);
  sealed.manifest.golden = measured.records;
  sealed.manifest.batch = measured.batch;
  const Device ran_on(sealed.manifest.environment.text("numerics.device").value_or(Device().text()));
  for (auto& golden : sealed.manifest.golden) golden.device = ran_on;
  sealed.manifest.golden_sha256 = sha256(sealed.golden);
  sealed.manifest.created = utc_of_creation();
  sealed.manifest.goldseal = k_version;
  state_facts(sealed, embedded, request, worker, log);
  return sealed;
}

}  // namespace goldseal
