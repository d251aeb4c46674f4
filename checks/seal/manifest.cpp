// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace goldseal {
namespace {

// A manifest whose digest is wrong is not read at all, so what is left to judge is what this version could not
// interpret.
Finding judge_manifest(const Observation& observed, const CheckSettings&) {
  const auto& unknown = observed.sealed.unknown_keys;
  if (unknown.empty()) return passed(fmt::format("the manifest is as it was sealed on {}", observed.sealed.created));
  auto finding = passed("the manifest has keys that this goldseal does not know");
  finding.status = Status::warn;
  finding.actual = escape_unprintable(fmt::format("{}", fmt::join(unknown, ", ")));
  finding.remedy = fmt::format("judge it with goldseal {} or newer", observed.sealed.goldseal);
  return finding;
}

}  // namespace

const Check k_seal_manifest{
    .id = "seal.manifest",
    .title = "The manifest is whole",
    .explanation =
        "A manifest carries a digest of its own text. One that was cut short or edited is refused before anything else "
        "(exit code 4). Keys of a newer "
        "goldseal are kept and reported, not judged.",
    .severity = Severity::integrity,
    .judge = judge_manifest,
};

}  // namespace goldseal
