// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/noise_floor.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/parallel.hpp>
#include <goldseal/golden/compare/comparison.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace goldseal::golden {
namespace {

constexpr std::size_t k_block = 16384;
// Octaves that the codes may span.
constexpr double k_most_octaves = 64;
constexpr double k_steps = 254;

struct Sums {
  double squares = 0;
  std::size_t finite = 0;
  std::size_t unstable = 0;

  void append(const Sums& other) {
    squares += other.squares;
    finite += other.finite;
    unstable += other.unstable;
  }
  [[nodiscard]] double rms() const { return finite == 0 ? 0 : std::sqrt(squares / static_cast<double>(finite)); }
};

// Calls `task(begin, end)` for blocks in parallel and adds up their sums in order, so that threads change no digit.
template <typename Task>
Sums sum_blocks(std::size_t elements, const Task& task) {
  std::vector<Sums> parts((elements + k_block - 1) / k_block);
  parallel_for(parts.size(),
               [&](std::size_t i) { parts[i] = task(i * k_block, std::min(elements, (i + 1) * k_block)); });
  Sums total;
  for (const auto& part : parts) total.append(part);
  return total;
}

// Exact, over the elements that are finite in the reference.
double median_response(const std::vector<double>& responses, const HostTensor& reference) {
  std::vector<float> values;
  values.reserve(responses.size());
  for (std::size_t i = 0; i < responses.size(); ++i) {
    if (std::isfinite(element_as_double(reference, i))) values.push_back(static_cast<float>(responses[i]));
  }
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return static_cast<double>(*middle);
}

void encode(const std::vector<double>& responses, NoiseFloor& noise) {
  double low = std::numeric_limits<double>::infinity();
  double high = 0;
  for (const double s : responses) {
    if (!(s > noise.floor)) continue;
    low = std::min(low, s);
    high = std::max(high, s);
  }
  std::vector<std::uint8_t> codes(responses.size(), 0);
  if (high > 0) {
    noise.base = std::max(low, std::ldexp(high, -static_cast<int>(k_most_octaves)));
    noise.step = std::log2(high / noise.base) / k_steps;
    for (std::size_t i = 0; i < responses.size(); ++i) {
      if (!(responses[i] > noise.floor)) continue;
      const double octaves = std::max(0.0, std::log2(responses[i] / noise.base));
      const double position = noise.step > 0 ? std::round(octaves / noise.step) : 0;
      codes[i] = static_cast<std::uint8_t>(1 + std::min(position, k_steps));
    }
  }
  noise.codes = make_tensor("", DType::uint8, noise.codes.shape, std::move(codes));
}

void require_like(const HostTensor& found, const HostTensor& reference) {
  if (found.shape == reference.shape && found.dtype == reference.dtype) return;
  throw Error(ErrorKind::worker, reference.name,
              fmt::format("expected {} {}, found {} {}", to_string(reference.dtype), format_shape(reference.shape),
                          to_string(found.dtype), format_shape(found.shape)),
              "the output's size depends on the data: choose an input whose outputs keep their sizes");
}

double rms_over(const std::map<std::int64_t, double>& by_seed, const std::map<std::int64_t, double>& other) {
  double squares = 0;
  for (const auto& [seed, rms] : by_seed) {
    if (other.contains(seed)) squares += rms * rms;
  }
  return std::sqrt(squares);
}

constexpr double k_disturbance = 1 + 1.0 / 16;

HostTensor scaled(const HostTensor& tensor, double factor) {
  std::vector<double> values(tensor.numel());
  copy_as_double(tensor, 0, values);
  for (auto& value : values) value *= factor;
  return narrowed(tensor.name, tensor.dtype, tensor.shape, values);
}

std::string percent_of(std::size_t part, std::size_t whole) { return fmt::format("{} of {} elements", part, whole); }

// Of its elements, the one in the place that `source` gives for each.
template <class Source>
HostTensor rearranged(const HostTensor& input, Source source) {
  const std::size_t size = item_size(input.dtype);
  std::vector<std::byte> bytes(input.bytes.size());
  for (std::size_t i = 0; i < bytes.size() / size; ++i) {
    const auto element = input.bytes.subspan(source(i) * size, size);
    std::ranges::copy(element, bytes.begin() + static_cast<std::ptrdiff_t>(i * size));
  }
  return make_tensor(input.name, input.dtype, input.shape, std::move(bytes));
}

}  // namespace

std::array<double, 256> response_table(const NoiseFloor& noise) {
  std::array<double, 256> table{};
  table[0] = noise.floor;
  for (std::size_t code = 1; code < table.size(); ++code) {
    table[code] = std::max(noise.floor, noise.base * std::exp2(static_cast<double>(code - 1) * noise.step));
  }
  return table;
}

double noise_of(const NoiseFloor& noise, std::size_t index, double reference) {
  const auto code = static_cast<std::size_t>(noise.codes.bytes[index]);
  const double response = code == 0 ? 0 : noise.base * std::exp2(static_cast<double>(code - 1) * noise.step);
  return std::max({response, noise.floor, 2 * k_rounding * std::fabs(reference)});
}

NoiseRecord to_record(const NoiseFloor& noise, const std::string& output) {
  return {.output = output,
          .response_rms = noise.response_rms,
          .rms_amplification = noise.rms_amplification,
          .max_amplification = noise.max_amplification,
          .linearity = noise.linearity,
          .pure = noise.pure(),
          .native = noise.native,
          .bits = noise.bits};
}

NoiseProbe::NoiseProbe(HostTensor reference) : m_reference(std::move(reference)) {
  if (m_reference.dtype != DType::float64) {
    throw Error(ErrorKind::usage, m_reference.name,
                fmt::format("expected a float64 reference, found {}", to_string(m_reference.dtype)));
  }
  m_squares.assign(m_reference.numel(), 0);
}

double NoiseProbe::add(const HostTensor& perturbed, bool keep) {
  require_like(perturbed, m_reference);
  const Sums total = sum_blocks(m_squares.size(), [&](std::size_t begin, std::size_t end) {
    std::vector<double> found(end - begin);
    std::vector<double> reference(end - begin);
    copy_as_double(perturbed, begin, found);
    copy_as_double(m_reference, begin, reference);
    Sums sums;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (!std::isfinite(reference[i])) continue;
      ++sums.finite;
      const bool stable = std::isfinite(found[i]);
      const double response = stable ? found[i] - reference[i] : reference[i];
      if (!stable) ++sums.unstable;
      sums.squares += response * response;
      if (keep) m_squares[begin + i] += response * response;
    }
    return sums;
  });
  if (keep) m_unstable = std::max(m_unstable, total.unstable);
  return total.rms();
}

void NoiseProbe::add_response(std::int64_t seed, const HostTensor& perturbed) {
  m_response[seed] = add(perturbed, true);
}

void NoiseProbe::add_fine(std::int64_t seed, const HostTensor& perturbed) { m_fine[seed] = add(perturbed, false); }

bool NoiseProbe::settled() const {
  const auto runs = static_cast<double>(m_response.size());
  if (m_response.size() < static_cast<std::size_t>(k_least_probes)) return false;
  double mean = 0;
  for (const auto& [seed, rms] : m_response) mean += rms * rms / runs;
  if (mean == 0) return true;
  double variance = 0;
  for (const auto& [seed, rms] : m_response) variance += (rms * rms - mean) * (rms * rms - mean) / (runs - 1);
  // Half of it, for the root of the mean square.
  return std::sqrt(variance) / (2 * mean * std::sqrt(runs)) <= k_probe_spread;
}

HostTensor rescaled_response(const HostTensor& reference, const HostTensor& unmoved, const HostTensor& moved,
                             double factor) {
  const auto require = [&](const HostTensor& found) {
    if (found.shape == reference.shape) return;
    throw Error(ErrorKind::worker, reference.name,
                fmt::format("expected {}, found {}", format_shape(reference.shape), format_shape(found.shape)),
                "the output's size depends on the data: choose an input whose outputs keep their sizes");
  };
  require(unmoved);
  require(moved);
  std::vector<double> values(reference.numel());
  sum_blocks(values.size(), [&](std::size_t begin, std::size_t end) {
    std::vector<double> before(end - begin);
    std::vector<double> after(end - begin);
    const auto result = std::span(values).subspan(begin, end - begin);
    copy_as_double(reference, begin, result);
    copy_as_double(unmoved, begin, before);
    copy_as_double(moved, begin, after);
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (!std::isfinite(result[i]) || !std::isfinite(before[i])) continue;
      result[i] = std::isfinite(after[i]) ? result[i] + factor * (after[i] - before[i])
                                          : std::numeric_limits<double>::quiet_NaN();
    }
    return Sums{};
  });
  return make_tensor(reference.name, DType::float64, reference.shape, std::move(values));
}

NoiseFloor NoiseProbe::finish() const {
  if (m_response.empty()) {
    throw Error(ErrorKind::usage, m_reference.name, "expected at least one perturbed run, found none");
  }
  std::vector<double> responses(m_squares.size());
  const double runs = static_cast<double>(m_response.size());
  const Sums reference = sum_blocks(responses.size(), [&](std::size_t begin, std::size_t end) {
    std::vector<double> values(end - begin);
    copy_as_double(m_reference, begin, values);
    Sums sums;
    for (std::size_t i = 0; i < values.size(); ++i) {
      responses[begin + i] = std::min(std::sqrt(m_squares[begin + i] / runs), std::numeric_limits<double>::max());
      if (!std::isfinite(values[i])) continue;
      ++sums.finite;
      sums.squares += values[i] * values[i];
    }
    return sums;
  });
  NoiseFloor noise;
  const double response = rms_over(m_response, m_response) / std::sqrt(runs);
  noise.response_rms = std::max(response, k_rounding * reference.rms() / 2);
  noise.floor = k_median_share * median_response(responses, m_reference);
  const double at_24 = rms_over(m_response, m_fine);
  if (at_24 > 0) noise.linearity = k_rounding / k_fine_rounding * rms_over(m_fine, m_response) / at_24;
  noise.codes.shape = m_reference.shape;
  encode(responses, noise);
  return noise;
}

NoiseFloor native_floor(const NoiseProbe& probe, bool steps) {
  auto noise = probe.finish();
  noise.native = true;
  noise.linearity = 0;
  if (steps) noise.floor = std::max(noise.floor, noise.response_rms);
  return noise;
}

int significant_bits(DType native) {
  if (native == DType::float16) return k_bits_float16;
  if (native == DType::bfloat16) return k_bits_bfloat16;
  return k_bits_float32;
}

void settle_precision(NoiseFloor& noise, const HostTensor& reference, const HostTensor& native, int bits) {
  bits = std::min(bits, significant_bits(native.dtype));
  if (bits >= k_bits_float32) return;
  if (!(compare(native, reference, noise).rms_ratio <= k_largest_amplification)) noise.bits = bits;
}

void calibrate(NoiseFloor& noise, const HostTensor& reference, const HostTensor& native) {
  const auto deviation = compare(native, reference, noise);
  const double coarser = noise.native ? 1 : std::ldexp(1.0, k_bits_float32 - noise.bits);
  noise.overflows = std::max(noise.overflows, deviation.mask_mismatches);
  noise.rms_amplification = std::max(noise.rms_amplification, deviation.rms_ratio / coarser);
  noise.max_amplification =
      std::max({noise.max_amplification, noise.rms_amplification, deviation.max_ratio / (k_local * coarser)});
}

std::vector<HostTensor> other_inputs(const HostTensor& input) {
  const std::size_t count = input.bytes.size() / item_size(input.dtype);
  std::vector<HostTensor> others;
  const auto add = [&](HostTensor other) {
    const auto same = [&](const HostTensor& known) { return std::ranges::equal(known.bytes, other.bytes); };
    if (!same(input) && std::ranges::none_of(others, same)) others.push_back(std::move(other));
  };
  auto moved = rearranged(input, [&](std::size_t i) { return (i + 1) % count; });
  const bool real = converts_to_double(input.dtype);
  if (is_floating(input.dtype) && real) moved = scaled(moved, k_disturbance);
  add(std::move(moved));
  add(rearranged(input, [&](std::size_t i) { return count - 1 - i; }));
  if (count == 0 || !real) return others;
  std::size_t least = 0;
  std::size_t greatest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (element_as_double(input, i) < element_as_double(input, least)) least = i;
    if (element_as_double(input, i) > element_as_double(input, greatest)) greatest = i;
  }
  add(rearranged(input, [&](std::size_t) { return least; }));
  add(rearranged(input, [&](std::size_t) { return greatest; }));
  return others;
}

bool is_silent(const NoiseFloor& noise) { return noise.base == 0 && noise.floor == 0; }

std::vector<Objection> collect_objections(const HostTensor& reference, const NoiseFloor& noise, std::size_t unstable,
                                          bool others_respond) {
  std::size_t finite = 0;
  for (std::size_t i = 0; i < reference.numel(); ++i)
    finite += std::isfinite(element_as_double(reference, i)) ? 1U : 0U;
  std::vector<Objection> objections;
  const auto object = [&](bool refuse, std::string message, std::string remedy) {
    objections.push_back({refuse, reference.name, std::move(message), std::move(remedy)});
  };
  if (finite == 0) {
    object(true, reference.numel() == 0 ? "has no elements" : "has no finite element",
           "capture with an input that gives real outputs; where weights are NaN themselves no input does: take an "
           "earlier checkpoint");
    return objections;
  }
  if (is_silent(noise)) {
    object(!others_respond, "does not respond to small changes of the weights or the inputs at all",
           others_respond ? "nothing where it holds positions, counts or a constant: it is compared, and what it follows "
                            "is told by the other outputs; else capture with an input that reaches the weights"
                          : "capture with an input that reaches the weights; where every path takes signs or rounds (a "
                            "binary network), none does");
  }
  if (noise.overflows > 0) {
    object(true,
           fmt::format("is infinite or NaN in {} in a native run alone, or in float64 alone",
                       percent_of(noise.overflows, reference.numel())),
           "the weights' own type overflows: choose an input that keeps the network in its range");
  }
  if (!(noise.rms_amplification <= k_largest_amplification)) {
    object(
        true,
        fmt::format("the capturing run's errors are {:.3g} times the response to rounding; at most {:.0f} is believed",
                    noise.rms_amplification, k_largest_amplification),
        "capture on another machine or with another PyTorch: this one's arithmetic is suspect. Where that says the "
        "same, forward() rounds below float32 out of PyTorch's sight (in NumPy, in an operator of its own): write "
        "`x.to(dtype)` there; or it adds a large number (a mask of -1e9 over all that a row attends to), in which "
        "float32 loses the scores: choose inputs without a row that is masked throughout, or return no such row");
  }
  if (finite < reference.numel()) {
    object(false, fmt::format("is not finite in {}", percent_of(reference.numel() - finite, reference.numel())),
           "those elements are compared by their kind alone; choose an input without them if you can");
  }
  if (unstable > 0) {
    object(false, fmt::format("becomes infinite or NaN under one rounding in {}", percent_of(unstable, finite)),
           "choose an input that keeps the network away from overflow");
  }
  return objections;
}

}  // namespace goldseal::golden
