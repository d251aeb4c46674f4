// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Members of a signed document in JSON, each of the type that its format says. Every refusal names the member by its whole
// path, what was expected and what was found.
namespace goldseal::signing {

/// `value` and `path` of its functions belong together: the path of an object ends with a dot, that of the document is
/// empty. What they return refers to `value`.
class JsonFields {
 public:
  using json = nlohmann::json;

  /// `where`: the document as errors name it. `remedy`: what to do about one that is not as its format says; it outlives
  /// this.
  JsonFields(std::string where, const char* remedy) : m_where(std::move(where)), m_remedy(remedy) {}

  [[nodiscard]] const json& member(const json& value, const std::string& path, const char* name) const;
  [[nodiscard]] const json& object(const json& value, const std::string& path, const char* name) const;
  [[nodiscard]] const json& array(const json& value, const std::string& path, const char* name) const;
  [[nodiscard]] std::string text(const json& value, const std::string& path, const char* name) const;
  [[nodiscard]] bool boolean(const json& value, const std::string& path, const char* name) const;
  /// Empty where there is no such member, or null.
  [[nodiscard]] std::vector<std::string> texts_or_empty(const json& value, const std::string& path, const char* name) const;
  /// Refuses what is no object, and a member that is not among `known`. `what`: the object as errors name it.
  void require_members(const json& value, std::string_view what, std::initializer_list<std::string_view> known) const;

  /// Throws Error{malformed}.
  [[noreturn]] void refuse(std::string message) const;
  /// Throws Error{unsupported}: it may be right, and is not judged here.
  [[noreturn]] void decline(std::string message) const;

  [[nodiscard]] const std::string& where() const { return m_where; }

  /// A value of the document as messages show it: a text escaped and bounded, of others the type.
  [[nodiscard]] static std::string shown(const json& value);

 private:
  std::string m_where;
  const char* m_remedy;
};

}  // namespace goldseal::signing
