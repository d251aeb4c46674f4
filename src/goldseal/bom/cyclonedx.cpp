// SPDX-License-Identifier: Apache-2.0
#include <goldseal/bom/cyclonedx.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/version.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <set>
#include <utility>
#include <vector>

namespace goldseal::bom {
namespace {

using Json = nlohmann::ordered_json;

Json hash_of(const Digest& digest) {
  Json hash;
  hash["alg"] = "SHA-256";
  hash["content"] = to_hex(digest);
  return hash;
}

void add_property(Json& owner, std::string_view name, std::string value) {
  if (value.empty()) return;
  Json property;
  property["name"] = fmt::format("goldseal:{}", name);
  property["value"] = to_utf8(std::move(value));
  owner["properties"].push_back(std::move(property));
}

// A name that differs from seal to seal and stays the same for one: version 8 of RFC 9562, made of the seal's digest.
std::string serial_number(const Digest& root) {
  auto bytes = root.bytes;
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0FU) | 0x80U);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3FU) | 0x80U);
  const auto hex = to_hex(Digest{bytes});
  return fmt::format("urn:uuid:{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4), hex.substr(20, 12));
}

Digest over_tensors(const ModelRecord& model) {
  Sha256 sha;
  for (const auto& tensor : model.tensors) sha.update(std::as_bytes(std::span(tensor.sha256.bytes)));
  return sha.finish();
}

std::string format_of(const GoldenTensor& tensor) {
  return fmt::format("{}[{}] {}", to_string(tensor.dtype), fmt::join(tensor.shape, ","), to_utf8(tensor.name));
}

Json formats(const std::vector<GoldenCase>& cases, std::vector<GoldenTensor> GoldenCase::* tensors) {
  auto list = Json::array();
  std::set<std::string> seen;
  for (const auto& golden : cases) {
    for (const auto& tensor : golden.*tensors) {
      auto format = format_of(tensor);
      if (!seen.insert(format).second) continue;
      Json entry;
      entry["format"] = std::move(format);
      list.push_back(std::move(entry));
    }
  }
  return list;
}

std::string architecture_of(const ModelRecord& model) {
  return to_utf8(fmt::format("{}:{}", to_string(model.builder), model.source));
}

const FileRecord* checkpoint_of(const ModelRecord& model) {
  for (const auto& file : model.files)
    if (file.role == FileRole::checkpoint) return &file;
  return nullptr;
}

std::string model_name(const Manifest& manifest, const SealFiles& files) {
  const auto* const checkpoint = checkpoint_of(manifest.model);
  const auto name = checkpoint == nullptr ? files.name : std::filesystem::path(checkpoint->path).stem().string();
  return to_utf8(name.empty() ? "model" : name);
}

Json reference(std::string_view type, std::string_view url, const Digest& digest, std::string_view comment) {
  Json entry;
  entry["type"] = type;
  entry["url"] = url;
  entry["comment"] = comment;
  entry["hashes"] = Json::array({hash_of(digest)});
  return entry;
}

Json model_of(const Manifest& manifest, const SealFiles& files) {
  Json model;
  model["type"] = "machine-learning-model";
  model["bom-ref"] = "model";
  model["name"] = model_name(manifest, files);
  model["hashes"] = Json::array({hash_of(over_tensors(manifest.model))});
  auto& card = model["modelCard"];
  card["bom-ref"] = "model-card";
  auto& parameters = card["modelParameters"];
  parameters["modelArchitecture"] = architecture_of(manifest.model);
  parameters["inputs"] = formats(manifest.golden, &GoldenCase::inputs);
  parameters["outputs"] = formats(manifest.golden, &GoldenCase::outputs);
  model["externalReferences"] = Json::array(
      {reference("evidence", "manifest.toml", files.manifest_sha256, "the seal: digests of every tensor, golden inputs and outputs"),
       reference("evidence", k_golden_name, manifest.golden_sha256, "golden inputs, and the outputs they have to give")});
  if (files.signature)
    model["externalReferences"].push_back(
        reference("digital-signature", "model.sig", *files.signature, "who made the seal (OpenSSF Model Signing)"));
  add_property(model, "hash", "SHA-256 over the digests of the tensors, in the order of the state dict");
  add_property(model, "seal.root", to_hex(files.root));
  add_property(model, "tensors", fmt::format("{}", manifest.model.tensors.size()));
  add_property(model, "container", std::string(to_string(manifest.model.container)));
  add_property(model, "golden.cases", fmt::format("{}", manifest.golden.size()));
  for (const auto& [name, value] : manifest.model.options) add_property(model, fmt::format("option.{}", to_utf8(name)), value);
  return model;
}

// The components, and a reference to each for the model's dependencies.
class Components {
 public:
  explicit Components(const Manifest& manifest) : m_manifest(manifest), m_environment(manifest.environment) {}

  Json list() {
    for (std::size_t i = 0; i < m_manifest.model.files.size(); ++i) add_file(m_manifest.model.files[i], i);
    add_framework();
    for (int i = 0; m_environment.has(fmt::format("gpu.{}.name", i)); ++i) add_gpu(i);
    if (const auto version = m_environment.shown("driver.version"); !version.empty())
      add("driver", "device-driver", "NVIDIA driver", version);
    if (const auto model = m_environment.shown("cpu.model"); !model.empty()) add("cpu", "device", model, "");
    if (const auto os = m_environment.shown("host.os"); !os.empty()) add("os", "operating-system", os, m_environment.shown("host.os_version"));
    return std::move(m_list);
  }

 private:
  Json& add(std::string ref, std::string_view type, std::string name, std::string version) {
    Json component;
    component["type"] = type;
    component["bom-ref"] = std::move(ref);
    component["name"] = to_utf8(std::move(name));
    if (!version.empty()) component["version"] = to_utf8(std::move(version));
    m_list.push_back(std::move(component));
    return m_list.back();
  }

  void add_file(const FileRecord& file, std::size_t index) {
    auto& component = add(fmt::format("file-{}", index), "file", file.path, "");
    component["hashes"] = Json::array({hash_of(file.sha256)});
    add_property(component, "role", std::string(to_string(file.role)));
    add_property(component, "bytes", fmt::format("{}", file.bytes));
  }

  void add_framework() {
    const auto version = m_environment.shown("torch.version");
    if (version.empty()) return;
    auto& torch = add("torch", "framework", "torch", version);
    std::string escaped;
    for (const char c : version) escaped += c == '+' ? "%2B" : std::string(1, c);
    if (version.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-_") == std::string::npos)
      torch["purl"] = fmt::format("pkg:pypi/torch@{}", escaped);
    for (const auto* const fact : {"torch.cuda", "torch.cudnn", "torch.blas"}) add_property(torch, fact, m_environment.shown(fact));
  }

  void add_gpu(int index) {
    const auto fact = [&](std::string_view name) { return m_environment.shown(fmt::format("gpu.{}.{}", index, name)); };
    auto& gpu = add(fmt::format("gpu-{}", index), "device", fact("name"), "");
    add_property(gpu, "capability", fact("capability"));
  }

  const Manifest& m_manifest;
  const Environment& m_environment;
  Json m_list = Json::array();
};

// How the golden outputs came about: the inputs, and the settings that decide how the machine rounds.
Json formulation(const Manifest& manifest) {
  Json formula;
  formula["bom-ref"] = "capture";
  formula["components"] = Json::array();
  for (const auto& golden : manifest.golden) {
    for (const auto& input : golden.inputs) {
      Json component;
      component["type"] = "data";
      component["bom-ref"] = to_utf8(fmt::format("input-{}-{}", golden.name, input.name));
      component["name"] = to_utf8(fmt::format("{}/{}", golden.name, input.name));
      Json data;
      data["type"] = "dataset";
      data["name"] = format_of(input);
      component["data"] = Json::array({std::move(data)});
      add_property(component, "source", input.source);
      add_property(component, "preprocess", input.preprocess);
      formula["components"].push_back(std::move(component));
    }
  }
  for (const auto& [name, fact] : manifest.environment.facts())
    if (name.starts_with("numerics.")) add_property(formula, name, to_string(fact.value));
  return Json::array({std::move(formula)});
}

Json metadata(const Manifest& manifest, const SealFiles& files) {
  Json metadata;
  metadata["timestamp"] = manifest.created;
  Json tool;
  tool["type"] = "application";
  tool["name"] = "goldseal";
  tool["version"] = k_version;
  metadata["tools"]["components"] = Json::array({std::move(tool)});
  metadata["component"] = model_of(manifest, files);
  add_property(metadata, "seal.written-by", "goldseal " + manifest.goldseal);
  return metadata;
}

}  // namespace

nlohmann::ordered_json cyclonedx(const Manifest& manifest, const SealFiles& files) {
  Json document;
  document["bomFormat"] = "CycloneDX";
  document["specVersion"] = k_spec_version;
  document["serialNumber"] = serial_number(files.root);
  document["version"] = 1;
  document["metadata"] = metadata(manifest, files);
  document["components"] = Components(manifest).list();
  Json depends;
  depends["ref"] = "model";
  depends["dependsOn"] = Json::array();
  for (const auto& component : document["components"]) depends["dependsOn"].push_back(component["bom-ref"]);
  document["dependencies"] = Json::array({std::move(depends)});
  document["formulation"] = formulation(manifest);
  return document;
}

}  // namespace goldseal::bom
