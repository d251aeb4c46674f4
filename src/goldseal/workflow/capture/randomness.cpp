// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/randomness.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/golden/compare/discrete.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string_view>

namespace goldseal {
namespace {

// Rounding in float64 is 2^-29 of that in float32; what a generator draws is as large in both.
constexpr double k_float64_drop = 1.0 / 1024;
// Of the output: kernels that add in another order leave a few roundings, of which this is a thousandfold.
constexpr int k_spare_bits = 10;
// Other numbers must move an output by more than the same ones do.
constexpr double k_rise = 8;

bool same_bits(const HostTensor& one, const HostTensor& other) {
  return one.shape == other.shape && one.dtype == other.dtype && golden::judge_repeat(one, other).equal;
}

// The root mean square of the difference, relative to the output's; infinite for another form.
double relative_difference(const HostTensor& one, const HostTensor& other) {
  if (one.shape != other.shape || one.dtype != other.dtype) return std::numeric_limits<double>::infinity();
  std::vector<double> a(one.numel());
  std::vector<double> b(other.numel());
  copy_as_double(one, 0, a);
  copy_as_double(other, 0, b);
  double apart = 0;
  double size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) continue;
    apart += (a[i] - b[i]) * (a[i] - b[i]);
    size += a[i] * a[i];
  }
  if (apart == 0) return 0;
  return size == 0 ? std::numeric_limits<double>::infinity() : std::sqrt(apart / size);
}

class RandomSearch {
 public:
  RandomSearch(const CaseRunner& runner, const LayeredRun& first, int bits)
      : m_runner(runner), m_first(first), m_bits(bits) {}

  RandomOutputs run() {
    m_again = m_runner.run_drawing(k_same_draws);
    m_other = m_runner.run_drawing(k_other_draws);
    RandomOutputs found;
    for (const auto& output : m_first.outputs) {
      if (is_random(output)) found.outputs.push_back({output.name, output.dtype, output.shape, {}, {}});
    }
    if (found.outputs.empty()) return found;
    const auto carried = carried_names();
    found.carried = !carried.empty();
    found.source = carried.empty() ? source() : carried_source(carried);
    return found;
  }

 private:
  bool is_random(const HostTensor& output) {
    const auto* const again = find_tensor(m_again.outputs, output.name);
    const auto* const other = find_tensor(m_other.outputs, output.name);
    if (again == nullptr || other == nullptr) return true;  // its very outputs vary
    if (same_bits(output, *again)) return !same_bits(output, *other) && repeats_once_more(output);
    if (!draws_nothing() && relative_difference(output, *other) > k_rise * relative_difference(output, *again))
      return true;
    // A float64 run ends with what it began with; native ones keep what they leave outside of the state dict.
    if (!carried_names().empty() && beyond_rounding(relative_difference(output, *again))) return true;
    return differs_in_float64(output, relative_difference(output, *again));
  }

  [[nodiscard]] bool beyond_rounding(double difference) const { return difference > std::ldexp(1.0, k_spare_bits - m_bits); }

  // What runs read and leave otherwise than they found it: a count, a hidden state, a list that grows. Empty where numbers
  // were drawn, which explain what differs.
  [[nodiscard]] std::vector<std::string> carried_names() const {
    if (!draws_nothing()) return {};
    std::set<std::string_view> read;
    for (const auto& name : m_other.witness.reads) read.insert(without_place(name));
    std::vector<std::string> carried;
    for (const auto& name : m_other.witness.writes) {
      if (read.contains(without_place(name))) carried.push_back(name);
    }
    return carried;
  }

  // `memory` of `memory.3`: a list's elements come one after the other.
  static std::string_view without_place(std::string_view name) {
    const auto dot = name.rfind('.');
    const bool numbered = dot != std::string_view::npos && name.find_first_not_of("0123456789", dot + 1) == std::string_view::npos;
    return numbered ? name.substr(0, dot) : name;
  }

  static std::string carried_source(const std::vector<std::string>& names) {
    const auto more = names.size() == 1 ? "" : fmt::format(" and {} more", names.size() - 1);
    return fmt::format("{}{}", escape_unprintable(names.front()), more);
  }

  // A kernel may agree with itself by chance.
  bool repeats_once_more(const HostTensor& output) {
    if (m_once_more.outputs.empty()) m_once_more = m_runner.run_drawing(k_same_draws);
    const auto* const again = find_tensor(m_once_more.outputs, output.name);
    if (again != nullptr && same_bits(output, *again)) return true;
    return again == nullptr || differs_in_float64(output, relative_difference(output, *again));
  }

  [[nodiscard]] bool draws_nothing() const {
    return m_first.witness.random.empty() && m_first.witness.generators.empty();
  }

  bool differs_in_float64(const HostTensor& output, double native) {
    if (!m_wide) make_float64_runs();
    const auto* const one = find_tensor(m_wide->first, output.name);
    const auto* const other = find_tensor(m_wide->second, output.name);
    if (one == nullptr || other == nullptr)
      return is_floating(output.dtype) ? beyond_rounding(native) : !draws_nothing();
    if (!is_floating(output.dtype)) return !same_bits(*one, *other);
    return relative_difference(*one, *other) > k_float64_drop * native && beyond_rounding(native);
  }

  // Left empty where the network has no float64 path.
  void make_float64_runs() {
    m_wide.emplace();
    try {
      m_wide->first = m_runner.run_drawing(k_same_draws, Compute::float64).outputs;
      m_wide->second = m_runner.run_drawing(k_same_draws, Compute::float64).outputs;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      m_wide->first.clear();
    }
  }

  [[nodiscard]] std::string source() const {
    auto operators = m_first.witness.random;
    if (operators.empty()) operators = m_other.witness.random;
    auto generators = m_first.witness.generators;
    if (generators.empty()) generators = m_other.witness.generators;
    if (!operators.empty()) {
      const auto& first = operators.front();
      const auto more = operators.size() == 1 ? "" : fmt::format(", and {} more do", operators.size() - 1);
      return fmt::format("{} draws at random ({}){}",
                         first.module.empty() ? "the network" : escape_unprintable(first.module),
                         escape_unprintable(first.op), more);
    }
    if (!generators.empty())
      return fmt::format("forward() takes random numbers from {} generator", escape_unprintable(generators.front()));
    return "two runs differ by far more than rounding: forward() is random";
  }

  struct Wide {
    std::vector<HostTensor> first;
    std::vector<HostTensor> second;
  };

  const CaseRunner& m_runner;
  const LayeredRun& m_first;
  int m_bits;
  LayeredRun m_again;
  LayeredRun m_other;
  LayeredRun m_once_more;
  std::optional<Wide> m_wide;
};

}  // namespace

RandomOutputs find_random(const CaseRunner& runner, const LayeredRun& first, int bits) {
  return RandomSearch(runner, first, bits).run();
}

namespace {

void tell_carried(Finding& finding, const std::string& output, const RandomOutputs& random, bool allowed) {
  finding.message = fmt::format("{} answers otherwise when it is asked again: forward() carries {} from one call to the next", output,
                                random.source);
  finding.actual = "another answer in a later call";
  if (!allowed)
    finding.remedy =
        "begin each call with the same state (reset it in forward()), or make it an argument and an output: answer, state = "
        "model(x, state); --allow-random seals the outputs that are stable, and proves nothing of the others";
}

}  // namespace

Finding judge_random(const std::string& golden_case, const RandomOutputs& random, std::size_t stable, bool allowed) {
  Finding finding;
  finding.id = "golden.random";
  finding.status = allowed ? Status::warn : Status::fail;
  const auto& first = random.outputs.front().name;
  const auto more = random.outputs.size() == 1 ? "" : fmt::format(" and {} more outputs", random.outputs.size() - 1);
  const auto which = fmt::format("{}/{}{}", golden_case, escape_unprintable(first), more);
  finding.message = fmt::format("{} follows a random generator in evaluation mode: {}", which, random.source);
  finding.expected = "the same answer twice";
  finding.actual = "another answer with other random numbers";
  finding.remedy =
      "switch it off in evaluation mode (model.eval(); F.dropout(…, training=self.training)), or make the noise an "
      "input; --allow-random seals the outputs that are stable, and proves nothing of the others";
  if (random.carried) tell_carried(finding, which, random, allowed);
  if (allowed) {
    finding.message += fmt::format("; the seal proves nothing of its values, and holds {} stable outputs", stable);
    finding.remedy = "seal a network that answers the same twice to have all of its outputs judged";
  }
  Table table{"random outputs", {"output", "type", "shape"}, {}};
  for (const auto& output : random.outputs)
    table.rows.push_back(
        {escape_unprintable(output.name), std::string(to_string(output.dtype)), format_shape(output.shape)});
  finding.tables.push_back(std::move(table));
  return finding;
}

}  // namespace goldseal
