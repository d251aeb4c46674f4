// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/state_dict/same_tensors.hpp>

#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>

#include <algorithm>
#include <span>
#include <string_view>

namespace goldseal::pickle {
namespace {

bool same_numbers(const Document& document, Id a, Id b) {
  if (document.kind(a) != document.kind(b)) return false;
  if (document.kind(a) == Kind::integer) return document.integer(a) == document.integer(b);
  if (document.kind(a) != Kind::tuple || document.items(a).size() != document.items(b).size()) return false;
  return std::ranges::equal(document.items(a), document.items(b), [&](Id x, Id y) {
    return document.kind(x) == Kind::integer && document.kind(y) == Kind::integer &&
           document.integer(x) == document.integer(y);
  });
}

/// A storage's persistent id, ('storage', class, key, …), names it by its key and what it holds by its class.
bool same_storage(const Document& document, Id a, Id b) {
  if (document.kind(a) != Kind::persistent || document.kind(b) != Kind::persistent) return false;
  const auto key = [&](Id id) {
    const auto described = document.persistent(id);
    const auto parts = document.kind(described) == Kind::tuple ? document.items(described) : std::span<const Id>();
    return parts.size() > 2 && document.kind(parts[2]) == Kind::text ? document.text(parts[2]) : std::string_view{};
  };
  return !key(a).empty() && key(a) == key(b);
}

/// True where both are the same view of one storage: (storage, offset, size, stride, …).
bool same_tensor(const Document& document, Id a, Id b) {
  if (a == b) return true;
  const auto parts = [&](Id id) { return document.items(document.arguments(id)); };
  const auto inner = [&](Id id) {  // of a parameter: (tensor, …)
    const auto first = document.kind(document.arguments(id)) == Kind::tuple ? parts(id) : std::span<const Id>();
    return !first.empty() && is_tensor(document, first[0]) ? first[0] : id;
  };
  a = inner(a);
  b = inner(b);
  for (const auto id : {a, b}) {
    if (document.kind(document.arguments(id)) != Kind::tuple || parts(id).size() < 4) return false;
  }
  const auto x = parts(a);
  const auto y = parts(b);
  return same_storage(document, x[0], y[0]) && same_numbers(document, x[1], y[1]) &&
         same_numbers(document, x[2], y[2]) && same_numbers(document, x[3], y[3]);
}

}  // namespace

bool same_tensors(const Document& document, Id a, Id b) {
  if (!document.is_mapping(a) || !document.is_mapping(b)) return false;
  const auto x = document.items(a);
  const auto y = document.items(b);
  if (x.size() != y.size()) return false;
  for (std::size_t i = 0; i < x.size(); i += 2) {
    const bool names = document.kind(x[i]) == Kind::text && document.kind(y[i]) == Kind::text &&
                       document.text(x[i]) == document.text(y[i]);
    if (!names || is_tensor(document, x[i + 1]) != is_tensor(document, y[i + 1])) return false;
    if (is_tensor(document, x[i + 1]) && !same_tensor(document, x[i + 1], y[i + 1])) return false;
  }
  return true;
}

}  // namespace goldseal::pickle
