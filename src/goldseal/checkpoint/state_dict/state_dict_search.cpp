// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/state_dict/same_tensors.hpp>
#include <goldseal/checkpoint/state_dict/training_layouts.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <unordered_set>

namespace goldseal::pickle {
namespace {

constexpr int k_depth_limit = 16;
constexpr std::size_t k_repeat_limit = 64;  // of one dict: a file of real use has two or three

bool is_rebuild(Role role) {
  switch (role) {
    case Role::rebuild_tensor:
    case Role::rebuild_tensor_v2:
    case Role::rebuild_tensor_v3:
    case Role::rebuild_parameter:
    case Role::rebuild_parameter_with_state:
    case Role::rebuild_from_type:
    case Role::rebuild_qtensor:
    case Role::rebuild_sparse_tensor:
    case Role::rebuild_nested_tensor:
    case Role::rebuild_meta_tensor:
    case Role::rebuild_wrapper_subclass:
    case Role::rebuild_device_tensor:
    case Role::rebuild_numpy_tensor:
      return true;
    default:
      return false;
  }
}

class EntryFinder {
 public:
  explicit EntryFinder(const Document& document) : m_document(document) {}

  std::vector<Entry> run() {
    visit(m_document.root(), {}, 0);
    mark_same_weights();
    return std::move(m_entries);
  }

 private:
  /// Where a value is: dotted, and as Python reaches it.
  struct Path {
    std::string dotted;
    std::string subscript;
    [[nodiscard]] std::string entry() const { return dotted.empty() ? "." : dotted; }
  };

  /// Tensors of the largest plausible entry at or below the value.
  std::size_t visit(Id id, const Path& path, int depth);
  std::size_t visit_children(Id id, const Path& path, int depth);
  std::size_t count_direct(Id id) const;
  std::size_t count_all(Id id, int depth);
  bool names_weights(Id id) const;
  bool has_numbered_groups(Id id) const;
  void add_repeated(Id id, const Path& path);
  void mark_same_weights();

  bool is_mapping(Id id) const { return m_document.is_mapping(id); }
  bool is_container(Id id) const { return is_mapping(id) || m_document.kind(id) == Kind::list || is_tuple(id); }
  // (model.state_dict(), optimizer.state_dict()) holds state dicts, and is none: a pair of a name and a tensor is one too.
  bool is_tuple(Id id) const { return m_document.kind(id) == Kind::tuple; }
  std::size_t step(Id id) const { return is_mapping(id) ? 2 : 1; }
  Id value(Id id, std::size_t i) const { return m_document.items(id)[i + step(id) - 1]; }
  Path child_path(Id id, const Path& path, std::size_t i) const;

  const Document& m_document;
  std::vector<Entry> m_entries;
  std::unordered_set<Id> m_seen;
  std::size_t m_repeated = 0;
};

std::size_t EntryFinder::count_direct(Id id) const {
  if (is_tuple(id)) return 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < m_document.items(id).size(); i += step(id))
    count += is_tensor(m_document, value(id, i)) ? 1U : 0U;
  return count;
}

/// Whether it names tensors as a network does: `fc.weight`, `bias`. An optimizer names moments: `exp_avg`.
bool EntryFinder::names_weights(Id id) const {
  if (!is_mapping(id)) return false;
  const auto items = m_document.items(id);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (m_document.kind(items[i]) != Kind::text || !is_tensor(m_document, items[i + 1])) continue;
    const std::string_view name = m_document.text(items[i]);
    if (name.find('.') != std::string_view::npos || name == "weight" || name == "bias") return true;
  }
  return false;
}

/// An optimizer's state: moments of each parameter by its number. State dicts may have numbers too: those of folds.
bool EntryFinder::has_numbered_groups(Id id) const {
  if (!is_mapping(id)) return false;
  const auto items = m_document.items(id);
  bool numbered = false;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (m_document.kind(items[i]) != Kind::integer || !is_container(items[i + 1])) continue;
    if (names_weights(items[i + 1])) return false;
    numbered = true;
  }
  return numbered;
}

std::size_t EntryFinder::count_all(Id id, int depth) {
  if (is_tensor(m_document, id)) return 1;
  if (!is_container(id) || depth > k_depth_limit || !m_seen.insert(id).second) return 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < m_document.items(id).size(); i += step(id)) count += count_all(value(id, i), depth + 1);
  return count;
}

EntryFinder::Path EntryFinder::child_path(Id id, const Path& path, std::size_t i) const {
  auto name = std::to_string(i);
  auto subscript = fmt::format("[{}]", i);
  if (is_mapping(id)) {
    const auto key = m_document.items(id)[i];
    if (m_document.kind(key) == Kind::text) name = m_document.text(key);
    if (m_document.kind(key) == Kind::integer) name = std::to_string(m_document.integer(key));
    subscript = subscript_of(m_document, key);
  }
  return {path.dotted.empty() ? name : fmt::format("{}.{}", path.dotted, name), path.subscript + subscript};
}

std::size_t EntryFinder::visit(Id id, const Path& path, int depth) {
  if (!is_container(id) || depth > k_depth_limit) return 0;
  if (has_numbered_groups(id)) {
    if (const auto all = count_all(id, depth); all > 0)
      m_entries.push_back({{path.entry(), all, false}, id, path.subscript});
    return 0;
  }
  if (!m_seen.insert(id).second) {
    add_repeated(id, path);
    return 0;
  }
  const auto direct = count_direct(id);
  const auto place = m_entries.size();
  if (direct > 0)
    m_entries.push_back({{path.entry(), direct, !is_bookkeeping(path.dotted)}, id, path.subscript});
  const auto nested = visit_children(id, path, depth);
  if (direct == 0 || !m_entries[place].candidate.plausible) return nested;
  if (nested > direct) {
    m_entries[place].candidate.plausible = false;
    return nested;
  }
  for (auto i = place + 1; i < m_entries.size(); ++i) m_entries[i].candidate.plausible = false;
  return direct;
}

std::size_t EntryFinder::visit_children(Id id, const Path& path, int depth) {
  std::size_t largest = 0;
  for (std::size_t i = 0; i < m_document.items(id).size(); i += step(id)) {
    if (!is_container(value(id, i))) continue;
    largest = std::max(largest, visit(value(id, i), child_path(id, path, i), depth + 1));
  }
  return largest;
}

/// The very same dict under another name.
void EntryFinder::add_repeated(Id id, const Path& path) {
  const auto first = std::ranges::find(m_entries, id, &Entry::id);
  if (first == m_entries.end() || ++m_repeated > k_repeat_limit) return;
  m_entries.push_back({{path.dotted, first->candidate.tensors, false, first->candidate.entry}, id, path.subscript});
}

/// Another dict of the same tensors: which of the two is opened makes no difference.
void EntryFinder::mark_same_weights() {
  std::vector<Entry*> weights;
  for (auto& entry : m_entries) {
    if (!entry.candidate.plausible) continue;
    const auto same = std::ranges::find_if(weights, [&](const Entry* other) {
      return other->candidate.tensors == entry.candidate.tensors && same_tensors(m_document, other->id, entry.id);
    });
    if (same != weights.end()) {
      entry.candidate.plausible = false;
      entry.candidate.same_as = (*same)->candidate.entry;
    } else if (weights.size() < k_repeat_limit) {
      weights.push_back(&entry);
    }
  }
}

std::string describe(const std::vector<Entry>& entries, bool plausible_only) {
  constexpr std::size_t k_most = 8;
  std::vector<std::string> rows;
  for (const auto& [candidate, id, subscript] : entries) {
    if (plausible_only && !candidate.plausible) continue;
    rows.push_back(
        fmt::format("{} ({} tensors)", escape_unprintable(candidate.entry), format_count(candidate.tensors)));
  }
  const auto more = rows.size() > k_most ? rows.size() - k_most : 0;
  rows.resize(rows.size() - more);
  auto text = fmt::format("{}", fmt::join(rows, ", "));
  if (more > 0) text += fmt::format(" and {} more", more);
  return text;
}

const Entry& choose_named(const std::vector<Entry>& entries, const std::string& where, const std::string& name) {
  const auto same = [&](const Entry& entry) { return entry.candidate.entry == name; };
  if (const auto found = std::ranges::find_if(entries, same); found != entries.end()) return *found;
  throw Error(ErrorKind::usage, where, fmt::format("no state dict at the entry '{}'", escape_unprintable(name)),
              fmt::format("the file holds {}", describe(entries, false)));
}

}  // namespace

bool is_bookkeeping(std::string_view path) {
  constexpr std::array<std::string_view, 8> k_words{"optim", "sched",    "scaler", "rng",
                                                  "amp",   "callback", "loops",  "_extra_state"};
  const auto holds = [&](std::string_view part) {
    std::string lower(part);
    std::ranges::transform(lower, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return std::ranges::any_of(k_words, [&](std::string_view word) {
      return word == "amp" ? lower == word : lower.find(word) != std::string::npos;
    });
  };
  return std::ranges::any_of(split(path, '.'), holds);
}

bool is_tensor(const Document& document, Id id) {
  if (document.kind(id) != Kind::call) return false;
  const auto* const known = document.global(document.callee(id)).known;
  return known != nullptr && is_rebuild(known->role);
}

std::string subscript_of(const Document& document, Id key) {
  if (document.kind(key) == Kind::integer) return fmt::format("[{}]", document.integer(key));
  std::string quoted;
  for (const char c : escape_unprintable(document.kind(key) == Kind::text ? document.text(key) : "…")) {
    if (c == '\'') quoted += '\\';
    quoted += c;
  }
  return fmt::format("['{}']", quoted);
}

std::vector<Entry> find_entries(const Document& document) { return EntryFinder(document).run(); }

const Entry& choose_entry(const std::vector<Entry>& entries, const std::string& where, const OpenOptions& options) {
  if (entries.empty()) {
    throw Error(ErrorKind::unsupported, where, "the file holds no tensors under names, so it is not a state dict",
                "save the weights with torch.save(model.state_dict(), FILE)");
  }
  if (!options.entry.empty()) return choose_named(entries, where, options.entry);
  const Entry* best = nullptr;
  std::size_t plausible = 0;
  for (const auto& entry : entries) {
    if (!entry.candidate.plausible) continue;
    ++plausible;
    if (best == nullptr || entry.candidate.tensors > best->candidate.tensors) best = &entry;
  }
  if (best == nullptr && options.show_all)
    best = &*std::ranges::max_element(entries, {}, [](const Entry& entry) { return entry.candidate.tensors; });
  if (best == nullptr) {
    throw Error(ErrorKind::usage, where, fmt::format("the file holds no weights, only {}", describe(entries, false)),
                "save the weights with torch.save(model.state_dict(), FILE); --entry opens what is here all the same");
  }
  if (plausible > 1 && !options.show_all) {
    const auto told = explain_entries(entries);
    throw Error(ErrorKind::usage, where, fmt::format("the file holds several state dicts: {}", describe(entries, true)),
                fmt::format("choose one: --entry {}{}", escape_unprintable(best->candidate.entry),
                            told.empty() ? "" : fmt::format(" ({})", told)));
  }
  return *best;
}

}  // namespace goldseal::pickle
