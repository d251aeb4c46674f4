// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/input_observation.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/images/preprocess.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace goldseal {
namespace {

// So that a report of a hundred cases stays small.
constexpr std::size_t k_most_pictures = 6;

// An input as it was sealed, its picture decoded once.
struct SealedInput {
  const HostTensor* tensor = nullptr;
  std::string title;  // CASE/NAME
  std::string source;
  std::string preprocess;
  std::optional<golden::Picture> picture;  // where it was sealed with one, and with how it became the tensor
};

SealedInput sealed_input(const golden::GoldenTensors& golden, const HostTensor& tensor, const Manifest& manifest) {
  const auto record = std::ranges::find(manifest.golden, golden.name, &GoldenCase::name);
  const auto input = std::ranges::find(record->inputs, tensor.name, &GoldenTensor::name);
  SealedInput sealed{&tensor, fmt::format("{}/{}", golden.name, tensor.name), input->source, input->preprocess,
                     std::nullopt};
  const auto* const file = find_tensor(golden.encoded, tensor.name);
  if (file != nullptr && !sealed.preprocess.empty())
    sealed.picture = golden::decode_picture(fmt::format("the sealed picture of {}", tensor.name), file->bytes);
  return sealed;
}

void show(const SealedInput& sealed, std::vector<Picture>& pictures) {
  if (sealed.picture) note_picture(*sealed.picture, fmt::format("{}: the sealed picture", sealed.title), pictures);
  note_picture(*sealed.tensor, fmt::format("{}: what the network was given", sealed.title), pictures);
}

class Inputs {
 public:
  Inputs(const std::vector<golden::GoldenTensors>& cases, const Manifest& manifest)
      : m_cases(cases), m_manifest(manifest) {}

  // Compares with the first case that has an input of that name. An unnamed input goes to the first case with one
  // input.
  void compare(const golden::InputSpec& spec) {
    for (const auto& golden : m_cases) {
      const bool only = spec.name.empty() && golden.inputs.size() == 1;
      const auto* const tensor = only ? &golden.inputs.front() : find_tensor(golden.inputs, spec.name);
      if (tensor == nullptr) continue;
      compare(spec, golden, *tensor);
      return;
    }
    refuse(spec);
  }

  // What was made by random has nothing to see in it.
  void show_others() {
    for (const auto& golden : m_cases) {
      for (const auto& tensor : golden.inputs) {
        if (m_findings.pictures.size() >= k_most_pictures) return;
        if (m_shown.contains(&tensor)) continue;
        const auto sealed = sealed_input(golden, tensor, m_manifest);
        if (!sealed.source.starts_with("random:")) show(sealed, m_findings.pictures);
      }
    }
  }

  [[nodiscard]] InputFindings finish() { return std::move(m_findings); }

 private:
  // A picture goes through the sealed preprocessing; a tensor was made by this machine's own.
  void compare(golden::InputSpec spec, const golden::GoldenTensors& golden, const HostTensor& tensor) {
    const auto sealed = sealed_input(golden, tensor, m_manifest);
    if (sealed.picture) spec.preprocessing = golden::parse_preprocessing(sealed.preprocess);
    const auto made = golden::make_input(spec);
    auto drift = sealed.picture ? golden::diagnose_declared(made, tensor, *sealed.picture, *spec.preprocessing)
                                : golden::diagnose_input(made, tensor);
    m_findings.inputs.push_back({golden.name, tensor.name, spec.text, std::move(drift)});
    if (m_findings.pictures.size() >= k_most_pictures) return;
    if (m_shown.insert(&tensor).second) show(sealed, m_findings.pictures);
    note_picture(made, fmt::format("{}: made here from {}", sealed.title, spec.text), m_findings.pictures);
  }

  [[noreturn]] void refuse(const golden::InputSpec& spec) const {
    std::vector<std::string> names;
    for (const auto& golden : m_cases) {
      for (const auto& input : golden.inputs) names.push_back(input.name);
    }
    throw Error(ErrorKind::usage, fmt::format("--input {}", spec.text),
                fmt::format("expected the name of a sealed input ({}), found '{}'", fmt::join(names, ", "), spec.name),
                fmt::format("write {}={}", names.empty() ? "NAME" : names.front(), spec.text));
  }

  const std::vector<golden::GoldenTensors>& m_cases;
  const Manifest& m_manifest;
  InputFindings m_findings;
  std::set<const HostTensor*> m_shown;
};

}  // namespace

InputFindings observe_inputs(std::span<const golden::InputSpec> made, const std::vector<golden::GoldenTensors>& cases,
                             const Manifest& sealed) {
  Inputs inputs(cases, sealed);
  for (const auto& spec : made) inputs.compare(spec);
  inputs.show_others();
  return inputs.finish();
}

}  // namespace goldseal
