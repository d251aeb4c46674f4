// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

#include <array>

namespace goldseal {
namespace {

constexpr RuleKind k_equal = RuleKind::equal;

// A fact that the worker reports is known to `verify` alone; `check` knows it where the target's environment was
// captured with a runtime.
const std::array k_facts{
    Check{.id = "env.torch.version",
          .title = "PyTorch",
          .explanation =
              "The version of PyTorch that runs the model, against the one that it was sealed with. Another version "
              "may lack an operator or "
              "compute it by another kernel; whether the answers stay the same is for the golden checks to say.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "torch.version",
          .remedy = "nothing, if the golden checks pass; else install the sealed version"},
    Check{.id = "env.torch.cuda",
          .title = "CUDA of PyTorch",
          .explanation = "The CUDA version that PyTorch was built for. Another major version brings other cuBLAS and "
                         "cuDNN kernels and needs another driver.",
          .severity = Severity::warn,
          .rule = {RuleKind::same_major, {}},
          .fact = "torch.cuda_build",
          .remedy = "install the PyTorch build for the sealed CUDA version"},
    Check{.id = "env.torch.cudnn",
          .title = "cuDNN of PyTorch",
          .explanation = "The cuDNN version that PyTorch was built with. It chooses convolution algorithms by version.",
          .severity = Severity::warn,
          .rule = {RuleKind::same_major, {}},
          .fact = "torch.cudnn_build",
          .remedy = "install the PyTorch build with the sealed cuDNN"},
    Check{.id = "env.torch.blas",
          .title = "BLAS",
          .explanation = "The linear algebra library behind PyTorch on the CPU. Two of them round differently, and may "
                         "differ tenfold in speed.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "torch.blas",
          .remedy = "nothing, if the golden checks pass"},
    Check{.id = "env.cpu.architecture",
          .title = "CPU architecture",
          .explanation = "The processor's architecture. Another one runs other kernels throughout.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "cpu.architecture",
          .remedy = "nothing, if the golden checks pass"},
    Check{.id = "env.cpu.isa",
          .title = "CPU instruction sets",
          .explanation = "The instruction sets that the sealed machine had must be here too. PyTorch picks its kernels "
                         "by them: with fewer, results change in "
                         "the last bits, and a library built for one that is missing dies of an illegal instruction.",
          .severity = Severity::warn,
          .rule = {RuleKind::superset, {}},
          .fact = "cpu.isa",
          .remedy = "expect differences in the last bits; if the worker dies of SIGILL, use a build for this "
                    "processor, or let the virtual machine pass the host's CPU through"},
    Check{.id = "env.cpu.capability",
          .title = "ATen's CPU kernels",
          .explanation = "Which set of vectorised kernels ATen chose: by the processor, or by ATEN_CPU_CAPABILITY.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "cpu.aten_capability",
          .remedy = "set ATEN_CPU_CAPABILITY to the sealed value to compare like with like"},
    Check{.id = "env.numerics.threads",
          .title = "Threads",
          .explanation = "Threads within one operator. Sums are split among them, so another number rounds differently "
                         "in the last bits.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.threads",
          .remedy = "set OMP_NUM_THREADS to the sealed number for bitwise equal answers"},
    Check{.id = "env.numerics.onednn",
          .title = "oneDNN",
          .explanation = "Whether PyTorch uses oneDNN's convolutions and matrix products on the CPU.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.onednn",
          .remedy = "set torch.backends.mkldnn.enabled as it was sealed"},
    Check{.id = "env.numerics.tf32-matmul",
          .title = "TF32 in matrix products",
          .explanation =
              "TF32 keeps 10 bits of the mantissa on GPUs from Ampere on: errors a thousand times those of float32.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.tf32_matmul",
          .remedy = "set torch.backends.cuda.matmul.allow_tf32 as it was sealed, and unset NVIDIA_TF32_OVERRIDE"},
    Check{.id = "env.numerics.tf32-cudnn",
          .title = "TF32 in convolutions",
          .explanation = "The same for cuDNN's convolutions, where PyTorch allows TF32 by default.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.tf32_cudnn",
          .remedy = "set torch.backends.cudnn.allow_tf32 as it was sealed, and unset NVIDIA_TF32_OVERRIDE"},
};

}  // namespace

std::span<const Check> fact_checks() { return k_facts; }

}  // namespace goldseal
