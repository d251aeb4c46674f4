// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/coverage.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/tensors/constants.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <utility>

namespace goldseal {
namespace {

// Runs that the second look may take: a network whose gradients say nothing at all is not looked through tensor by
// tensor.
constexpr std::size_t k_most_runs = 48;
// Far enough that what is only compared, as scores are by an argmax, comes out otherwise.
constexpr double k_move = 4;
// What zeros become, which have no size of their own, one for each seed: the size of normalised activations, and up to
// that of scores. Several seeds, since a pick among few can come out alike by chance.
constexpr std::array<double, 4> k_zero_moves{1, 16, 256, 4096};

// Moves groups of tensors and halves those whose movement shows.
class BlindSearch {
 public:
  BlindSearch(const Worker& worker, const CaseRunner& runner, const std::vector<HostTensor>& reference, Compute compute)
      : m_worker(worker), m_runner(runner), m_reference(reference), m_compute(compute) {}

  void search(std::span<const std::string> names) {
    if (names.empty()) return;
    m_exhausted = m_exhausted || m_runs == k_most_runs;
    if (m_exhausted || !moves_an_answer(names)) return;
    if (names.size() == 1) {
      m_seen.insert(names.front());
      return;
    }
    search(names.first(names.size() / 2));
    search(names.subspan(names.size() / 2));
  }

  [[nodiscard]] bool exhausted() const { return m_exhausted; }
  [[nodiscard]] bool seen(const std::string& name) const { return m_seen.contains(name); }

 private:
  bool moves_an_answer(std::span<const std::string> names) {
    ++m_runs;
    for (std::size_t i = 0; i < k_zero_moves.size(); ++i)
      if (moves_an_answer(names, i + 1, k_zero_moves[i])) return true;
    return false;
  }

  bool moves_an_answer(std::span<const std::string> names, std::uint64_t seed, double zero) const {
    RunRequest request;
    request.compute = m_compute;
    request.perturb = Perturbation{seed, k_move, zero, {names.begin(), names.end()}};
    std::vector<HostTensor> outputs;
    try {
      outputs = m_runner.run(request);
    } catch (const Error& error) {
      // What the network refuses it has looked at: an index that is out of range now.
      const auto& failure = m_worker.failure();
      if (error.kind() == ErrorKind::interrupted || !failure || failure->kind != WorkerFailure::Kind::raised) throw;
      return true;
    }
    return !have_same_bits(m_reference, outputs);
  }

  const Worker& m_worker;
  const CaseRunner& m_runner;
  const std::vector<HostTensor>& m_reference;
  Compute m_compute;
  std::size_t m_runs = 0;
  bool m_exhausted = false;
  std::set<std::string> m_seen;
};

std::vector<TensorCoverage> greatest(std::vector<TensorCoverage> one, const std::vector<TensorCoverage>& other) {
  for (auto& tensor : one) {
    const auto found = std::ranges::find(other, tensor.name, &TensorCoverage::name);
    if (found != other.end()) tensor.reached = std::max(tensor.reached, found->reached);
  }
  return one;
}

// In the weights' own types: a gradient that is not zero in float64 rarely is in bfloat16, which has float32's range
// (245,942,245 elements of 245,942,272 were counted). float16 underflows, and its backward pass hardly ends on a CPU.
// What a worker cannot differentiate in one type it may in another.
std::vector<TensorCoverage> reached(Worker& worker, const CaseRunner& runner, int bits) {
  try {
    return worker.gradients(runner.inputs(), Compute::native, bits == golden::k_bits_float16);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted || !worker.is_well()) throw;
    return worker.gradients(runner.inputs(), Compute::float64);
  }
}

}  // namespace

std::optional<std::vector<TensorCoverage>> measure_coverage(Worker& worker, const CaseRunner& runner,
                                                            const std::vector<HostTensor>& reference, Compute compute,
                                                            int bits) {
  try {
    auto coverage = reached(worker, runner, bits);
    std::vector<std::string> blind;
    for (const auto& tensor : coverage)
      if (tensor.reached == 0 && tensor.elements > 0) blind.push_back(tensor.name);
    BlindSearch search(worker, runner, reference, compute);
    search.search(blind);
    if (search.exhausted()) return std::nullopt;
    for (auto& tensor : coverage)
      if (search.seen(tensor.name)) tensor.reached = tensor.elements;
    return coverage;
  } catch (const Error& error) {
    // A worker that raised or does not know the request goes on with the rest of the capture.
    if (error.kind() == ErrorKind::interrupted || !worker.is_well()) throw;
    return std::nullopt;
  }
}

std::optional<std::vector<TensorCoverage>> coverage_of_all(
    const std::vector<std::optional<std::vector<TensorCoverage>>>& cases) {
  std::optional<std::vector<TensorCoverage>> all;
  for (const auto& one : cases) {
    if (!one) return std::nullopt;
    all = all ? greatest(std::move(*all), *one) : *one;
  }
  return all;
}

}  // namespace goldseal
