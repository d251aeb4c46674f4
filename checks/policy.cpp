// SPDX-License-Identifier: Apache-2.0
#include <checks/policy.hpp>

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/files/argument_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/manifest/toml_text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <utility>

namespace goldseal {
namespace {

constexpr std::uint64_t k_max_policy_bytes = 1U << 20U;
constexpr std::string_view k_shipped = "policy ";  // what errors call one that ships with goldseal
constexpr int k_max_extends = 8;  // a chain longer than this is a circle

const std::map<std::string, int, std::less<>>& precisions() {
  static const std::map<std::string, int, std::less<>> names{
      {"float32", 24}, {"tf32", 11}, {"float16", 11}, {"bfloat16", 8}};
  return names;
}

std::string meant(std::string_view found, const auto& names) {
  const auto near = did_you_mean(found, std::vector<std::string>(names.begin(), names.end()));
  return near ? fmt::format("did you mean {}?", *near) : std::string();
}

class PolicyReader {
 public:
  PolicyReader(const std::string& where, int depth, bool shipped)
      : m_where(where), m_depth(depth), m_shipped(shipped) {}

  Policy read(std::string_view text) {
    auto policy = read_document(text);
    policy.sources.emplace_back(policy.name, to_hex(sha256(text)));
    return policy;
  }

 private:
  Policy read_document(std::string_view text) {
    const auto document = parse_toml(text, m_where);
    TomlReader top(document, "", m_where);
    const auto* const head = top.table("policy");
    if (head == nullptr) refuse(document, "expected a [policy] table, found none");
    read_head(*head);
    if (const auto* const checks = top.table("checks")) read_checks(*checks);
    for (const auto* const waiver : top.tables("waiver")) read_waiver(*waiver);
    top.refuse_unknown();
    return std::move(m_policy);
  }

  [[noreturn]] void refuse(const toml::node& node, std::string message, std::string remedy = {}) const {
    throw Error(ErrorKind::usage, fmt::format("{}:{}", m_where, node.source().begin.line), std::move(message),
                std::move(remedy));
  }

  // An empty value says less than none: a template whose variable was not set would lift what the policy is to ask for.
  void require_values(const toml::table& table) const {
    const auto empty = [](const toml::node& node) { return node.is_string() && node.as_string()->get().empty(); };
    for (const auto& [key, node] : table) {
      const auto* const list = node.as_array();
      if (empty(node) || (list != nullptr && (list->empty() || std::ranges::any_of(*list, empty))))
        refuse(node, fmt::format("policy.{}: expected a value, found an empty one", escape_unprintable(key.str())),
               "give it, or take the line out where nothing is meant");
    }
  }

  void read_head(const toml::table& table) {
    require_values(table);
    TomlReader head(table, "policy.", m_where);
    const auto name = head.text("name");
    const auto base = head.text_or("extends", "");
    if (!base.empty()) extend(table, base);
    m_policy.name = name;
    const auto precision = head.text_or("precision", "");
    if (!precision.empty()) {
      const auto found = precisions().find(precision);
      if (found == precisions().end())
        refuse(*table.get("precision"),
               fmt::format("policy.precision: expected float32, tf32, float16 or bfloat16, found {}",
                           escape_unprintable(precision)));
      m_policy.permitted_bits = found->second;
    }
    if (const auto device = head.text_or("device", ""); !device.empty()) {
      if (!is_serving_device(device))
        refuse(*table.get("device"),
               fmt::format("policy.device: expected cpu or cuda, found {}", escape_unprintable(device)));
      m_policy.device = device;
    }
    read_signature(table, head);
    head.refuse_unknown();
  }

  void read_signature(const toml::table& table, TomlReader& head) {
    if (const auto demand = head.text_or("signature", ""); !demand.empty()) {
      const auto* const found = std::ranges::find(signing::k_demands, demand, &signing::DemandTraits::name);
      if (found == signing::k_demands.end())
        refuse(*table.get("signature"),
               fmt::format("policy.signature: expected off, warn or require, found {}", escape_unprintable(demand)));
      m_policy.signature = found->kind;
    }
    // Keys lie beside the policy that names them.
    const auto directory = m_shipped ? std::filesystem::path() : std::filesystem::path(m_where).parent_path();
    if (auto files = head.strings_or_empty("signed-by"); !files.empty()) {
      for (auto& file : files) file = (directory / file).string();
      m_policy.signed_by = std::move(files);
    }
    if (auto names = head.strings_or_empty("identity"); !names.empty()) m_policy.identities = std::move(names);
  }

  // A seal that must be signed and is not is never read, so that no severity and no waiver could soften it.
  void refuse_softening(const toml::node& node, std::string_view id) const {
    if (id == "seal.signature")
      refuse(node, "seal.signature: expected its demand in [policy], found a rule of a check",
             "write signature = \"off\", \"warn\" or \"require\" under [policy]");
  }

  void extend(const toml::table& table, const std::string& base) {
    if (m_depth >= k_max_extends) refuse(table, "policy.extends: the policies extend one another in a circle");
    const auto shipped = std::ranges::find(shipped_policies(), base, &ShippedPolicy::name);
    if (shipped != shipped_policies().end()) {
      const std::string where = fmt::format("policy {}", base);
      m_policy = PolicyReader(where, m_depth + 1, true).read(shipped->text);
      return;
    }
    const auto path = std::filesystem::path(m_where).parent_path() / base;
    if (!std::filesystem::exists(path)) {
      refuse(table, fmt::format("policy.extends: expected strict, deploy, portable or a file, found {}",
                                escape_unprintable(base)));
    }
    const auto where = path.string();
    m_policy = PolicyReader(where, m_depth + 1, false).read(read_argument_file(path, k_max_policy_bytes));
  }

  void read_checks(const toml::table& checks) {
    for (const auto& [key, node] : checks) {
      const std::string id(key.str());
      if (find_check(id) == nullptr) refuse_check(node, id);
      refuse_softening(node, id);
      const auto* const table = node.as_table();
      if (table == nullptr) refuse(node, fmt::format("checks.\"{}\": expected {{ rule = …, severity = … }}", id));
      read_check(*table, id);
    }
  }

  void read_check(const toml::table& table, const std::string& id) {
    TomlReader reader(table, fmt::format("checks.\"{}\".", id), m_where);
    auto& check = m_policy.checks[id];
    if (const auto rule = reader.text_or("rule", ""); !rule.empty()) {
      const auto kind = parse_rule_kind(rule);
      if (!kind)
        refuse(*table.get("rule"),
               fmt::format("{}rule: expected one of {}, found {}", reader.path(), fmt::join(rule_names(), ", "),
                           escape_unprintable(rule)),
               meant(rule, rule_names()));
      check.rule = Rule{*kind, {}};
    }
    if (auto values = reader.strings_or_empty("values"); !values.empty()) {
      if (!check.rule) check.rule = find_check(id)->rule;
      check.rule->values = std::move(values);
    }
    if (const auto severity = reader.text_or("severity", ""); !severity.empty()) {
      check.severity = parse_severity(severity);
      check.users_own = !m_shipped;
      if (!check.severity)
        refuse(*table.get("severity"),
               fmt::format("{}severity: expected info, warn, fail, required or integrity, found {}", reader.path(),
                           escape_unprintable(severity)),
               meant(severity, std::array{"info", "warn", "fail", "required", "integrity"}));
    }
    reader.refuse_unknown();
  }

  [[noreturn]] void refuse_check(const toml::node& node, const std::string& id) const {
    std::vector<std::string> ids;
    for (const auto& check : catalogue()) ids.emplace_back(check.id);
    const auto near = did_you_mean(id, ids);
    refuse(node, fmt::format("there is no check \"{}\"", escape_unprintable(id)),
           near ? fmt::format("did you mean \"{}\"?", *near) : "`goldseal explain --list` lists them");
  }

  void read_waiver(const toml::table& table) {
    TomlReader reader(table, "waiver.", m_where);
    Waiver waiver{reader.text("check"), reader.text("reason"), reader.day("until")};
    if (find_check(waiver.check) == nullptr) refuse_check(table, waiver.check);
    refuse_softening(table, waiver.check);
    if (waiver.reason.empty())
      refuse(*table.get("reason"), "waiver.reason: expected why the check is waived, found nothing");
    if (!is_date(waiver.until))
      refuse(*table.get("until"), fmt::format("waiver.until: expected a day such as \"2026-12-31\", found {}",
                                              escape_unprintable(waiver.until)));
    reader.refuse_unknown();
    m_policy.waivers.push_back(std::move(waiver));
  }

  static bool is_date(std::string_view text) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
    if (std::ranges::count_if(text, digit) != 8) return false;
    const auto number = [&](std::size_t at, std::size_t length) {
      return std::stoi(std::string(text.substr(at, length)));
    };
    return std::chrono::year_month_day(std::chrono::year(number(0, 4)),
                                       std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                       std::chrono::day(static_cast<unsigned>(number(8, 2))))
        .ok();
  }

  const std::string& m_where;
  int m_depth;
  bool m_shipped;
  Policy m_policy;
};

}  // namespace

Policy read_policy(std::string_view text, const std::string& where) {
  try {
    auto policy = PolicyReader(where, 0, where.starts_with(k_shipped)).read(text);
    policy.sha256 = to_hex(goldseal::sha256(text));
    return policy;
  } catch (const Error& error) {
    throw as_usage(error);  // a policy is the user's own, not evidence
  }
}

Policy load_policy(const std::string& name_or_file) {
  const auto shipped = std::ranges::find(shipped_policies(), name_or_file, &ShippedPolicy::name);
  if (shipped != shipped_policies().end()) return read_policy(shipped->text, fmt::format("{}{}", k_shipped, name_or_file));
  if (!std::filesystem::exists(name_or_file)) {
    std::vector<std::string> names;
    for (const auto& policy : shipped_policies()) names.emplace_back(policy.name);
    const auto near = did_you_mean(name_or_file, names);
    throw Error(
        ErrorKind::usage, "--policy",
        fmt::format("expected {} or a file, found {}", fmt::join(names, ", "), escape_unprintable(name_or_file)),
        near ? fmt::format("did you mean {}?", *near) : "");
  }
  return read_policy(read_argument_file(name_or_file, k_max_policy_bytes), name_or_file);
}

CheckSettings settings_for(const Policy& policy, const Check& check) {
  CheckSettings settings{check.rule, check.severity, false, policy.permitted_bits};
  const auto found = policy.checks.find(check.id);
  if (found == policy.checks.end()) return settings;
  if (found->second.rule) settings.rule = *found->second.rule;
  if (found->second.severity) settings.severity = *found->second.severity;
  settings.users_own_severity = found->second.users_own;
  return settings;
}

}  // namespace goldseal
