// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/file/records.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_embedded_file(const Observation& observed, const CheckSettings&) {
  const auto* const record = find_record(observed, FileRole::embedded);
  if (record == nullptr) return skipped("the seal embeds no architecture");
  const auto* const file = find_file(observed, FileRole::embedded);
  if (file == nullptr) return skipped("the embedded architecture was not looked at");
  const std::string remedy = "take the seal from its source again, or seal the checkpoint again";
  const auto expected = "sha256 " + to_hex(record->sha256);
  if (!file->present)
    return failed(fmt::format("{} is missing from the seal", record->path), expected, "no such file", remedy);
  if (file->sha256 != record->sha256)
    return failed(fmt::format("{} was changed after it was sealed", record->path), expected,
                  file->sha256 ? "sha256 " + to_hex(*file->sha256) : "unreadable", remedy);
  return passed(fmt::format("the embedded {} is as it was sealed", record->path));
}

}  // namespace

const Check k_seal_architecture{
    .id = "seal.architecture",
    .title = "The embedded architecture is whole",
    .explanation =
        "A seal that was made with --embed holds the network's architecture without its weights, so that a target "
        "needs the checkpoint alone. Its SHA-256 is in the manifest: a network is never built from a file that "
        "differs.",
    .severity = Severity::integrity,
    .judge = judge_embedded_file,
};

}  // namespace goldseal
