// SPDX-License-Identifier: Apache-2.0
#include "numerics/random_watch.hpp"

#include <ATen/Context.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace goldseal::worker {
namespace {

// Those that others are made of: dropout calls bernoulli_ or native_dropout where it draws, and nothing where it does not.
constexpr std::array<std::string_view, 28> k_drawing{
    "aten::bernoulli",    "aten::bernoulli_",   "aten::binomial",         "aten::cauchy_",
    "aten::exponential_", "aten::geometric_",   "aten::log_normal_",      "aten::multinomial",
    "aten::native_dropout", "aten::normal",     "aten::normal_",          "aten::poisson",
    "aten::rand",         "aten::rand_like",    "aten::randint",          "aten::randint_like",
    "aten::randn",        "aten::randn_like",   "aten::random_",          "aten::randperm",
    "aten::rrelu_with_noise", "aten::uniform_", "aten::_fused_dropout",   "aten::_sample_dirichlet",
    "aten::_standard_gamma", "aten::rrelu_with_noise_", "aten::_cudnn_init_dropout_state",
    "aten::normal_functional"};

}  // namespace

thread_local RandomWatch* RandomWatch::s_active = nullptr;

RandomWatch::RandomWatch(std::optional<std::uint64_t> seed) : m_seed(seed) {
  s_active = this;
  m_handle = at::addThreadLocalCallback(at::RecordFunctionCallback(&begin).scopes({at::RecordScope::FUNCTION}));
}

RandomWatch::~RandomWatch() {
  at::removeCallback(m_handle);
  s_active = nullptr;
}

std::unique_ptr<at::ObserverContext> RandomWatch::begin(const at::RecordFunction& function) {
  if (s_active != nullptr) s_active->note(function);
  return nullptr;
}

void RandomWatch::note(const at::RecordFunction& function) {
  const std::string name = function.name();
  if (std::find(k_drawing.begin(), k_drawing.end(), name) == k_drawing.end()) return;
  if (std::find(m_operators.begin(), m_operators.end(), name) == m_operators.end()) m_operators.push_back(name);
  if (m_seed) at::manual_seed(*m_seed * 1'000'003 + ++m_count);
}

}  // namespace goldseal::worker
