// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/file/records.hpp>
#include <checks/tensors/changed_part.hpp>
#include <checks/tensors/tensor_finding.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

using Kind = golden::WeightChange::Kind;

// From this share of the sealed tensors on, the whole checkpoint was trained or written again.
constexpr double k_most_share = 0.75;

/// What is known of the tensors that are not as sealed.
struct Differences {
  std::size_t tensors = 0;
  std::size_t known = 0;  ///< of how many it is known what happened
  std::size_t one_byte = 0;
  std::size_t rounded = 0;
  std::size_t moved = 0;  ///< the same values in other places
  std::size_t rows = 0;   ///< of these: the same rows in another order
  std::size_t others = 0;  ///< the values of another sealed tensor
  std::optional<std::int64_t> steps;  ///< by which a counter of batches went on
};

Differences count_differences(const std::vector<TensorRecord>& sealed, const FileFindings& files) {
  Differences result;
  std::set<Digest> digests;
  for (const auto& tensor : sealed) digests.insert(tensor.sha256);
  for (const auto& tensor : sealed) {
    if (is_as_sealed(tensor, files.tensors)) continue;
    ++result.tensors;
    const auto here = files.tensors.find(tensor.name);
    const auto found = files.weight_changes.find(tensor.name);
    const bool others = here != files.tensors.end() && digests.contains(here->second);
    // Zeros are as likely not loaded as another tensor's.
    result.others += others && (found == files.weight_changes.end() || !is_unloaded(found->second)) ? 1U : 0U;
    if (found == files.weight_changes.end()) continue;
    const auto& change = found->second;
    ++result.known;
    result.one_byte += change.one_byte ? 1U : 0U;
    result.rounded += change.kind == Kind::to_float16 || change.kind == Kind::to_bfloat16 ? 1U : 0U;
    const bool rows = change.kind == Kind::rows || (change.kind == Kind::permuted && tensor.shape.size() == 1);
    result.moved += rows || change.kind == Kind::exchanged || change.kind == Kind::permuted ? 1U : 0U;
    result.rows += rows ? 1U : 0U;
    if (change.before && change.after && tensor.name.ends_with("num_batches_tracked"))
      result.steps = *change.after - *change.before;
  }
  return result;
}

std::string tell_times(const Observation& observed) {
  const auto* const file = find_file(observed, FileRole::checkpoint);
  const auto& sealed = observed.sealed.created;
  if (file == nullptr || file->written.empty() || sealed.empty()) return {};
  // Both are written alike, so that their order is that of the moments.
  const auto order = file->written > sealed ? "after" : file->written < sealed ? "before" : "when";
  return fmt::format("; the file was last written at {}, {} it was sealed at {}", escape_unprintable(file->written),
                     order, escape_unprintable(sealed));
}

std::string tell_steps(const Differences& differences) {
  if (!differences.steps || *differences.steps == 0) return {};
  const auto steps = *differences.steps;
  return fmt::format("; by num_batches_tracked {} steps {}", steps > 0 ? steps : -steps, steps > 0 ? "on" : "earlier");
}

bool is_newer(const Observation& observed) {
  const auto* const file = find_file(observed, FileRole::checkpoint);
  return file != nullptr && !file->written.empty() && file->written > observed.sealed.created;
}

std::string tell_part(const Observation& observed) {
  std::vector<std::string> changed;
  std::vector<std::string> same;
  for (const auto& tensor : observed.sealed.model.tensors)
    (is_as_sealed(tensor, observed.files.tensors) ? same : changed).push_back(tensor.name);
  const auto part = changed_part(changed, same);
  return part.empty() ? part : fmt::format(": {}, and nothing else", part);
}

/// What happened to the file as a whole, where that is not damage.
struct Cause {
  std::string message;
  std::string remedy;
};

Cause another_checkpoint(const Observation& observed, const Differences& differences) {
  const auto all = observed.sealed.model.tensors.size();
  return {fmt::format("another checkpoint of the same network: {} of {} tensors hold other values, under the same names "
                      "and of the same shapes{}{}",
                      differences.tensors, all, tell_times(observed), tell_steps(differences)),
          is_newer(observed)
              ? "it was saved again after it was sealed: seal it again, or put the checkpoint that was sealed in its "
                "place"
              : "put the checkpoint that was sealed in its place, or seal this one"};
}

Cause cause_of(const Observation& observed, const Differences& differences) {
  const auto& [tensors, known, one_byte, rounded, moved, rows, others, steps] = differences;
  const auto of_all = fmt::format("{} of {} tensors", tensors, observed.sealed.model.tensors.size());
  if (others == tensors)
    return {fmt::format("{} hold the values of other tensors of the seal{}", of_all, tell_part(observed)),
            "names were mixed up where the file was written or converted: give each tensor its own name again, or use the "
            "checkpoint that was sealed"};
  if (known > 0 && rounded == known)
    return {fmt::format("{} hold the sealed values rounded to half precision: the file was converted on its way", of_all),
            "use the file that was sealed, or seal the converted one"};
  if (known > 0 && rows == known)
    return {fmt::format("{} hold the sealed rows in another order", of_all),
            "a row stands for a word, a class, a head or a gate, and the code takes it by its place: use the checkpoint that "
            "was sealed, with its vocabulary or list of classes; where a converter put the rows in its library's order (q "
            "and k for RoPE, gates, stacked q, k, v), serve them with that library's code, or seal this file with it"};
  if (known > 0 && moved == known)
    return {fmt::format("{} hold the sealed values in other places: axes were exchanged, or rows put in another order",
                        of_all),
            "write them as they were sealed, w.t().contiguous() of a transposed matrix: another framework, or another "
            "version of the library, keeps them the other way round"};
  const auto enough = k_most_share * static_cast<double>(observed.sealed.model.tensors.size());
  if (static_cast<double>(tensors) >= enough && one_byte == 0) return another_checkpoint(observed, differences);
  return {
      fmt::format("{} hold other values{}{}{}", of_all, tell_part(observed), tell_times(observed), tell_steps(differences)),
      "if a part of the network was trained further, or an adapter was merged into it (merge_and_unload), seal it again; "
      "else copy the checkpoint from its source again"};
}

Finding judge_file_tensors(const Observation& observed, const CheckSettings&) {
  const auto& files = observed.files;
  if (!files.keys) return skipped(why_unread(observed));
  if (!files.keys->match.complete())
    return undecided("values are compared where names agree: keys.sealed comes first", "mend what keys.sealed names");
  if (files.tensors.empty()) return skipped("the tensors in the file were not digested");
  const auto sealed = without_not_loaded(observed.sealed.model.tensors, *files.keys);
  auto finding = judge_digests(sealed, files.tensors, "in the file",
                               "copy the checkpoint from its source again", files.weight_changes);
  if (finding.status != Status::fail) return finding;
  const auto differences = count_differences(sealed, files);
  // A byte here and there in what is else the sealed file: nothing but damage does that.
  if (differences.one_byte == differences.tensors) return finding;
  auto cause = cause_of(observed, differences);
  const auto& first = finding.tables.front().rows.front();
  finding.message = fmt::format("{} (first {}, {})", cause.message, first[0], first[3]);
  finding.remedy = std::move(cause.remedy);
  finding.explained = true;
  return finding;
}

}  // namespace

const Check k_tensors_file{
    .id = "tensors.file",
    .title = "The file's tensors are as sealed",
    .explanation =
        "SHA-256 of every tensor's elements, in the file, against the seal, where the names agree. PyTorch does not "
        "check the zip's checksums: a flipped bit loads in silence. Damage is what nothing else can have done, a byte "
        "here and there; a checkpoint that was trained further, converted or transposed fails as what it is.",
    .severity = Severity::integrity,
    .judge = judge_file_tensors,
};

}  // namespace goldseal
