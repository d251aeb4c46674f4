// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/file/records.hpp>
#include <checks/tensors/tensor_finding.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace goldseal {
namespace {

Finding with_notes(Finding finding, const FileObservation& file) {
  if (file.notes.empty()) return finding;
  Table table{"what the reader noticed", {"rule", "what"}, {}};
  for (const auto& [rule, message] : file.notes) table.rows.push_back({rule, escape_unprintable(message)});
  finding.tables.push_back(std::move(table));
  if (finding.status == Status::pass) finding.status = Status::warn;
  return finding;
}

Finding damaged(const FileRecord& record, const FileObservation& file) {
  auto actual =
      file.bytes == record.bytes ? file.damage : fmt::format("{} ({} bytes)", file.damage, format_count(file.bytes));
  auto finding = failed(
      file.bytes < record.bytes ? "the checkpoint is cut short or damaged" : "the checkpoint is damaged",
      fmt::format("{} bytes, sha256 {}", format_count(record.bytes), to_hex(record.sha256)), escape_unprintable(actual),
      file.damage_remedy.empty() ? "copy the checkpoint from its source again and compare its sha256"
                                 : file.damage_remedy);
  finding.origin = escape_unprintable(file.damage_where);
  return finding;
}

// Damage changes bytes of the sealed file. A file of another size that is read well, and is no state dict or not one
// alone, was never that file. Of an empty one nothing has arrived.
bool is_another_kind(const FileRecord& record, const FileObservation& file) {
  return file.damage_kind != ErrorKind::malformed && file.bytes != record.bytes && file.bytes != 0;
}

Finding another_kind(const FileRecord& record, const FileObservation& file) {
  auto finding = failed(fmt::format("the file is not the sealed checkpoint: {}", escape_unprintable(file.damage)),
                        fmt::format("{} bytes, sha256 {}", format_count(record.bytes), to_hex(record.sha256)),
                        fmt::format("another file, {} bytes", format_count(file.bytes)),
                        file.damage_remedy.empty() ? "name the checkpoint that was sealed, or a copy of it" : file.damage_remedy);
  finding.explained = true;
  finding.origin = escape_unprintable(file.damage_where);
  return finding;
}

/// Files of a checkpoint of several that are not as they were sealed, by name.
std::vector<std::string> changed_shards(const Observation& observed) {
  const auto name_of = [](const std::string& path) { return std::filesystem::path(path).filename().string(); };
  std::vector<std::string> changed;
  for (const auto& record : observed.sealed.model.files) {
    if (record.role != FileRole::shard) continue;
    const auto same = [&](const FileObservation& file) {
      return file.role == FileRole::shard && name_of(file.path) == name_of(record.path) && file.sha256 == record.sha256;
    };
    if (std::ranges::none_of(observed.files.found, same)) changed.push_back(escape_unprintable(name_of(record.path)));
  }
  return changed;
}

std::string say_files(const Observation& observed, const FileObservation& file) {
  const auto shards = std::ranges::count(observed.sealed.model.files, FileRole::shard, &FileRecord::role);
  if (shards == 0) return fmt::format("the checkpoint is the sealed file, {} bytes", format_count(file.bytes));
  return fmt::format("the checkpoint's {} files are the sealed ones", shards + 1);
}

Finding judge_checkpoint(const Observation& observed, const CheckSettings&) {
  const auto* const record = find_record(observed, FileRole::checkpoint);
  const auto* const file = find_file(observed, FileRole::checkpoint);
  if (record == nullptr || file == nullptr) return skipped("no checkpoint was looked at");
  if (!file->damage.empty()) return is_another_kind(*record, *file) ? another_kind(*record, *file) : damaged(*record, *file);
  const auto changed = changed_shards(observed);
  if (file->sha256 == record->sha256 && changed.empty()) return with_notes(passed(say_files(observed, *file)), *file);
  if (!all_as_sealed(observed.sealed.model.tensors, observed.files.tensors))
    return with_notes(skipped("another file than the sealed one; see tensors.file for what differs"), *file);
  if (file->packed_weights) {
    return failed("the checkpoint is another file than was sealed, and its packed weights have no digests of their own",
                  "sha256 " + to_hex(record->sha256), file->sha256 ? "sha256 " + to_hex(*file->sha256) : "unreadable",
                  "use the file that was sealed, or seal this one");
  }
  auto finding = passed(file->non_tensor_sha256 == record->non_tensor_sha256
                            ? "the checkpoint differs outside its tensors"
                            : "the checkpoint was rewritten; every tensor is as it was sealed");
  finding.status = Status::warn;
  finding.expected = "sha256 " + to_hex(record->sha256);
  finding.actual = file->sha256 ? "sha256 " + to_hex(*file->sha256) : "";
  if (!changed.empty()) finding.actual = fmt::format("other bytes in {}", fmt::join(changed, ", "));
  return with_notes(std::move(finding), *file);
}

}  // namespace

const Check k_file_checkpoint{
    .id = "file.checkpoint",
    .title = "The checkpoint is the sealed file",
    .explanation =
        "The file is read by goldseal's own reader, which executes nothing and checks what PyTorch does not: the zip's "
        "layout and checksums, every extent, "
        "every opcode. A damaged file is named for what is wrong with it. A file of another kind is no damage: an "
        "optimizer's state, a pickled model. A file that was rewritten with the same "
        "tensors warns, unless it holds weights outside tensors: those of quantized layers are packed into objects "
        "of "
        "their own, and the whole file's digest alone vouches for them.",
    .severity = Severity::integrity,
    .judge = judge_checkpoint,
};

}  // namespace goldseal
