// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/file/described.hpp>
#include <checks/finding_rows.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Table sources_table(const std::vector<const DescriptionObservation*>& files) {
  Table table{"sources that are not as sealed", {"file", "where"}, {}};
  table.total = files.size();
  for (std::size_t i = 0; i < std::min(k_finding_rows, files.size()); ++i)
    table.rows.push_back({escape_unprintable(files[i]->name), escape_unprintable(files[i]->path)});
  return table;
}

// Where the code was run, its answers are judged, and a change that leaves them alone is worth a word only.
Finding changed_code(const Observation& observed, const std::vector<const DescriptionObservation*>& changed) {
  const auto name = escape_unprintable(changed.front()->name) + and_more(changed.size());
  auto finding =
      failed(fmt::format("{} changed after it was sealed, and the code was not run here", name), "the sealed source",
             "another",
             "judge what it answers: --runtime python --trust-code; or use the code that was sealed, or seal again");
  if (observed.serving.ran_code) {
    finding.status = Status::warn;
    finding.message = fmt::format("{} changed after it was sealed; it was run here, and the golden checks judge it", name);
    finding.remedy = "seal the model again with this code";
  }
  finding.origin = escape_unprintable(changed.front()->path);
  finding.tables.push_back(sources_table(changed));
  return finding;
}

// As sealed, and from here `import` finds another file first, which may be another project's.
Finding shadowed_finding(const DescriptionObservation& file) {
  auto finding = undecided(fmt::format("{} is as sealed, and from here `import` finds another file by that name first: which one "
                                       "would serve was not judged",
                                       escape_unprintable(file.name)),
                           "run goldseal where the model will serve, or judge the code itself: --runtime python --trust-code");
  finding.origin = escape_unprintable(file.path);
  return finding;
}

Finding judge_code_files(const Observation& observed, const CheckSettings&) {
  const auto files = described(observed, true);
  if (files.all.empty()) return skipped("no source of the network's code was sealed");
  if (!files.changed.empty()) return changed_code(observed, files.changed);
  if (!files.unreadable.empty())
    return undecided(fmt::format("{} cannot be read", escape_unprintable(files.unreadable.front()->path)),
                     "see to its permissions");
  const auto other = std::ranges::find_if(files.missing, [](const auto* file) { return !file->values.empty(); });
  if (other != files.missing.end() && !observed.serving.ran_code) return shadowed_finding(**other);
  if (!files.missing.empty()) {
    const auto name = escape_unprintable(files.missing.front()->name) + and_more(files.missing.size());
    if (observed.serving.ran_code) return skipped(fmt::format("{}: the code that was run lies elsewhere", name));
    return undecided(fmt::format("{} is not here: the code that would serve was not judged", name),
                     "judge it where it lies: goldseal verify SEAL --runtime python --trust-code");
  }
  auto finding = passed(fmt::format("{} of the network's code as sealed", counted_files(files.all.size())));
  if (!files.rewritten.empty()) {
    finding.message = fmt::format("{}{} changed in comments, blank lines or line ends alone", escape_unprintable(files.rewritten.front()->name),
                                  and_more(files.rewritten.size()));
    finding.origin = escape_unprintable(files.rewritten.front()->path);
  }
  if (!files.added.empty()) {
    finding.status = Status::warn;
    finding.message = fmt::format("{}{} was not among the network's files when it was sealed",
                                  escape_unprintable(files.added.front()->name), and_more(files.added.size()));
    finding.origin = escape_unprintable(files.added.front()->path);
  }
  return finding;
}

}  // namespace

const Check k_file_code{
    .id = "file.code",
    .title = "The network's code is as sealed",
    .explanation =
        "The source of the factory's module and of what it imports from the user's own tree, or of the modules that "
        "define a live model's classes, its hooks and the functions that were handed in. Another file that Python would "
        "import by the same name counts as a changed one. A changed line may change every answer, and the weights load all the same. "
        "Where the code was run here, the golden checks judge its answers and a changed file warns; where it was not, "
        "it fails: nothing else looks at it. Comments, blank lines and line ends alone are told and pass; a docstring is code. A "
        "policy may set it to warn.",
    .severity = Severity::fail,
    .judge = judge_code_files,
};

}  // namespace goldseal
