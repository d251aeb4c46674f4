// SPDX-License-Identifier: Apache-2.0
#include "networks/aoti_library.hpp"

#ifdef GOLDSEAL_HAS_AOTI
#include "protocol/error.hpp"

#include <ATen/DynamicLibrary.h>
#include <ATen/Functions.h>
#include <torch/csrc/inductor/aoti_runner/model_container_runner.h>
#include <torch/csrc/inductor/aoti_runtime/constant_type.h>

#include <cstdlib>
#include <utility>

namespace goldseal::worker {
namespace {

using Runner = torch::inductor::AOTIModelContainerRunner;

constexpr std::size_t k_max_dimensions = 64;

// The runner gives names and values out, but not which constants are parameters: that is asked of the library itself.
class Handle : public Runner {
 public:
  static at::DynamicLibrary& library(const Runner& runner) { return *(runner.*(&Handle::model_so_)); }
  static AOTInductorModelContainerHandle container(const Runner& runner) {
    return runner.*(&Handle::container_handle_);
  }
};

template <class Result, class Function>
Result ask(const Runner& runner, const char* symbol, std::size_t index) {
  Result result{};
  const auto function = reinterpret_cast<Function>(Handle::library(runner).sym(symbol));
  if (function(Handle::container(runner), index, &result) != AOTI_RUNTIME_SUCCESS)
    throw Refusal(RefusalKind::runtime, std::string("the package lacks the function ") + symbol);
  return result;
}

#define GOLDSEAL_ASK(type, runner, function, index) ask<type, decltype(&function)>(runner, #function, index)

std::size_t count_constants(const Runner& runner) {
  std::size_t count = 0;
  const auto function = reinterpret_cast<decltype(&AOTInductorModelContainerGetNumConstants)>(
      Handle::library(runner).sym("AOTInductorModelContainerGetNumConstants"));
  if (function(Handle::container(runner), &count) != AOTI_RUNTIME_SUCCESS)
    throw Refusal(RefusalKind::runtime, "the package does not count its constants");
  return count;
}

// What LibTorch's own loader does with a package that it has unpacked.
std::unique_ptr<Runner> open(const std::string& path, const std::string& device) {
  // Compiled code reads inputs at the places that it was compiled for, and asks of their shapes only if told to.
  ::setenv("AOTI_RUNTIME_CHECK_INPUTS", "1", 1);
  const auto& known = torch::inductor::getAOTIModelRunnerRegistry();
  const auto found = known.find(device);
  if (found == known.end())
    throw Refusal(
        RefusalKind::unsupported, "this LibTorch runs no package that was compiled for " + device, path,
        "compile the package again on this machine, or name a LibTorch with " + device + ": --runtime libtorch=DIR");
  const auto directory = path.substr(0, path.rfind('/') + 1);
  return found->second(path, /*num_models=*/1, device, directory, /*run_single_threaded=*/false);
}

}  // namespace

AotiLibrary::AotiLibrary(const std::string& path, const std::string& device)
    : m_runner(open(path, device)), m_device(device) {
  auto spec = m_runner->get_call_spec();
  m_in_spec = std::move(spec.at(0));
  m_out_spec = std::move(spec.at(1));
  read_constants();
  measure();
}

AotiLibrary::~AotiLibrary() = default;

void AotiLibrary::read_constants() {
  std::unordered_map<std::string, std::size_t> known;
  const auto values = m_runner->extract_constants_map(/*use_inactive=*/false);
  for (std::size_t i = 0; i < count_constants(*m_runner); ++i) {
    if (GOLDSEAL_ASK(bool, *m_runner, AOTInductorModelContainerGetConstantFromFolded, i)) continue;
    const std::string symbol = GOLDSEAL_ASK(const char*, *m_runner, AOTInductorModelContainerGetConstantName, i);
    const std::string name = GOLDSEAL_ASK(const char*, *m_runner, AOTInductorModelContainerGetConstantOriginalFQN, i);
    const auto [at, added] = known.emplace(name, m_constants.size());
    if (added) m_constants.emplace_back();
    auto& constant = m_constants[at->second];
    constant.symbols.push_back(symbol);
    if (!added) continue;
    constant.name = name;
    const auto kind = GOLDSEAL_ASK(std::int32_t, *m_runner, AOTInductorModelContainerGetConstantType, i);
    constant.parameter = kind == torch::aot_inductor::ConstantType::Parameter;
    constant.buffer = kind == torch::aot_inductor::ConstantType::Buffer;
    if (const auto value = values.find(name); value != values.end()) constant.value = value->second;
  }
}

// A package tells the shapes of its constants only of those that it has. So each gets nothing (no bytes, in more
// dimensions than any has) in the set that no run uses, which then has tensors of the right shape and type.
void AotiLibrary::measure() {
  if (m_constants.empty()) return;
  auto nothing = at::empty(std::vector<std::int64_t>(k_max_dimensions, 0),
                           at::TensorOptions().dtype(at::kByte).device(c10::Device(m_device)));
  torch::inductor::TensorConstantMap tensors;
  for (const auto& constant : m_constants)
    for (const auto& symbol : constant.symbols) tensors.emplace(symbol, &nothing);
  m_runner->update_constant_buffer(tensors, /*use_inactive=*/true, /*validate_full_updates=*/false);
  const auto shaped = m_runner->extract_constants_map(/*use_inactive=*/true);
  for (auto& constant : m_constants) {
    const auto& tensor = shaped.at(constant.name);
    constant.dtype = tensor.scalar_type();
    constant.shape = tensor.sizes().vec();
  }
  m_runner->free_inactive_constant_buffer();
}

void AotiLibrary::use(std::vector<at::Tensor> tensors) {
  std::unordered_map<std::string, at::Tensor> used;
  for (std::size_t i = 0; i < m_constants.size(); ++i) {
    auto& tensor = tensors[i];
    const auto& value = m_constants[i].value;
    if (!tensor.defined()) tensor = value;
    if (!tensor.defined()) continue;
    // The code was compiled for one layout in memory, and asks no tensor for its own.
    if (value.defined() && tensor.strides() != value.strides()) {
      auto copy = at::empty_strided(value.sizes(), value.strides(), tensor.options());
      copy.copy_(tensor);
      tensor = std::move(copy);
    }
    for (const auto& symbol : m_constants[i].symbols) used.emplace(symbol, tensor);
  }
  torch::inductor::TensorConstantMap pointers;
  for (auto& [symbol, tensor] : used) pointers.emplace(symbol, &tensor);
  m_runner->update_constant_buffer(pointers, /*use_inactive=*/false, /*validate_full_updates=*/false,
                                   /*user_managed=*/true);
  m_used = std::move(used);  // moving a map moves none of its elements
}

std::vector<at::Tensor> AotiLibrary::held() const {
  const auto tensors = m_runner->extract_constants_map(/*use_inactive=*/false);
  std::vector<at::Tensor> held(m_constants.size());
  for (std::size_t i = 0; i < m_constants.size(); ++i)
    if (const auto found = tensors.find(m_constants[i].name); found != tensors.end()) held[i] = found->second;
  return held;
}

std::vector<at::Tensor> AotiLibrary::run(const std::vector<at::Tensor>& inputs) { return m_runner->run(inputs); }

}  // namespace goldseal::worker
#endif
