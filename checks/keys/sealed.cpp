// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/file/records.hpp>
#include <checks/finding_rows.hpp>
#include <checks/keys/key_finding.hpp>
#include <checks/keys/renamed.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/keys/key_renames.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace goldseal {
namespace {

Table names_table(const KeyObservation& keys, std::span<const std::pair<std::size_t, std::size_t>> pairs) {
  Table table{"the same values under new names", {"sealed as", "in the file"}, {}, pairs.size()};
  for (const auto& [have, want] : pairs.first(std::min(pairs.size(), k_finding_rows)))
    table.rows.push_back({escape_unprintable(keys.want[want].name), escape_unprintable(keys.have[have].name)});
  return table;
}

// Proven by the digests: nothing was trained, lost or damaged, only the names are others.
void tell_renamed(const KeyObservation& keys, const ModelRecord& sealed, Finding& finding) {
  const auto pairs = renamed_tensors(keys, sealed);
  if (pairs.empty() || !keys.match.mismatched.empty()) return;
  const auto& match = keys.match;
  const bool whole = pairs.size() == match.missing.size();
  const auto& [have, want] = pairs.front();
  const auto how = match.renaming.renames.empty()
                       ? fmt::format("{} is sealed as {}", escape_unprintable(keys.have[have].name),
                                     escape_unprintable(keys.want[want].name))
                       : tell(match.renaming.renames, "the seal");
  finding.message =
      whole ? fmt::format("the checkpoint holds the same tensors under new names: {}; the digests of all {} prove it",
                          how, pairs.size())
            : fmt::format("{} of {} missing tensors are in the checkpoint under new names, as their digests prove ({}); "
                          "the others are not",
                          pairs.size(), match.missing.size(), how);
  if (whole && match.unexpected.size() > pairs.size())
    finding.message += fmt::format("; it has {} more", match.unexpected.size() - pairs.size());
  const auto options = match.renaming.pairs.size() == match.missing.size()
                           ? fmt::format("rename them: goldseal convert FILE -o OUT {}",
                                         rename_options(match.renaming.renames))
                           : std::string("rename them (goldseal convert FILE -o OUT --rename OLD=NEW)");
  finding.remedy = fmt::format(
      "build with the version of the library that was sealed, or seal the file again with this one; or {}", options);
  finding.tables.insert(finding.tables.begin(), names_table(keys, pairs));
}

// Of tensors of another shape: whether they are the sealed values the other way round.
void tell_exchanged(const Observation& observed, const KeyObservation& keys, Finding& finding) {
  std::size_t exchanged = 0;
  for (const auto& mismatch : keys.match.mismatched)
    exchanged += observed.files.weight_changes.contains(keys.want[mismatch.want].name) ? 1U : 0U;
  if (exchanged > 0)
    finding.message += fmt::format("; {} of them hold the sealed values, transposed: their digests prove it", exchanged);
}

Finding judge_sealed_keys(const Observation& observed, const CheckSettings&) {
  if (!observed.files.keys) return skipped(why_unread(observed));
  const auto& keys = *observed.files.keys;
  auto finding = judge_keys(keys, "the seal");
  if (keys.match.complete()) return finding;
  tell_renamed(keys, observed.sealed.model, finding);
  tell_exchanged(observed, keys, finding);
  return finding;
}

}  // namespace

const Check k_keys_sealed{
    .id = "keys.sealed",
    .title = "The checkpoint has the sealed tensors",
    .explanation =
        "Names, shapes and element types of the file's tensors against the seal, one to one, before any PyTorch is "
        "started. Wrapper segments (module. of "
        "DataParallel, _orig_mod. of torch.compile …) are removed as whole segments, only where all names then map one "
        "to one.",
    .severity = Severity::fail,
    .judge = judge_sealed_keys,
};

}  // namespace goldseal
