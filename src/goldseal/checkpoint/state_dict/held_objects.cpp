// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/state_dict/held_objects.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/state_dict/object_kinds.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace goldseal::pickle {
namespace {

constexpr std::size_t k_object_limit = 64;  // classes that a message names

std::string dotted(const Global& global) {
  if (global.module.empty() && global.name.empty()) return "a function that another one made";
  return fmt::format("{}.{}", global.module, global.name);
}

/// The attributes of an object: its state, or the first part of (attributes, slots).
std::optional<Id> attributes_of(const Document& document, Id object) {
  const auto state = document.kind(object) == Kind::call ? document.state(object) : std::nullopt;
  if (state && document.kind(*state) == Kind::tuple && !document.items(*state).empty())
    return document.items(*state)[0];
  return state;
}

bool has_keys(const Document& document, Id table, std::initializer_list<std::string_view> keys) {
  if (!document.is_mapping(table)) return false;
  const auto items = document.items(table);
  return std::ranges::all_of(keys, [&](std::string_view key) {
    for (std::size_t i = 0; i < items.size(); i += 2) {
      if (document.kind(items[i]) == Kind::text && document.text(items[i]) == key) return true;
    }
    return false;
  });
}

constexpr std::string_view k_own_state_dict = "a state dict of the saving code's own class";

/// A subclass of dict whose values are tensors.
bool holds_named_tensors(const Document& document, Id object) {
  if (document.kind(object) != Kind::call) return false;
  const auto items = document.items(object);
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (document.kind(items[i]) == Kind::text && is_tensor(document, items[i + 1])) return true;
  }
  return false;
}

class ObjectFinder {
 public:
  explicit ObjectFinder(const Document& document) : m_document(document) {}

  std::vector<HeldObject> run() {
    m_pending.push_back({m_document.root(), "", ""});
    for (std::size_t i = 0; i < m_pending.size() && m_found.size() < k_object_limit; ++i) {
      const auto place = m_pending[i];
      if (m_seen.insert(place.id).second) visit(place);
    }
    return std::move(m_found);
  }

 private:
  struct Place {
    Id id;
    std::string path;
    std::optional<std::string> subscript;  // while dicts and lists alone lead to it
  };

  void visit(const Place& place) {
    switch (m_document.kind(place.id)) {
      case Kind::global:
        if (m_document.global(place.id).known == nullptr) add(place, m_document.global(place.id));
        return;
      case Kind::dict:
        return add_items(place);
      case Kind::list:
      case Kind::tuple:
        return add_elements(place);
      case Kind::call:
        return visit_call(place);
      default:
        return;
    }
  }

  void visit_call(const Place& place) {
    if (is_tensor(m_document, place.id)) return;
    const auto& global = m_document.global(m_document.callee(place.id));
    if (global.known == nullptr) return add(place, global);
    // Python 3.11.0 to 3.11.3 pickles a member of an enum as getattr(CLASS, NAME); the machine admits no other use.
    if (global.known->role == Role::enum_member)
      return add(place, m_document.global(m_document.items(m_document.arguments(place.id))[0]));
    if (m_document.is_mapping(place.id) || m_document.is_call(place.id, Role::record)) add_items(place);
    m_pending.push_back({m_document.arguments(place.id), place.path, std::nullopt});
    if (const auto state = m_document.state(place.id)) m_pending.push_back({*state, place.path, std::nullopt});
  }

  void add_items(const Place& place) {
    const auto items = m_document.items(place.id);
    // A record may be a list as well as a dict: its elements are then taken for keys and values in turn.
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (m_document.kind(items[i]) != Kind::text) m_pending.push_back({items[i], place.path, std::nullopt});
      m_pending.push_back(below(place, joined(place.path, items[i]), subscript_of(m_document, items[i]), items[i + 1]));
    }
    if (items.size() % 2 == 1) m_pending.push_back({items.back(), place.path, std::nullopt});
  }

  void add_elements(const Place& place) {
    const auto items = m_document.items(place.id);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto kind = m_document.kind(items[i]);
      if (kind == Kind::call || kind == Kind::global || kind == Kind::dict || kind == Kind::list || kind == Kind::tuple)
        m_pending.push_back(below(place, place.path, fmt::format("[{}]", i), items[i]));
    }
  }

  static Place below(const Place& place, std::string path, const std::string& step, Id id) {
    const auto subscript = place.subscript ? std::optional(*place.subscript + step) : std::nullopt;
    return {id, std::move(path), subscript};
  }

  std::string joined(const std::string& path, Id key) const {
    std::string name = "…";
    if (m_document.kind(key) == Kind::text) name = m_document.text(key);
    if (m_document.kind(key) == Kind::integer) name = std::to_string(m_document.integer(key));
    return path.empty() ? name : fmt::format("{}.{}", path, name);
  }

  void add(const Place& place, const Global& global) {
    auto type = dotted(global);
    if (!m_types.insert(type).second) return;
    auto what = describe(place.id, type);
    m_found.push_back(
        {place.path.empty() ? "." : place.path, std::move(type), std::move(what), place.subscript.value_or("")});
  }

  std::string describe(Id id, const std::string& type) const {
    if (m_document.is_call(id, Role::enum_member)) return "a member of an enum, of the saving code's own class";
    const auto attributes = attributes_of(m_document, id);
    if (attributes && has_keys(m_document, *attributes, {"_parameters", "_modules"})) return "a whole model";
    if (attributes && has_keys(m_document, *attributes, {"param_groups", "state"})) return "an optimizer";
    if (holds_named_tensors(m_document, id)) return std::string(k_own_state_dict);
    const auto* const kind = object_kind(type);
    if (kind != nullptr && kind->prefix != "__main__.") return std::string(kind->what);
    if (m_document.kind(id) == Kind::global) return "a class or function of the code that saved it, by its name";
    if (!m_document.items(id).empty()) return "a dict or list of the saving code's own class";
    const auto arguments = m_document.items(m_document.arguments(id));
    const auto is_plain = [&](Id value) {
      const auto of = m_document.kind(value);
      return of == Kind::text || of == Kind::integer || of == Kind::real;
    };
    if (!attributes && arguments.size() == 1 && is_plain(arguments[0]))
      return "a member of an enum, or another plain value, of the saving code's own class";
    return "an object of the saving code's own class";
  }

  const Document& m_document;
  std::vector<Place> m_pending;
  std::unordered_set<Id> m_seen;
  std::set<std::string> m_types;
  std::vector<HeldObject> m_found;
};

std::string join_some(const std::vector<std::string>& names, std::size_t most) {
  const std::span shown(names.data(), std::min(names.size(), most));
  auto text = fmt::format("{}", fmt::join(shown, ", "));
  if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
  return text;
}

/// Classes and functions on no list, and the packages that provide them, but PyTorch and Python.
std::vector<std::string> foreign_names(const Document& document, std::set<std::string>& packages) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const auto& global : document.globals()) {
    if (global.known != nullptr || global.module.empty()) continue;
    auto name = escape_unprintable(dotted(global));
    if (seen.insert(name).second) names.push_back(std::move(name));
    const auto package = global.module.substr(0, global.module.find('.'));
    if (package != "torch" && package != "builtins" && package != "__builtin__" && package != "__main__")
      packages.insert(escape_unprintable(package));
  }
  return names;
}

Error whole_model_error(const Document& document, const std::string& where, const HeldObject& model) {
  std::set<std::string> packages;
  const auto names = foreign_names(document, packages);
  const std::vector<std::string> own(packages.begin(), packages.end());
  const auto code =
      own.empty() ? std::string("PyTorch of the same version") : fmt::format("the code of {}", join_some(own, 12));
  return {ErrorKind::unsupported, where,
          fmt::format("a whole model was pickled, not its state dict{}; to load it Python needs {}, all as they were "
                      "when it was saved: a newer PyTorch or model looks for attributes that the pickle lacks "
                      "(\"'Upsample' object has no attribute 'recompute_scale_factor'\")",
                      model.path == "." ? "" : fmt::format(" (entry {})", escape_unprintable(model.path)),
                      join_some(names, 12)),
          fmt::format("where it was made, with {} at hand: torch.save(torch.load(FILE, weights_only=False){}"
                      ".state_dict(), OUT)",
                      code, model.subscript)};
}

std::string describe(std::span<const HeldObject> objects) {
  constexpr std::size_t k_most = 6;
  std::vector<std::string> texts;
  for (const auto& [path, type, what, subscript] : objects) {
    texts.push_back(fmt::format("{} is {} ({})", path == "." ? "the whole" : escape_unprintable(path), what,
                                escape_unprintable(type)));
  }
  return join_some(texts, k_most);
}

/// What to keep in the place of each, where the table knows.
std::string instead_of(std::span<const HeldObject> objects) {
  std::vector<std::string> texts;
  for (const auto& [path, type, what, subscript] : objects) {
    const auto* const kind = object_kind(type);
    if (kind == nullptr || kind->instead.empty() || texts.size() >= 3) continue;
    texts.push_back(fmt::format("{} for {}", kind->instead, escape_unprintable(path)));
  }
  return texts.empty() ? "" : fmt::format("; what is wanted beside them can be saved as plain values: {}",
                                          fmt::join(texts, ", "));
}

bool lies_in(const HeldObject& object, const Entry& entry) {
  const auto& path = entry.candidate.entry;
  return path == "." || object.path == path || object.path.starts_with(path + '.');
}

std::string save_weights(const Entry& chosen, std::span<const HeldObject> objects) {
  const auto loaded = fmt::format("torch.load(FILE, weights_only=False){}", chosen.subscript);
  const bool mixed = std::ranges::any_of(objects, [&](const HeldObject& object) { return lies_in(object, chosen); });
  if (!mixed) return fmt::format("torch.save({}, OUT)", loaded);
  return fmt::format("torch.save({{k: v for k, v in {}.items() if isinstance(v, torch.Tensor)}}, OUT)", loaded);
}

}  // namespace

bool has_foreign(const Document& document) {
  return std::ranges::any_of(document.globals(), [](const Global& global) { return global.known == nullptr; });
}

std::vector<HeldObject> find_objects(const Document& document) { return ObjectFinder(document).run(); }

Error objects_error(const Document& document, const std::string& where, std::span<const HeldObject> objects,
                    const Entry* chosen) {
  const auto model = std::ranges::find(objects, "a whole model", &HeldObject::what);
  if (chosen == nullptr && model != objects.end()) return whole_model_error(document, where, *model);
  std::set<std::string> packages;
  (void)foreign_names(document, packages);
  const std::vector<std::string> own(packages.begin(), packages.end());
  const auto with = own.empty() ? std::string() : fmt::format(", with {} at hand", join_some(own, 6));
  const auto own_dict = std::ranges::find(objects, k_own_state_dict, &HeldObject::what);
  if (chosen == nullptr && own_dict != objects.end()) {
    return {ErrorKind::unsupported, where,
            fmt::format("the state dict must be a plain dict: {}; torch.load(weights_only=True), the default since torch "
                        "2.6, refuses its class",
                        describe(objects)),
            fmt::format("make a plain dict of it, where the file is trusted{}: torch.save(dict(torch.load(FILE, "
                        "weights_only=False){}), OUT)",
                        with, own_dict->subscript)};
  }
  if (chosen == nullptr) {
    return {ErrorKind::unsupported, where,
            fmt::format("the file holds no state dict, but Python objects: {}; torch.load(weights_only=True), the "
                        "default since torch 2.6, refuses them",
                        describe(objects)),
            fmt::format("where it was made{}: take the weights out of them, and save these with torch.save{}", with,
                        instead_of(objects))};
  }
  return {ErrorKind::unsupported, where,
          fmt::format("beside tensors the file holds Python objects: {}; torch.load(weights_only=True), the default "
                      "since torch 2.6, refuses them too",
                      describe(objects)),
          fmt::format("save the tensors alone, where the file is trusted{}: {}{}", with, save_weights(*chosen, objects),
                      instead_of(objects))};
}

}  // namespace goldseal::pickle
