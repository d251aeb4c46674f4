// SPDX-License-Identifier: Apache-2.0
#include "numerics/tensor_digest.hpp"

#include "numerics/sha256.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

namespace goldseal::worker {
namespace {

constexpr unsigned k_max_threads = 16;

std::string digest(const at::Tensor& tensor) {
  const auto contiguous = tensor.to(at::kCPU).contiguous();
  return sha256_hex({static_cast<const std::byte*>(contiguous.data_ptr()), contiguous.nbytes()});
}

}  // namespace

std::vector<std::string> digest_tensors(const std::vector<at::Tensor>& tensors) {
  // Largest first, so that no thread ends with a long one while the others wait.
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return tensors[a].nbytes() > tensors[b].nbytes(); });

  std::vector<std::string> digests(tensors.size());
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    try {
      for (auto i = next++; i < order.size(); i = next++) digests[order[i]] = digest(tensors[order[i]]);
    } catch (...) {
      const std::lock_guard lock(failure_mutex);
      failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> helpers;
    const auto threads = std::clamp(std::thread::hardware_concurrency(), 1u, k_max_threads);
    for (unsigned i = 1; i < threads && i < tensors.size(); ++i) helpers.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
  return digests;
}

}  // namespace goldseal::worker
