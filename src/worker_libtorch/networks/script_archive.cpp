// SPDX-License-Identifier: Apache-2.0
#include "networks/script_archive.hpp"

#include "darknet/files.hpp"
#include "protocol/error.hpp"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/version.h>

#include <exception>
#include <string_view>

namespace goldseal::worker {
namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// An archive's own errors, told apart by LibTorch's texts; anything else stays what it is.
[[noreturn]] void refuse_load(const std::string& path) {
  const auto refusal = refusal_from_current_exception();
  const std::string text = refusal.what();
  if (has(text, "Unknown builtin op") || has(text, "Unknown type name") ||
      has(text, "object has no attribute or method"))
    throw Refusal(RefusalKind::unsupported, text, path,
                  "the archive needs a newer LibTorch than " TORCH_VERSION
                  ", or a library that registers the operator: use the version that wrote it, or export again here");
  if (has(text, "required keyword attribute 'value' is undefined"))
    throw Refusal(RefusalKind::unsupported,
                  "the archive was saved after torch.jit.optimize_for_inference: its weights became oneDNN constants, "
                  "which PyTorch saves without their values and cannot load (" +
                      text.substr(0, 200) + ")",
                  path, "export the module before optimize_for_inference");
  if (has(text, "maximum supported version"))
    throw Refusal(RefusalKind::unsupported, text, path, "the archive needs a newer LibTorch than " TORCH_VERSION);
  if (has(text, "PytorchStreamReader") || has(text, "failed finding"))
    throw Refusal(RefusalKind::malformed, text, path, "name a TorchScript archive; if it is one, it is damaged");
  throw Refusal(refusal.kind, text, path, refusal.remedy);
}

}  // namespace

torch::jit::Module load_archive(const std::string& path) {
  require_file(path);
  try {
    return torch::jit::load(path, c10::Device(c10::kCPU));
  } catch (...) {
    refuse_load(path);
  }
}

void plan_functions(const torch::jit::CompilationUnit& unit) {
  for (auto* const function : unit.get_functions()) {
    auto* const code = torch::jit::tryToGraphFunction(*function);
    if (code == nullptr) continue;
    torch::jit::Stack none;
    try {
      code->get_executor().getPlanFor(none);
    } catch (const std::exception&) {
      // A run that calls it says what is wrong with it.
    }
  }
}

bool has_floating_constants(const torch::jit::Block& block) {
  for (const auto* node : block.nodes()) {
    for (const auto* inner : node->blocks())
      if (has_floating_constants(*inner)) return true;
    if (node->kind() != torch::jit::prim::Constant) continue;
    const auto value = torch::jit::toIValue(node->output());
    if (value && value->isTensor() && value->toTensor().is_floating_point()) return true;
  }
  return false;
}

}  // namespace goldseal::worker
