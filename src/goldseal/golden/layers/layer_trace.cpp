// SPDX-License-Identifier: Apache-2.0
// When answers differ, users ask where the difference begins. This file walks two runs layer by
// layer and finds the first layer over its limit. It also follows runs that call a few other
// operators than the sealed run. Sketching and sealing layers is left to layers.cpp.
#include <goldseal/golden/layers/layers.hpp>

#include <goldseal/golden/layers/layer_error.hpp>
#include <goldseal/golden/tensors/constants.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace goldseal::golden {
namespace {

// How many operators may be added, missing or different before the two networks count as parted for good.
constexpr std::size_t k_window = 64;

// A traced archive calls `_convolution` where the code that was traced calls `conv2d`.
bool same_op(const std::string& a, const std::string& b) {
  constexpr std::string_view k_traced = "aten::_convolution";
  constexpr std::string_view k_convolution = "aten::conv";
  return a == b || (a == k_traced && b.starts_with(k_convolution)) || (b == k_traced && a.starts_with(k_convolution));
}

bool same_layer(const LayerSketch& a, const LayerSketch& b) {
  return a.module == b.module && a.shape == b.shape && same_op(a.op, b.op);
}

std::string shown_op(const std::string& op) {
  constexpr std::string_view k_prefix = "aten::";
  return op.starts_with(k_prefix) ? op.substr(k_prefix.size()) : op;
}

double limit_of(const SealedLayer& layer, Compute run, int bits) {
  if (run == Compute::float64) {
    return layer.linearity > k_linear_low && layer.linearity < k_linear_high ? k_float64_pure : k_float64_loose;
  }
  if (bits >= k_bits_float32) return k_native_diffuse * layer.rms_amplification;
  return k_policy_diffuse * std::ldexp(layer.rms_amplification / k_least_amplification, k_bits_float32 - bits);
}

class Follower {
 public:
  Follower(std::span<const SealedLayer> sealed, std::span<const LayerSketch> found, Compute run, int bits)
      : m_sealed(sealed), m_found(found), m_run(run), m_bits(bits) {}

  LayerTrace follow() {
    while (m_at < m_sealed.size() || m_here < m_found.size()) {
      if (meets(m_at, m_here)) {
        compare();
      } else if (!meet_again()) {
        break;
      }
    }
    return std::move(m_trail);
  }

 private:
  [[nodiscard]] bool meets(std::size_t at, std::size_t here) const {
    return at < m_sealed.size() && here < m_found.size() && same_layer(m_sealed[at].sketch, m_found[here]);
  }

  void compare() {
    const auto& sealed = m_sealed[m_at];
    const double error = layer_error(sealed.sketch, m_found[m_here]);
    const double ratio = error == 0 ? 0 : error / sealed.response_rms;
    add(sealed.sketch, std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio,
        limit_of(sealed, m_run, m_bits));
    ++m_at;
    ++m_here;
  }

  // Passes over the fewest operators that one side, or each, has alone. False where the two never meet again.
  bool meet_again() {
    for (std::size_t skip = 1; skip <= k_window; ++skip) {
      if (meets(m_at + skip, m_here)) return pass_over(skip, 0);
      if (meets(m_at, m_here + skip)) return pass_over(0, skip);
      if (meets(m_at + skip, m_here + skip)) return pass_over(skip, skip);
    }
    pass_over(m_at < m_sealed.size() ? 1 : 0, m_here < m_found.size() ? 1 : 0);
    return false;
  }

  bool pass_over(std::size_t missing, std::size_t added) {
    note_departure(missing, added);
    constexpr double k_none = std::numeric_limits<double>::infinity();
    if (m_run == Compute::float64) {
      for (std::size_t i = 0; i < missing; ++i) add(m_sealed[m_at + i].sketch, k_none, k_float64_pure);
      if (missing == 0) add(m_found[m_here], k_none, k_float64_pure);
    }
    m_at += missing;
    m_here += added;
    return true;
  }

  void note_departure(std::size_t missing, std::size_t added) {
    if (!m_trail.departure.empty() || m_run != Compute::float64) return;
    if (missing > 0 && added > 0) {
      m_trail.departure = fmt::format("the network computes {} where the seal has {}",
                                      shown_form(m_found[m_here], m_at), shown_form(m_sealed[m_at].sketch, m_at));
    } else if (missing > 0) {
      m_trail.departure = fmt::format("the network lacks {}", label_of(m_sealed[m_at].sketch));
    } else {
      m_trail.departure = fmt::format("the network computes {}, which the seal lacks", label_of(m_found[m_here]));
    }
  }

  // With the shape where the shape is all that differs.
  [[nodiscard]] std::string shown_form(const LayerSketch& layer, std::size_t at) const {
    const auto& sealed = m_sealed[at].sketch;
    const auto& found = m_found[m_here];
    if (sealed.module != found.module || sealed.op != found.op) return label_of(layer);
    return fmt::format("{} of shape {}", label_of(layer), format_shape(layer.shape));
  }

  void add(const LayerSketch& layer, double ratio, double limit) {
    auto label = label_of(layer);
    if (const auto count = ++m_counts[label]; count > 1) label += fmt::format(" #{}", count);
    if (!(ratio <= limit) && !m_trail.first) m_trail.first = m_trail.steps.size();
    m_trail.steps.push_back({std::move(label), shown_op(layer.op), ratio, limit});
  }

  std::span<const SealedLayer> m_sealed;
  std::span<const LayerSketch> m_found;
  Compute m_run;
  int m_bits;
  std::size_t m_at = 0;
  std::size_t m_here = 0;
  std::map<std::string, int> m_counts;
  LayerTrace m_trail;
};

}  // namespace

std::string label_of(const LayerSketch& layer) {
  return fmt::format("{} ({})", layer.module.empty() ? "forward" : layer.module, shown_op(layer.op));
}

LayerTrace follow_layers(std::span<const SealedLayer> sealed, std::span<const LayerSketch> found, Compute run,
                         int bits) {
  return Follower(sealed, found, run, bits).follow();
}

}  // namespace goldseal::golden
