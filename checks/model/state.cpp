// SPDX-License-Identifier: Apache-2.0
#include <checks/model/state.hpp>

#include <checks/catalogue.hpp>
#include <checks/finding_rows.hpp>
#include <checks/golden/output_verdicts.hpp>
#include <checks/model/setting_values.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace goldseal {
namespace {

constexpr std::size_t k_projections = 8;
constexpr std::size_t k_rms = 8;
constexpr std::size_t k_not_finite = 9;

// Of the root mean square: tables of sines at far places grow the last bit of a frequency a thousandfold, and garbage is
// off by the whole.
double rounding_limit(std::string_view dtype) {
  if (dtype == "float64" || dtype == "complex128") return std::ldexp(1.0, -26);
  if (dtype == "float32" || dtype == "complex64") return std::ldexp(1.0, -10);
  return std::ldexp(1.0, -5);
}

// A Python number is a float64. One that a constructor took from a float32 tensor (a rate for each layer, by linspace) has
// that tensor's roundings.
double rounding_limit(const OutsideRecord& one, const OutsideRecord& other) {
  const bool of_float32 = one.kind == "number" && is_of_float32(one.sketch[k_rms]) && is_of_float32(other.sketch[k_rms]);
  return of_float32 ? k_float32_roundings : rounding_limit(one.dtype);
}

struct Difference {
  const OutsideRecord* sealed;
  StateDistance distance;
};

std::vector<Difference> compare(std::span<const OutsideRecord> sealed, std::span<const OutsideRecord> found,
                                std::size_t& met) {
  std::vector<Difference> differences;
  for (const auto& tensor : sealed) {
    const auto here = std::ranges::find(found, tensor.name, &OutsideRecord::name);
    if (!tensor.read || here == found.end()) continue;
    ++met;
    if (const auto far = distance(tensor, *here); far != StateDistance::equal) differences.push_back({&tensor, far});
  }
  std::ranges::stable_sort(differences, std::ranges::greater{}, &Difference::distance);
  return differences;
}

std::string_view told(StateDistance distance) {
  switch (distance) {
    case StateDistance::equal:
      return "equal";
    case StateDistance::rounding:
      return "the last bits";
    case StateDistance::size:
      return "the size, which grows with the inputs that it met";
    case StateDistance::beyond:
      return "other values";
  }
  return {};
}

Table table_of(const std::vector<Difference>& differences) {
  Table table{"no state dict holds these", {"name", "kind", "type", "shape", "what differs"}, {}, differences.size()};
  for (std::size_t i = 0; i < std::min(k_finding_rows, differences.size()); ++i) {
    const auto& tensor = *differences[i].sealed;
    table.rows.push_back({escape_unprintable(tensor.name), tensor.kind, tensor.dtype, format_shape(tensor.shape),
                          std::string(told(differences[i].distance))});
  }
  return table;
}

constexpr std::string_view k_remedy =
    "no state dict holds it, so that loading cannot bring it: compute it again after to_empty(), with the settings of "
    "the sealed network";
constexpr std::string_view k_remedy_of_number =
    "no state dict holds it, so that loading cannot bring it: build the network with the sealed number";

constexpr std::string_view k_remedy_of_size =
    "seal a network that has met no longer inputs than the golden ones, or give the longest as a golden case (cases=)";

std::string message_of(StateDistance worst, const std::string& names) {
  if (worst == StateDistance::beyond)
    return fmt::format("{} has other values than the sealed network: no state dict holds it", names);
  if (worst == StateDistance::size)
    return fmt::format("{} has another size than in the sealed network, which had met other inputs: its values are not compared",
                       names);
  return fmt::format("{} differs from the sealed network in the last bits: no state dict holds it", names);
}

std::string remedy_of(const std::vector<Difference>& differences) {
  const auto& kind = differences.front().sealed->kind;
  return std::string(kind == "number" || kind == "array" ? k_remedy_of_number : k_remedy);
}

std::string names_of(const std::vector<Difference>& differences) {
  const auto first = escape_unprintable(differences.front().sealed->name);
  return differences.size() == 1 ? first : fmt::format("{} and {} more", first, differences.size() - 1);
}

Finding judge_state(const Observation& observed, const CheckSettings& settings) {
  const auto& sealed = observed.sealed.model.outside;
  if (sealed.empty()) return skipped("the state dict holds all of the network's tensors");
  if (!observed.run.outside) return skipped("what no state dict holds was not asked for");
  std::size_t met = 0;
  const auto differences = compare(sealed, *observed.run.outside, met);
  if (met == 0) return skipped("this form of the network has none of the sealed tensors that no state dict holds");
  if (differences.empty())
    return passed(fmt::format("all {} tensors that no state dict holds are as they were sealed", met));
  const auto worst = differences.front().distance;
  auto finding = failed(message_of(worst, names_of(differences)), "the sealed values of what no state dict holds",
                        fmt::format("{} of {} differ", differences.size(), met), remedy_of(differences));
  if (worst != StateDistance::beyond) finding.status = Status::warn;
  if (worst == StateDistance::size) finding.remedy = k_remedy_of_size;
  if (worst == StateDistance::rounding) {
    const auto as_sealed = [&](const OutputObservation& output) { return agrees(output, settings); };
    finding.message += std::ranges::all_of(observed.run.outputs, as_sealed)
                           ? "; another PyTorch or processor computes it so, and the answers agree"
                           : "; each machine computes it again, and the answers differ with it";
  }
  finding.tables.push_back(table_of(differences));
  return finding;
}

}  // namespace

StateDistance distance(const OutsideRecord& one, const OutsideRecord& other) {
  if (one.dtype == other.dtype && one.shape.size() == other.shape.size() && one.shape != other.shape && other.remade)
    return StateDistance::size;
  if (one.dtype != other.dtype || one.shape != other.shape) return StateDistance::beyond;
  if (one.sha256 == other.sha256) return StateDistance::equal;
  if (one.sketch.size() <= k_not_finite || other.sketch.size() <= k_not_finite) return StateDistance::beyond;
  if (one.sketch[k_not_finite] != other.sketch[k_not_finite]) return StateDistance::beyond;
  double squares = 0;
  for (std::size_t i = 0; i < k_projections; ++i) squares += std::pow(one.sketch[i] - other.sketch[i], 2);
  const double apart = std::sqrt(squares / static_cast<double>(k_projections));
  return apart <= rounding_limit(one, other) * one.sketch[k_rms] ? StateDistance::rounding : StateDistance::beyond;
}

Finding judge_builds(std::span<const OutsideRecord> first, std::span<const OutsideRecord> second) {
  std::size_t met = 0;
  const auto differences = compare(first, second, met);
  if (differences.empty()) return passed("what no state dict holds is the same in two processes");
  auto finding =
      failed(fmt::format("{} has other values in each process: no state dict holds it", names_of(differences)),
             "the same values in two builds of the network", fmt::format("{} differ", differences.size()),
             fmt::format("{}; what the constructor draws at random belongs into the state dict: register_buffer(…) or "
                         "nn.Parameter",
                         remedy_of(differences)));
  if (differences.front().distance < StateDistance::beyond) finding.status = Status::warn;
  finding.tables.push_back(table_of(differences));
  return finding;
}

std::string told_outside(const Observation& observed) {
  if (!observed.run.outside) return {};
  std::size_t met = 0;
  const auto differences = compare(observed.sealed.model.outside, *observed.run.outside, met);
  return differences.empty() ? std::string() : names_of(differences);
}

const Check k_model_state{
    .id = "model.state",
    .title = "What no state dict holds is as sealed",
    .explanation =
        "Buffers that are not persistent (rotary tables, masks), tensors that are plain attributes, what lies in the "
        "lists and objects of attributes, and the numbers and arrays that forward() of the user's own classes reads: no "
        "checkpoint brings them, and a network that was built on the meta "
        "device and given memory by to_empty() answers from garbage with every weight in its place. They are compared "
        "with the seal, as they are after the first golden run, which makes or repairs some of them. Of a table that a forward "
        "pass lets grow, the part is compared that was sealed. Another machine may compute the last bits of such a table otherwise: that is a warning.",
    .severity = Severity::fail,
    .judge = judge_state,
};

}  // namespace goldseal
