// SPDX-License-Identifier: Apache-2.0
#include <checks/keys/partial.hpp>

#include <checks/catalogue.hpp>
#include <checks/finding_rows.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

// Only training looks at it: BatchNorm counts its batches.
bool is_counter(const InitialObservation& entry) { return entry.name.ends_with("num_batches_tracked"); }

// What could not be tried counts as if the answers depended on it.
bool moves_answers(const InitialObservation& entry) { return !is_counter(entry) && entry.answers.value_or(true); }

bool is_as_sealed(const InitialObservation& entry) { return entry.sealed && *entry.sealed == entry.found; }

std::string how_it_began(const InitialObservation& entry, PartialAt at) {
  if (is_counter(entry)) return "counts batches, for training alone";
  if (at == PartialAt::verify) {
    if (!entry.sealed) return "the seal says nothing of it";
    return is_as_sealed(entry) ? "as it was sealed" : "another value than the sealed one";
  }
  if (!entry.repeatable) return "the model's own; another build was not tried";
  return *entry.repeatable ? "the network's own, the same in each build" : "drawn at random in each build";
}

std::string told(const InitialObservation& entry) {
  if (is_counter(entry)) return "no";
  if (!entry.answers) return "not tried";
  return *entry.answers ? "yes" : "not those of the golden inputs";
}

Table table_of(const PartialFindings& partial, PartialAt at) {
  Table table{"not loaded", {"tensor", "type", "shape", "its value", "do the answers depend on it"}, {}, partial.initial.size()};
  for (const auto& entry : partial.initial) {
    if (table.rows.size() == k_finding_rows) break;
    table.rows.push_back({escape_unprintable(entry.name), std::string(to_string(entry.dtype)),
                          format_shape(entry.shape), how_it_began(entry, at), told(entry)});
  }
  return table;
}

std::string counts(const PartialFindings& partial) {
  auto text = fmt::format("{} tensors were loaded", partial.loaded);
  if (!partial.initial.empty())
    text += fmt::format(", {} were not and have the network's own value", partial.initial.size());
  if (!partial.left_out.empty())
    text += fmt::format(", {} of the checkpoint went nowhere ({}{})", partial.left_out.size(),
                        escape_unprintable(partial.left_out.front()), partial.left_out.size() > 1 ? " …" : "");
  return text;
}

template <typename Applies>
const InitialObservation* find_entry(const PartialFindings& partial, Applies applies) {
  const auto found = std::ranges::find_if(partial.initial, applies);
  return found == partial.initial.end() ? nullptr : &*found;
}

Finding refuse_at_capture(const PartialFindings& partial) {
  const auto* const entry = find_entry(partial, [](const InitialObservation& each) {
    return moves_answers(each) && !each.repeatable.value_or(false);
  });
  if (entry == nullptr) return passed({});
  const bool random = entry->repeatable == false;
  return failed(
      fmt::format("{} is not loaded, the answers depend on it, and {}", escape_unprintable(entry->name),
                  random ? "each build draws other values, so that no other machine can give these answers"
                         : "the checkpoint does not hold the value that this model has"),
      "a value from the checkpoint, or one that each build gives alike", random ? "drawn at random" : "the model's own",
      "save it with the rest, torch.save(model.state_dict(), …) of the model that answers; or give it a fixed "
      "value where the network is built");
}

Finding refuse_at_verify(const PartialFindings& partial) {
  const auto* const entry =
      find_entry(partial, [](const InitialObservation& each) { return moves_answers(each) && !is_as_sealed(each); });
  if (entry == nullptr) return passed({});
  return failed(fmt::format("{} is not loaded, the answers depend on it, and it has {}", escape_unprintable(entry->name),
                            entry->sealed ? "another value than the sealed one" : "a value that the seal says nothing of"),
                "the sealed value", how_it_began(*entry, PartialAt::verify),
                "load it: use the checkpoint that was sealed, or build the network so that it has the sealed value");
}

}  // namespace

Finding judge_partial(const PartialFindings& partial, PartialAt at) {
  auto finding = at == PartialAt::capture ? refuse_at_capture(partial) : refuse_at_verify(partial);
  if (finding.status == Status::fail) {
    finding.message += fmt::format("; {}", counts(partial));
  } else {
    finding.message = counts(partial);
    const auto doubtful = std::ranges::count_if(partial.initial, [](const auto& each) { return !is_counter(each); });
    const auto moving = std::ranges::count_if(partial.initial, moves_answers);
    if (doubtful > 0) {
      finding.status = Status::warn;
      finding.message += moving > 0
                             ? fmt::format("; the answers depend on {} of them", moving)
                             : std::string("; no golden answer depends on them, and nothing else vouches for them");
      finding.remedy = "load everything where you can: save what the network has, model.state_dict()";
    }
  }
  if (!partial.initial.empty()) finding.tables.push_back(table_of(partial, at));
  return finding;
}

namespace {

Finding judge_partial_load(const Observation& observed, const CheckSettings&) {
  if (!observed.partial) return skipped("nothing was left out: --allow-missing and --allow-unexpected admit it");
  return judge_partial(*observed.partial, PartialAt::verify);
}

}  // namespace

const Check k_keys_partial{
    .id = "keys.partial",
    .title = "What was not loaded, as was admitted",
    .explanation =
        "What --allow-missing and --allow-unexpected admitted, counted: tensors of the network that keep the value that "
        "it was built with, and tensors of the checkpoint that went nowhere. Each of the former is moved in a golden "
        "run of its own, which tells whether the answers depend on it; then its value must be the sealed one. At a "
        "capture it must be the same in two builds. strict=False says none of this.",
    .severity = Severity::fail,
    .judge = judge_partial_load,
};

}  // namespace goldseal
