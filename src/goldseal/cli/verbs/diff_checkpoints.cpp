// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/verbs/diff_checkpoints.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/parallel.hpp>
#include <goldseal/checkpoint/contents/difference.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/checkpoint/keys/keys.hpp>
#include <goldseal/cli/output.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

namespace goldseal::cli {
namespace {

using nlohmann::json;

std::string type_and_shape(const Tensor& tensor) {
  return fmt::format("{} {}", to_string(tensor.dtype), format_shape(tensor.shape));
}

std::string describe(const TensorDifference& row, const Checkpoint& a, const Checkpoint& b) {
  std::string text = escape_unprintable(row.name);
  if (row.shape || row.dtype)
    text += fmt::format(": {} in A, {} in B", type_and_shape(a.tensors[row.a]), type_and_shape(b.tensors[row.b]));
  if (!row.origin.empty()) return text + fmt::format(": B has the values of A, {}", row.origin);
  if (!row.other.empty()) return text + fmt::format(": B has the values of A's {}", escape_unprintable(row.other));
  if (!row.values) return text;
  const auto& values = *row.values;
  text += fmt::format(": {} of {} values differ, max {:.6g}, rms {:.6g}", format_count(values.differing),
                      format_count(values.elements), values.max_absolute, values.rms);
  if (values.max_ulp) text += fmt::format(", {} ulp", format_count(*values.max_ulp));
  if (values.special > 0) text += fmt::format(", {} not finite on one side", format_count(values.special));
  return text;
}

// What lies beside the tensors that were compared, and was not: objects that Python's code is needed for, and other state
// dicts (an optimizer's, an average). What is the same in every byte needs no reader.
struct Unread {
  std::vector<std::string> objects;
  std::vector<std::string> others;
};

Unread unread(const Checkpoint& checkpoint) {
  Unread result;
  for (const auto& [path, type, what, subscript] : checkpoint.objects)
    result.objects.push_back(fmt::format("{} is {} ({})", path == "." ? "the whole" : escape_unprintable(path), what,
                                         escape_unprintable(type)));
  for (const auto& entry : checkpoint.candidates) result.others.push_back(escape_unprintable(entry));
  return result;
}

struct Beside {
  Unread a;
  Unread b;

  [[nodiscard]] bool judged() const { return a.objects.empty() && b.objects.empty(); }
  [[nodiscard]] bool nothing() const { return judged() && a.others.empty() && b.others.empty(); }
};

std::string as_text(const Beside& beside) {
  std::string text;
  for (const auto& [side, left] : {std::pair{"A", &beside.a}, std::pair{"B", &beside.b}}) {
    if (!left->objects.empty())
      text += fmt::format("not compared in {}, since it takes Python's code to read: {}\n", side,
                          fmt::join(left->objects, ", "));
    if (!left->others.empty())
      text += fmt::format("not compared in {}: the state dict {} (choose one with --entry)\n", side,
                          fmt::join(left->others, ", "));
  }
  return text;
}

std::string as_text(const CheckpointDifference& difference, const Checkpoint& a, const Checkpoint& b) {
  std::string text;
  if (!difference.removed_segments.empty())
    text +=
        fmt::format("{}: {}\n", difference.removed_from_b ? "B" : "A", explain_removed(difference.removed_segments));
  for (const auto& name : difference.only_a) text += fmt::format("only in A: {}\n", escape_unprintable(name));
  for (const auto& name : difference.only_b) text += fmt::format("only in B: {}\n", escape_unprintable(name));
  for (const auto& row : difference.changed) text += describe(row, a, b) + '\n';
  for (const auto& change : difference.renamed)
    text += fmt::format("{} in A is {} in B: {} names\n", escape_unprintable(change.from), escape_unprintable(change.to),
                        format_count(change.tensors));
  if (difference.renamed_equal > 0)
    text += fmt::format("{} tensors are the same under other names\n", format_count(difference.renamed_equal));
  for (const auto& state : difference.extra_states)
    text += fmt::format("extra state {}: {} in A, {} in B\n", escape_unprintable(state.name), escape_unprintable(state.a),
                        escape_unprintable(state.b));
  for (const auto& tensor : difference.classes)
    text += fmt::format("{}: {} in A, {} in B\n", escape_unprintable(tensor.name), escape_unprintable(tensor.a),
                        escape_unprintable(tensor.b));
  if (difference.packed_a != difference.packed_b) {
    for (const auto& [side, packed] : {std::pair{"A", &difference.packed_a}, std::pair{"B", &difference.packed_b}})
      if (!packed->empty()) text += fmt::format("{} holds {}\n", side, *packed);
  }
  if (difference.extra_states_equal > 0)
    text += fmt::format("{} extra states are equal\n", format_count(difference.extra_states_equal));
  return text + fmt::format("{} tensors are equal, {} differ, {} only in A, {} only in B\n",
                            format_count(difference.equal), format_count(difference.changed.size()),
                            format_count(difference.only_a.size()), format_count(difference.only_b.size()));
}

json as_json(const TensorDifference& row, const Checkpoint& a, const Checkpoint& b) {
  json result{{"name", row.name},
              {"a", type_and_shape(a.tensors[row.a])},
              {"b", type_and_shape(b.tensors[row.b])},
              {"shape_differs", row.shape},
              {"dtype_differs", row.dtype}};
  if (!row.origin.empty()) result["origin"] = row.origin;
  if (!row.other.empty()) result["other"] = row.other;
  if (!row.values) return result;
  const auto& values = *row.values;
  result.update({{"elements", values.elements},
                 {"differing", values.differing},
                 {"special", values.special},
                 {"max_absolute", values.max_absolute},
                 {"rms", values.rms},
                 {"relative_rms", values.relative_rms}});
  if (values.max_ulp) result["max_ulp"] = *values.max_ulp;
  return result;
}

json as_json(const std::vector<ObjectDifference>& list) {
  auto rows = json::array();
  for (const auto& row : list) rows.push_back({{"name", row.name}, {"a", row.a}, {"b", row.b}});
  return rows;
}

json as_json(const Unread& left) { return {{"objects", left.objects}, {"entries", left.others}}; }

std::string as_json(const CheckpointDifference& difference, const Beside& beside, const Checkpoint& a,
                    const Checkpoint& b) {
  auto changed = json::array();
  for (const auto& row : difference.changed) changed.push_back(as_json(row, a, b));
  auto renamed = json::array();
  for (const auto& change : difference.renamed)
    renamed.push_back({{"from", change.from}, {"to", change.to}, {"tensors", change.tensors}});
  const json document{{"schema", "goldseal.checkpoint-difference/1"},
                      {"equal", difference.equal},
                      {"only_a", difference.only_a},
                      {"only_b", difference.only_b},
                      {"changed", std::move(changed)},
                      {"extra_states", as_json(difference.extra_states)},
                      {"extra_states_equal", difference.extra_states_equal},
                      {"classes", as_json(difference.classes)},
                      {"renamed", std::move(renamed)},
                      {"renamed_equal", difference.renamed_equal},
                      {"packed", {{"a", difference.packed_a}, {"b", difference.packed_b}}},
                      {"not_compared", {{"a", as_json(beside.a)}, {"b", as_json(beside.b)}}},
                      {"removed_segments", difference.removed_segments},
                      {"removed_from", difference.removed_from_b ? "b" : "a"}};
  return document.dump(2, ' ', false, json::error_handler_t::replace) + '\n';
}

std::vector<Digest> digest_shown(const Checkpoint& checkpoint, const std::string& path, Progress& progress) {
  ByteCounter counter;
  auto work = in_background([&] { return digest_all(checkpoint, &counter); });
  progress.await(work, fmt::format("digesting {}", escape_unprintable(path)), counter);
  return work.get();
}

// Tensors of subclasses can be compared by what they are made of, and tensors beside objects as they are: what was not
// read is told. Which of several state dicts is meant must be said: there the strict reader decides.
Checkpoint open_whole(const std::string& path, const std::string& entry) {
  auto checkpoint = open_checkpoint(path, {.entry = entry, .show_all = true});
  const auto plausible = std::ranges::count_if(
      checkpoint.entries, [](const Candidate& one) { return one.plausible && one.same_as.empty(); });
  const bool needed = !checkpoint.subclass_tensors.empty() || !checkpoint.objects.empty();
  const bool whole = (plausible <= 1 || !entry.empty()) && !checkpoint.tensors.empty();
  return whole && needed ? std::move(checkpoint) : open_checkpoint(path, {.entry = entry});
}

// Of files whose tensors are equal: whether all else in them is the same too.
bool same_frames(const Checkpoint& a, const Checkpoint& b) {
  if (a.files.size() != 1 || b.files.size() != 1) return false;
  return digest_file(a, 0).non_tensor == digest_file(b, 0).non_tensor;
}

}  // namespace

bool names_checkpoint(const std::string& path) {
  const std::filesystem::path file(path);
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) return !std::filesystem::exists(file / "manifest.toml", ignored);
  return file.extension() != ".toml" && std::filesystem::is_regular_file(file, ignored);
}

ExitCode diff_checkpoints(const CheckpointPair& pair, const CommonOptions& common) {
  const auto& [path_a, path_b, entry] = pair;
  const auto a = open_whole(path_a, entry);
  const auto b = open_whole(path_b, entry);
  Progress progress(progress_mode(common));
  const auto digests_a = digest_shown(a, path_a, progress);
  const auto digests_b = digest_shown(b, path_b, progress);
  auto work = in_background([&] { return compare_checkpoints(a, digests_a, b, digests_b); });
  progress.await(work, "comparing the tensors that differ", ByteCounter());
  const auto difference = work.get();
  Beside beside{unread(a), unread(b)};
  // Where all else is the same in every byte, nothing is left unread.
  if (!beside.nothing() && difference.same() && same_frames(a, b)) beside = {};
  if (!common.quiet)
    print(common.format == "json" ? as_json(difference, beside, a, b)
                                  : for_locale(as_text(difference, a, b) + as_text(beside)));
  if (!difference.same()) return ExitCode::fails;
  return beside.judged() ? ExitCode::conforms : ExitCode::inconclusive;
}

}  // namespace goldseal::cli
