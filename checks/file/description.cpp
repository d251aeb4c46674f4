// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/file/described.hpp>
#include <checks/finding_rows.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace goldseal {
namespace {

using State = DescriptionObservation::State;

std::string setting(const std::string& key, const std::string& value) {
  return value.empty() ? fmt::format("no {}", escape_unprintable(key))
                       : fmt::format("{} = {}", escape_unprintable(key), escape_unprintable(value));
}

Table values_table(const std::vector<const DescriptionObservation*>& files) {
  Table table{"configuration that differs", {"file", "setting", "sealed", "here"}, {}};
  std::size_t all = 0;
  for (const auto* const file : files) {
    for (const auto& value : file->values) {
      if (all++ < k_finding_rows)
        table.rows.push_back({escape_unprintable(file->name), escape_unprintable(value.key),
                              escape_unprintable(value.sealed), escape_unprintable(value.found)});
    }
  }
  table.total = all;
  return table;
}

Finding changed_description(const Observation& observed, const std::vector<const DescriptionObservation*>& changed) {
  const auto& first = *changed.front();
  const auto name = escape_unprintable(first.name);
  const auto ran = observed.serving.ran_code ? "" : "; no network of it was run here";
  auto finding = failed(
      fmt::format("{} is not the sealed file{}{}", name, and_more(changed.size()), ran), "the sealed file", "another",
      fmt::format("use the file that was sealed, or seal the model with this one; it lies at {}",
                  escape_unprintable(first.path)));
  if (!first.values.empty()) {
    const auto& value = first.values.front();
    finding.message = fmt::format("{} differs from the sealed file: {}{}{}", name, escape_unprintable(value.key),
                                  and_more(first.values.size()), ran);
    finding.expected = setting(value.key, value.sealed);
    finding.actual = setting(value.key, value.found);
    if (value.key == "line ends")
      finding.remedy = "restore the sealed line ends: git keeps them with `* -text` in .gitattributes; what reads the file byte "
                       "by byte, as tokenizers do, sees others";
    finding.tables.push_back(values_table(changed));
  }
  finding.origin = escape_unprintable(first.path);
  return finding;
}

Finding missing_finding(const Observation& observed, const std::vector<const DescriptionObservation*>& missing,
                        std::size_t all) {
  const auto& first = *missing.front();
  const auto message = fmt::format("{}{} of the sealed description {} not here", escape_unprintable(first.name),
                                   and_more(missing.size()), missing.size() == 1 ? "is" : "are");
  const auto remedy = std::string("put the model's directory where the seal says, or name it: --model, --checkpoint");
  if (observed.serving.builds_code) {
    auto finding = failed(message + ", and the network is built from it", fmt::format("{} files", all),
                          fmt::format("{} missing", missing.size()), remedy);
    finding.origin = escape_unprintable(first.path);
    return finding;
  }
  auto finding = undecided(message + ": what would serve with it was not judged", remedy);
  finding.origin = escape_unprintable(first.path);
  return finding;
}

Finding judge_description(const Observation& observed, const CheckSettings&) {
  const auto files = described(observed, false);
  if (!observed.serving.missing_path.empty()) {
    auto finding =
        failed(fmt::format("{} is not here, and the network is built from it", escape_unprintable(observed.serving.missing_path)),
               escape_unprintable(observed.serving.missing_path), "no such file or directory",
               "put the model's directory there, or name another: --model "
               "\"python:goldseal.huggingface:network?directory=DIR\"");
    finding.origin = escape_unprintable(observed.serving.missing_path);
    return finding;
  }
  if (files.all.empty()) return skipped("no configuration was sealed beside the weights");
  if (!files.changed.empty()) return changed_description(observed, files.changed);
  if (!files.missing.empty()) return missing_finding(observed, files.missing, files.all.size());
  if (!files.unreadable.empty())
    return undecided(fmt::format("{} cannot be read", escape_unprintable(files.unreadable.front()->path)),
                     "see to its permissions");
  auto finding = passed(fmt::format("{} as sealed", counted_files(files.all.size() - files.added.size())));
  const auto& odd = files.added.empty() ? files.rewritten : files.added;
  if (odd.empty()) return finding;
  finding.status = Status::warn;
  finding.message = files.added.empty()
                        ? fmt::format("{}{} was rewritten with the same values", escape_unprintable(odd.front()->name),
                                      and_more(odd.size()))
                        : fmt::format("{}{} was not there when the directory was sealed, and no check judges it",
                                      escape_unprintable(odd.front()->name), and_more(odd.size()));
  finding.origin = escape_unprintable(odd.front()->path);
  return finding;
}

}  // namespace

const Check k_file_description{
    .id = "file.description",
    .title = "The configuration beside the weights is as sealed",
    .explanation =
        "What a model's directory holds beside its weights decides what it answers: config.json the network, a "
        "tokenizer or a preprocessor what it is given. Each such file is digested when the model is sealed, and looked "
        "at without PyTorch. Another value fails, and is named; another layout with the same values, or another "
        "version of the library that wrote the file, warns; so does a file that was added to the directory. One that "
        "is missing where the sealed program serves is unknown.",
    .severity = Severity::fail,
    .judge = judge_description,
};

}  // namespace goldseal
