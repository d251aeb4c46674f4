// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/file/records.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_architecture(const Observation& observed, const CheckSettings&) {
  const auto* const record = find_record(observed, FileRole::architecture);
  const auto* const file = find_file(observed, FileRole::architecture);
  if (file == nullptr && find_file(observed, FileRole::embedded) != nullptr)
    return skipped("the network is built from what the seal embeds: seal.architecture");
  if (record == nullptr || file == nullptr) return skipped("the network is not described by a file of its own");
  if (!file->present) {
    return failed("the file that describes the network is missing", file->path, "no such file",
                  "put it there, or name it with --model FORM:FILE");
  }
  if (file->sha256 == record->sha256) return passed("the network's description is the sealed file");
  auto finding =
      failed("the network is described by another file than was sealed", "sha256 " + to_hex(record->sha256),
             file->sha256 ? "sha256 " + to_hex(*file->sha256) : "unreadable",
             fmt::format("use the file that was sealed; model.configuration says what differs in {}", file->path));
  // Where the network of that file was run, its answers are judged; `check` runs nothing.
  if (observed.run.worker && observed.run.worker->done) finding.status = Status::warn;
  return finding;
}

}  // namespace

const Check k_file_architecture{
    .id = "file.architecture",
    .title = "The network's description is the sealed file",
    .explanation =
        "A state dict has no architecture; a file beside it has: a Darknet cfg, a TorchScript archive. Another cfg can "
        "load the same weights and answer "
        "differently. Where the network was built from it and run, this warns, and model.configuration, the keys and the "
        "golden checks say what it comes to; where nothing was run, it fails.",
    .severity = Severity::fail,
    .judge = judge_architecture,
};

}  // namespace goldseal
