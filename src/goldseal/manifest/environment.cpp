// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/environment.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <type_traits>
#include <utility>

namespace goldseal {
namespace {

template <typename T>
std::optional<T> value_as(const Fact* fact) {
  if (fact == nullptr || !std::holds_alternative<T>(fact->value)) return std::nullopt;
  return std::get<T>(fact->value);
}

FactValue in_utf8(FactValue value) {
  if (auto* const text = std::get_if<std::string>(&value)) *text = to_utf8(std::move(*text));
  if (auto* const texts = std::get_if<std::vector<std::string>>(&value)) {
    for (auto& text : *texts) text = to_utf8(std::move(text));
  }
  return value;
}

}  // namespace

bool is_serving_device(std::string_view device) { return device == k_serves_on_cpu || device == k_serves_on_cuda; }

std::string to_string(const FactValue& value) {
  return std::visit(
      [](const auto& v) {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::vector<std::string>>) {
          return fmt::format("{}", fmt::join(v, ", "));
        } else {
          return fmt::format("{}", v);
        }
      },
      value);
}

void Environment::set(std::string name, FactValue value, std::string origin) {
  m_facts.insert_or_assign(to_utf8(std::move(name)), Fact{in_utf8(std::move(value)), to_utf8(std::move(origin))});
}

void Environment::merge(const Environment& other) {
  for (const auto& [name, fact] : other.m_facts) m_facts.insert_or_assign(name, fact);
}

void Environment::forget(std::string_view prefix) {
  std::erase_if(m_facts, [&](const auto& entry) {
    return prefix.ends_with('.') ? entry.first.starts_with(prefix) : entry.first == prefix;
  });
}

const Fact* Environment::find(std::string_view name) const {
  const auto found = m_facts.find(name);
  return found == m_facts.end() ? nullptr : &found->second;
}

std::optional<std::string> Environment::text(std::string_view name) const { return value_as<std::string>(find(name)); }
std::optional<std::int64_t> Environment::integer(std::string_view name) const {
  return value_as<std::int64_t>(find(name));
}
std::optional<bool> Environment::boolean(std::string_view name) const { return value_as<bool>(find(name)); }
std::optional<std::vector<std::string>> Environment::list(std::string_view name) const {
  return value_as<std::vector<std::string>>(find(name));
}

std::string Environment::shown(std::string_view name) const {
  const auto* const fact = find(name);
  return fact == nullptr ? std::string() : to_string(fact->value);
}

}  // namespace goldseal
