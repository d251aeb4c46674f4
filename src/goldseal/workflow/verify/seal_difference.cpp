// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/seal_difference.hpp>

#include <goldseal/checkpoint/contents/summary.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <string>
#include <utility>

namespace goldseal {
namespace {

// Values as a person reads them, under names that both seals can have.
using Named = std::map<std::string, std::string>;

DifferenceSection compare(std::string title, const Named& before, const Named& after) {
  DifferenceSection section{std::move(title), {}};
  auto names = before;
  names.insert(after.begin(), after.end());
  for (const auto& [name, unused] : names) {
    const auto a = before.find(name);
    const auto b = after.find(name);
    const auto shown = [](const Named& side, auto entry) {
      return entry == side.end() ? std::nullopt : std::optional(entry->second);
    };
    auto fact = FactDifference{name, shown(before, a), shown(after, b), ""};
    if (fact.before != fact.after) section.facts.push_back(std::move(fact));
  }
  return section;
}

std::string short_digest(const Digest& digest) { return to_hex(digest).substr(0, 16); }

std::string type_and_shape(const TensorRecord& tensor) {
  return fmt::format("{} {}", to_string(tensor.dtype), format_shape(tensor.shape));
}

// --- weights ---------------------------------------------------------------------------------------------------------

using Tensors = std::map<std::string_view, const TensorRecord*>;

Tensors tensors_of(const Manifest& manifest) {
  Tensors tensors;
  for (const auto& tensor : manifest.model.tensors) tensors.emplace(tensor.name, &tensor);
  return tensors;
}

bool has_form_of(const TensorRecord& one, const TensorRecord& other) {
  return one.dtype == other.dtype && one.shape == other.shape;
}

FactDifference changed_tensor(const TensorRecord& before, const TensorRecord& after) {
  const std::string name(before.name);
  if (!has_form_of(before, after))
    return {name, type_and_shape(before), type_and_shape(after), before.dtype != after.dtype ? "type" : "shape"};
  if (before.sha256 != after.sha256)
    return {name, "sha256 " + short_digest(before.sha256), "sha256 " + short_digest(after.sha256), "values"};
  return {name, before.alias_of.empty() ? "memory of its own" : "shares that of " + before.alias_of,
          after.alias_of.empty() ? "memory of its own" : "shares that of " + after.alias_of, "memory"};
}

// Missing and added tensors first, then other shapes and types, then other values.
DifferenceSection weights(const Manifest& before, const Manifest& after) {
  const auto a = tensors_of(before);
  const auto b = tensors_of(after);
  std::vector<FactDifference> absent;
  std::vector<FactDifference> formed;
  std::vector<FactDifference> valued;
  for (const auto& tensor : before.model.tensors) {
    const auto other = b.find(tensor.name);
    if (other == b.end()) {
      absent.push_back({tensor.name, type_and_shape(tensor), std::nullopt, ""});
    } else if (!(tensor == *other->second)) {
      auto& changes = has_form_of(tensor, *other->second) ? valued : formed;
      changes.push_back(changed_tensor(tensor, *other->second));
    }
  }
  for (const auto& tensor : after.model.tensors) {
    if (!a.contains(tensor.name)) absent.push_back({tensor.name, std::nullopt, type_and_shape(tensor), ""});
  }
  DifferenceSection section{"Weights", std::move(absent)};
  section.facts.insert(section.facts.end(), formed.begin(), formed.end());
  section.facts.insert(section.facts.end(), valued.begin(), valued.end());
  return section;
}

// --- the rest --------------------------------------------------------------------------------------------------------

Named network(const ModelRecord& model) {
  Named named{{"model", fmt::format("{}:{}", to_string(model.builder), model.source)}};
  for (const auto& [name, value] : model.options) named.emplace("option " + name, value);
  for (const auto& [name, value] : model.configuration) named.emplace(name, value);
  for (const auto& [name, value] : model.choices) named.emplace(name, value);
  return named;
}

Named golden(const Manifest& manifest) {
  Named named{{"golden.safetensors", "sha256 " + short_digest(manifest.golden_sha256)}};
  for (const auto& each : manifest.golden) {
    const auto add = [&](std::string_view what, std::string value) {
      named.emplace(fmt::format("{}/{}", each.name, what), std::move(value));
    };
    add("repeatable", each.repeatable ? "true" : "false");
    add("depth", each.quick ? "quick" : "full");
    add("probes", fmt::format("{}", each.probes));
    add("seeds", fmt::format("{}", fmt::join(each.seeds, ", ")));
    for (const auto& input : each.inputs)
      add("input " + input.name,
          fmt::format("{} {} from {}", to_string(input.dtype), format_shape(input.shape), input.source));
    for (const auto& output : each.outputs)
      add("output " + output.name, fmt::format("{} {}", to_string(output.dtype), format_shape(output.shape)));
    for (const auto& noise : each.noise)
      add("noise of " + noise.output,
          fmt::format("response {:.3g}, amplification {:.3g} (worst element {:.3g}), linearity {:.3g}",
                      noise.response_rms, noise.rms_amplification, noise.max_amplification, noise.linearity));
  }
  return named;
}

Named files(const Manifest& manifest) {
  const auto& model = manifest.model;
  Named named{{"container", to_string(model.container)},
              {"entry", model.entry},
              {"saved from", fmt::format("{}", fmt::join(model.locations, ", "))},
              {"removed segments", fmt::format("{}", fmt::join(model.removed_segments, "."))},
              {"format", fmt::format("{}", manifest.format)},
              {"goldseal", manifest.goldseal}};
  for (const auto& file : model.files) {
    // Of these there are many: each is told apart by its path.
    const bool one_of_many = file.role == FileRole::description || file.role == FileRole::source;
    const auto name = one_of_many ? fmt::format("{} {}", to_string(file.role), file.path) : std::string(to_string(file.role));
    named.emplace(name + " path", file.path);
    named.emplace(name + " bytes", fmt::format("{}", file.bytes));
    named.emplace(name + " sha256", short_digest(file.sha256));
    for (const auto& [key, value] : file.values) named.emplace(fmt::format("{} {}", name, key), value);
  }
  return named;
}

}  // namespace

std::vector<DifferenceSection> seal_difference(const Manifest& before, const Manifest& after) {
  std::vector<DifferenceSection> sections{
      weights(before, after), compare("Network", network(before.model), network(after.model)),
      compare("Golden cases", golden(before), golden(after)), compare("Files", files(before), files(after))};
  std::erase_if(sections, [](const auto& section) { return section.facts.empty(); });
  return sections;
}

}  // namespace goldseal
