// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/discrete.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/tensors/constants.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace goldseal::golden {
namespace {

bool same_element(const HostTensor& a, const HostTensor& b, std::size_t index) {
  const std::size_t size = item_size(a.dtype);
  return std::memcmp(a.bytes.data() + index * size, b.bytes.data() + index * size, size) == 0;
}

bool alike(const HostTensor& a, const HostTensor& b) { return a.dtype == b.dtype && a.shape == b.shape; }

std::string form(const HostTensor& tensor) {
  return fmt::format("{} {}", to_string(tensor.dtype), format_shape(tensor.shape));
}

}  // namespace

double stability_perturbation(double growth) {
  return k_native_diffuse * std::clamp(growth, k_least_amplification, k_largest_amplification) * k_rounding;
}

StabilityProbe::StabilityProbe(HostTensor expected)
    : m_expected(std::move(expected)), m_stable(m_expected.numel(), 1) {}

void StabilityProbe::add(const HostTensor& run) {
  if (!alike(run, m_expected)) {
    throw Error(ErrorKind::worker, m_expected.name,
                fmt::format("expected {} again, found {}", form(m_expected), form(run)),
                "the number of results depends on rounding: seal the network without its last, selecting step");
  }
  for (std::size_t i = 0; i < m_stable.size(); ++i) {
    if (!same_element(run, m_expected, i)) m_stable[i] = 0;
  }
}

HostTensor StabilityProbe::stable() const {
  return make_tensor(m_expected.name, DType::uint8, m_expected.shape, m_stable);
}

std::size_t StabilityProbe::unstable() const {
  return static_cast<std::size_t>(std::ranges::count(m_stable, std::uint8_t{0}));
}

std::vector<Objection> StabilityProbe::objections() const {
  const auto count = unstable();
  const auto total = m_stable.size();
  if (static_cast<double>(count) <= k_largest_unstable_share * static_cast<double>(total)) return {};
  return {{count == total, m_expected.name, fmt::format("depends on rounding in {} of {} elements", count, total),
           "choose an input on which the network decides clearly"}};
}

DiscreteVerdict judge_discrete(const HostTensor& found, const HostTensor& expected, const HostTensor& stable) {
  if (!alike(found, expected) || stable.shape != expected.shape) {
    throw Error(ErrorKind::usage, found.name, fmt::format("expected {}, found {}", form(expected), form(found)),
                "run the network that was sealed, on the sealed inputs");
  }
  DiscreteVerdict verdict;
  for (std::size_t i = 0; i < expected.numel(); ++i) {
    if (stable.bytes[i] == std::byte{0}) {
      ++verdict.ignored;
      continue;
    }
    ++verdict.judged;
    if (same_element(found, expected, i)) continue;
    if (verdict.differing++ > 0) continue;
    verdict.first = {i, unravel(i, found.shape), element_as_double(found, i), element_as_double(expected, i)};
  }
  verdict.pass = verdict.differing == 0;
  return verdict;
}

}  // namespace goldseal::golden
