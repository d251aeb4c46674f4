// SPDX-License-Identifier: Apache-2.0
#include <checks/keys/key_finding.hpp>
#include <checks/finding_rows.hpp>
#include <checks/model/loading.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace goldseal {
namespace {

std::string describe(const Key& key) {
  return key.value ? "an extra state" : fmt::format("{} {}", to_string(key.dtype), format_shape(key.shape));
}

Table name_table(std::string title, const std::vector<std::size_t>& indices, const std::vector<Key>& keys) {
  Table table{std::move(title), {"key", "type and shape"}, {}, indices.size()};
  for (std::size_t i = 0; i < std::min(k_finding_rows, indices.size()); ++i) {
    const auto& key = keys[indices[i]];
    table.rows.push_back({escape_unprintable(key.name), describe(key)});
  }
  return table;
}

Table mismatch_table(const KeyObservation& keys, std::string_view whose) {
  Table table{"of another shape or type", {"key", fmt::format("in {}", whose), "in the checkpoint"}, {}};
  const auto& mismatched = keys.match.mismatched;
  table.total = mismatched.size();
  for (std::size_t i = 0; i < std::min(k_finding_rows, mismatched.size()); ++i) {
    const auto& want = keys.want[mismatched[i].want];
    table.rows.push_back({escape_unprintable(want.name), describe(want), describe(keys.have[mismatched[i].have])});
  }
  return table;
}

std::string_view what_became_of(CompiledIn compiled_in) {
  switch (compiled_in) {
    case CompiledIn::no:
      return "taken";
    case CompiledIn::counter:
      return "counts training steps, and is not needed to answer";
    case CompiledIn::tied:
      return "shares the memory of a tensor that is taken";
    case CompiledIn::program:
      return "an extra state, which the program holds as it was sealed";
    case CompiledIn::code:
      return "compiled into the code, or not used";
  }
  return {};
}

std::vector<const Key*> left_out(const KeyObservation& keys) {
  std::vector<const Key*> names;
  for (const auto& key : keys.want) {
    if (key.compiled_in != CompiledIn::no && key.compiled_in != CompiledIn::program) names.push_back(&key);
  }
  return names;
}

// What the network computes with although no checkpoint gave it.
std::vector<std::string> kept(const KeyObservation& keys) {
  std::set<std::size_t> given;
  for (const auto& [have, want] : keys.match.pairs) given.insert(want);
  for (const auto& [have, want] : keys.match.values) given.insert(want);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < keys.want.size(); ++i) {
    if (!keys.want[i].required && !given.contains(i)) names.push_back(escape_unprintable(keys.want[i].name));
  }
  return names;
}

// A compiled network may leave out a counter without harm, but not a weight.
Finding judge_compiled(const KeyObservation& keys, Finding finding) {
  const auto names = left_out(keys);
  if (names.empty()) return finding;
  Table table{"without a place in the compiled network", {"key", "type and shape", "what became of it"}, {}, names.size()};
  std::vector<std::string> doubtful;
  for (const auto* const key : names) {
    if (key->compiled_in == CompiledIn::code) doubtful.push_back(escape_unprintable(key->name));
    if (table.rows.size() < k_finding_rows)
      table.rows.push_back(
          {escape_unprintable(key->name), describe(*key), std::string(what_became_of(key->compiled_in))});
  }
  finding.message =
      fmt::format("all {} constants that the compiled network takes match, {} tensors have no place in it",
                  keys.match.pairs.size() - names.size(), names.size());
  if (const auto own = kept(keys); !own.empty())
    finding.message += fmt::format("; it keeps its own {}", fmt::join(own, ", "));
  if (!doubtful.empty()) {
    finding.status = Status::warn;
    finding.message += fmt::format(
        ": {} {} compiled into its code or not used, and no digest shows that the code has the checkpoint's values",
        doubtful.front(), doubtful.size() == 1 ? "is" : fmt::format("and {} more are", doubtful.size() - 1));
    finding.expected = "a constant of the package for each tensor of the checkpoint";
    finding.actual = fmt::format("none for {} of {}", doubtful.size(), keys.have.size());
    finding.remedy =
        "compile the package with inductor_configs={'always_keep_tensor_constants': True}, which keeps them out of the "
        "code; otherwise the golden outputs alone judge them";
  }
  finding.tables.push_back(std::move(table));
  return finding;
}

std::string told_renames(const KeyObservation& keys) {
  if (keys.renames.empty()) return {};
  const auto& [from, to] = *keys.renames.begin();
  return fmt::format(" as PyTorch loads them: {} renames {} to {}{}", told_steps(keys.load_steps),
                     escape_unprintable(from), escape_unprintable(to), keys.renames.size() > 1 ? " …" : "");
}

std::string counts(const KeyMatch& match) {
  return fmt::format("{} match, {} missing, {} unexpected, {} of another shape or type", match.pairs.size(),
                     match.missing.size(), match.unexpected.size(), match.mismatched.size());
}

// What the options let pass is counted; what it comes to is for keys.partial, which has the model run.
Finding with_admitted(const KeyObservation& keys, Finding finding) {
  const auto& match = keys.match;
  if (match.not_loaded.empty() && match.left_out.empty()) return finding;
  finding.message += fmt::format("; as was admitted, {} are not in the checkpoint and {} of its tensors go nowhere",
                                 match.not_loaded.size(), match.left_out.size());
  const auto is_counter = [&](std::size_t i) { return keys.want[i].name.ends_with("num_batches_tracked"); };
  if (finding.status == Status::pass && !std::ranges::all_of(match.not_loaded, is_counter)) {
    finding.status = Status::warn;
    finding.remedy = "goldseal verify says whether the answers depend on them: keys.partial";
  }
  if (!match.not_loaded.empty()) finding.tables.push_back(name_table("not loaded", match.not_loaded, keys.want));
  if (!match.left_out.empty()) finding.tables.push_back(name_table("left out", match.left_out, keys.have));
  return finding;
}

}  // namespace

Finding judge_keys(const KeyObservation& keys, std::string_view whose) {
  const auto& match = keys.match;
  if (match.complete()) {
    const auto removed = match.removed_segments.empty() ? std::string()
                                                        : fmt::format(" after the wrapper {} was removed",
                                                                      fmt::join(match.removed_segments, ", "));
    auto finding = judge_compiled(keys, passed(fmt::format("all {} keys match {}{}{}",
                                                           match.pairs.size() + match.values.size(), whose, removed,
                                                           told_renames(keys))));
    return with_admitted(keys, std::move(finding));
  }
  auto finding =
      failed(fmt::format("the checkpoint's keys do not match {}: {}", whose,
                         match.cause.empty() ? counts(match) : match.cause),
             fmt::format("{} keys, one to one", keys.want.size()), counts(match),
             match.remedy.empty() ? "use the checkpoint and the network that belong together" : match.remedy);
  if (!match.mismatched.empty()) finding.tables.push_back(mismatch_table(keys, whose));
  if (!match.missing.empty())
    finding.tables.push_back(name_table("missing from the checkpoint", match.missing, keys.want));
  if (!match.unexpected.empty())
    finding.tables.push_back(name_table("unexpected in the checkpoint", match.unexpected, keys.have));
  return finding;
}

}  // namespace goldseal
