// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/model_statement.hpp>

#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/signing/json_fields.hpp>
#include <goldseal/signing/resource_name.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <set>
#include <utility>

namespace goldseal::signing {
namespace {

using nlohmann::json;

constexpr std::string_view k_statement_type = "https://in-toto.io/Statement/v1";
constexpr const char* k_remedy = "have the model signed again by the tool that signed it";
constexpr JsonLimits k_limits{32U << 20U, 16};

std::string hex(const std::vector<std::uint8_t>& bytes) { return fmt::format("{:02x}", fmt::join(bytes, "")); }

std::optional<std::vector<std::uint8_t>> parse_hex(std::string_view text) {
  std::vector<std::uint8_t> bytes;
  if (text.empty() || text.size() % 2 != 0) return std::nullopt;
  for (std::size_t at = 0; at < text.size(); at += 2) {
    std::uint8_t byte = 0;
    const auto pair = text.substr(at, 2);
    if (pair.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
    std::from_chars(pair.data(), pair.data() + 2, byte, 16);
    bytes.push_back(byte);
  }
  return bytes;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end ? std::optional(value) : std::nullopt;
}

class StatementReader : JsonFields {
 public:
  explicit StatementReader(const std::string& where) : JsonFields(where + ": the signed statement", k_remedy) {}

  ModelStatement read(const json& document) {
    const auto type = text(document, "", "_type");
    if (type != k_statement_type) refuse(fmt::format("_type: expected {}, found {}", k_statement_type, shown(type)));
    require_predicate(text(document, "", "predicateType"));
    const auto& predicate = object(document, "", "predicate");
    read_serialization(object(predicate, "predicate.", "serialization"));
    read_resources(array(predicate, "predicate.", "resources"));
    require_root(array(document, "", "subject"));
    return std::move(m_statement);
  }

 private:
  void require_predicate(const std::string& type) const {
    if (type == k_model_predicate) return;
    if (type == k_old_predicate)
      decline(fmt::format("predicateType: expected {}, found version 0.2 of model signing ({})", k_model_predicate, type));
    decline(fmt::format("predicateType: expected {}, a model's signature; found {}", k_model_predicate, shown(type)));
  }

  void read_serialization(const json& value) {
    const std::string path = "predicate.serialization.";
    const auto method = text(value, path, "method");
    m_shards = method == "shards";
    if (!m_shards && method != "files") decline(fmt::format("{}method: expected files or shards, found {}", path, shown(method)));
    m_statement.hash = text(value, path, "hash_type");
    if (m_statement.hash != "sha256")
      decline(fmt::format("{}hash_type: expected sha256, found {}", path, shown(m_statement.hash)));
    m_statement.allow_symlinks = boolean(value, path, "allow_symlinks");
    m_statement.ignored = texts_or_empty(value, path, "ignore_paths");
  }

  void read_resources(const json& resources) {
    if (resources.empty()) refuse("predicate.resources: expected at least one file, found none");
    for (std::size_t i = 0; i < resources.size(); ++i) read_resource(resources[i], fmt::format("predicate.resources[{}].", i));
    std::set<std::string> names;
    for (const auto& resource : m_statement.resources) {
      auto key = resource.shard ? fmt::format("{}:{}", resource.name, resource.shard->begin) : resource.name;
      if (!names.insert(std::move(key)).second)
        refuse(fmt::format("predicate.resources: the name {} stands twice", shown(resource.name)));
    }
  }

  void read_resource(const json& value, const std::string& path) {
    Resource resource;
    resource.name = text(value, path, "name");
    if (m_shards) read_range(resource, path);
    const bool alone = resource.name == ".";
    const auto fault = alone ? std::string() : fault_of_name(resource.name);
    if (!fault.empty()) refuse(fmt::format("{}name: expected a file of the model, found {}: {}", path, shown(resource.name), fault));
    // The specification writes sha256 for a shard, the reference implementation sha256-sharded-SIZE.
    const auto algorithm = text(value, path, "algorithm");
    if (algorithm != m_statement.hash && !(m_shards && algorithm.starts_with(m_statement.hash + "-sharded-")))
      refuse(fmt::format("{}algorithm: expected {}, found {}", path, m_statement.hash, shown(algorithm)));
    auto digest = parse_hex(text(value, path, "digest"));
    if (!digest || digest->size() != sizeof(Digest))
      refuse(path + "digest: expected 64 lower-case hexadecimal digits");
    resource.digest = std::move(*digest);
    m_statement.resources.push_back(std::move(resource));
  }

  // `path:begin:end`, from the right: a path may hold colons.
  void read_range(Resource& resource, const std::string& path) const {
    const std::string name = resource.name;
    const auto second = name.rfind(':');
    const auto first = second == std::string::npos || second == 0 ? std::string::npos : name.rfind(':', second - 1);
    const auto begin = first == std::string::npos ? std::nullopt : parse_number(std::string_view(name).substr(first + 1, second - first - 1));
    const auto end = first == std::string::npos ? std::nullopt : parse_number(std::string_view(name).substr(second + 1));
    if (!begin || !end || *begin > *end)
      refuse(fmt::format("{}name: expected PATH:BEGIN:END, found {}", path, shown(name)));
    resource.name = name.substr(0, first);
    resource.shard = Resource::Range{*begin, *end};
  }

  void require_root(const json& subjects) {
    if (subjects.size() != 1) refuse(fmt::format("subject: expected one, found {}", subjects.size()));
    const auto& subject = subjects.front();
    m_statement.subject = subject.is_object() && subject.contains("name") ? text(subject, "subject[0].", "name") : "";
    const auto found = text(object(subject, "subject[0].", "digest"), "subject[0].digest.", "sha256");
    const auto root = to_hex(root_of(m_statement));
    if (found != root)
      refuse(fmt::format("subject[0].digest.sha256: expected the digest over the resources, {}; found {}", root, shown(found)));
  }

  bool m_shards = false;
  ModelStatement m_statement;
};

}  // namespace

Digest root_of(const ModelStatement& statement) {
  Sha256 sha;
  for (const auto& resource : statement.resources) sha.update(std::as_bytes(std::span(resource.digest)));
  return sha.finish();
}

std::string write_model_statement(const ModelStatement& statement) {
  nlohmann::ordered_json document;
  document["_type"] = k_statement_type;
  document["subject"] = {{{"name", statement.subject}, {"digest", {{"sha256", to_hex(root_of(statement))}}}}};
  document["predicateType"] = k_model_predicate;
  auto& resources = document["predicate"]["resources"] = nlohmann::ordered_json::array();
  for (const auto& resource : statement.resources)
    resources.push_back({{"name", resource.name}, {"algorithm", statement.hash}, {"digest", hex(resource.digest)}});
  document["predicate"]["serialization"] = {{"method", "files"},
                                            {"hash_type", statement.hash},
                                            {"allow_symlinks", statement.allow_symlinks},
                                            {"ignore_paths", statement.ignored}};
  return document.dump();
}

ModelStatement read_model_statement(std::string_view payload, const std::string& where) {
  return StatementReader(where).read(parse_json(payload, where + ": the signed statement", k_limits, k_remedy));
}

bool looks_like_old_statement(std::string_view payload) {
  try {
    const auto document = parse_json(payload, "", k_limits);
    return document.is_object() && document.value("predicateType", "") == k_old_predicate;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace goldseal::signing
