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
          .title = "PyTorch's CUDA",
          .explanation = "The CUDA version that PyTorch was built for. Another major version brings other cuBLAS and "
                         "cuDNN kernels and needs another driver.",
          .severity = Severity::warn,
          .rule = {RuleKind::same_major, {}},
          .fact = "torch.cuda_build",
          .remedy = "install the PyTorch build for the sealed CUDA version"},
    Check{.id = "env.torch.cudnn",
          .title = "PyTorch's cuDNN",
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
    Check{.id = "env.torch.quantized-engines",
          .title = "The set of quantized engines",
          .explanation =
              "The engines that PyTorch was built with for quantized operators. A model that was quantized for "
              "an engine that is missing stops with \"Didn't find engine for operation quantized::…\".",
          .severity = Severity::fail,
          .rule = {RuleKind::superset, {}},
          .fact = "torch.quantized_engines",
          .remedy = "set torch.backends.quantized.engine = 'qnnpack', or install a build with the sealed engine"},
    Check{.id = "env.torch.onednn",
          .title = "oneDNN's version",
          .explanation =
              "The version of oneDNN inside PyTorch, whose convolutions run on the CPU. Releases have differed "
              "in results, by bugs too (pytorch/pytorch#18218).",
          .severity = Severity::info,
          .rule = {k_equal, {}},
          .fact = "torch.onednn",
          .remedy = "nothing, if the golden checks pass"},
    Check{.id = "env.torch.kernel-libraries",
          .title = "The set of PyTorch's kernel libraries",
          .explanation =
              "The libraries of kernels that PyTorch was built with (MKL, oneDNN, FBGEMM, XNNPACK, cuDNN …). Where one "
              "is missing, another library computes in its place and rounds differently, or an operator is not there: "
              "an archive that was optimised for mobile devices needs XNNPACK, float16 weights packed for FBGEMM "
              "need that.",
          .severity = Severity::info,
          .rule = {RuleKind::superset, {}},
          .fact = "torch.kernel_libraries",
          .remedy = "nothing, if the golden checks pass; else install a build with the same libraries"},
    Check{.id = "env.driver.version",
          .title = "The NVIDIA driver",
          .explanation =
              "The version of the NVIDIA driver. It compiles PTX and schedules kernels; results do not depend "
              "on it otherwise, but a fleet is easier to understand with one.",
          .severity = Severity::info,
          .rule = {k_equal, {}},
          .fact = "driver.version",
          .remedy = "nothing, if the golden checks pass"},
    Check{.id = "env.host.os",
          .title = "The operating system",
          .explanation =
              "The distribution and its version. What matters of it, glibc and libstdc++, has a check of its own.",
          .severity = Severity::info,
          .rule = {k_equal, {}},
          .fact = "host.os",
          .remedy = "nothing, if the golden checks pass"},
    Check{.id = "env.python.version",
          .title = "Python",
          .explanation = "The Python that has the PyTorch. Results do not depend on it, pickled objects may.",
          .severity = Severity::info,
          .rule = {RuleKind::same_minor, {}},
          .fact = "python.version",
          .remedy = "nothing, if the golden checks pass"},
    Check{.id = "env.python.pillow",
          .title = "Pillow",
          .explanation = "The image library that decodes and resizes inputs. Another version, or Pillow-SIMD, decodes "
                         "the same JPEG to other pixels (python-pillow/Pillow#3833).",
          .severity = Severity::warn,
          .rule = {RuleKind::same_major, {}},
          .fact = "python.package.pillow",
          .remedy = "install the sealed version, or seal the decoded tensor"},
    Check{.id = "env.python.numpy",
          .title = "NumPy",
          .explanation =
              "NumPy's major version. A checkpoint that pickles NumPy objects under 2 fails under 1: \"No module "
              "named 'numpy._core'\".",
          .severity = Severity::warn,
          .rule = {RuleKind::same_major, {}},
          .fact = "python.package.numpy",
          .remedy = "install the sealed major version, or save tensors alone"},
    Check{.id = "env.cpu.architecture",
          .title = "The CPU's architecture",
          .explanation = "The processor's architecture. Another one runs other kernels throughout.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "cpu.architecture",
          .remedy = "nothing, if the golden checks pass"},
    Check{.id = "env.cpu.isa",
          .title = "The CPU's instruction set",
          .explanation = "The instruction sets that the sealed machine had must be here too. PyTorch picks its kernels "
                         "by them: with fewer, results change in "
                         "the last bits, and a library built for one that is missing dies of an illegal instruction.",
          .severity = Severity::warn,
          .rule = {RuleKind::superset, {}},
          .fact = "cpu.isa",
          .remedy = "expect differences in the last bits; if the worker dies of SIGILL, use a build for this "
                    "processor, or let the virtual machine pass the host's CPU through"},
    Check{.id = "env.cpu.capability",
          .title = "ATen's set of CPU kernels",
          .explanation = "Which set of vectorised kernels ATen chose: by the processor, or by ATEN_CPU_CAPABILITY.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "cpu.aten_capability",
          .remedy = "set ATEN_CPU_CAPABILITY to the sealed value to compare like with like"},
    Check{.id = "env.numerics.threads",
          .title = "The number of threads",
          .explanation = "Threads within one operator. Sums are split among them, so another number rounds differently "
                         "in the last bits.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.threads",
          .remedy = "set OMP_NUM_THREADS to the sealed number for bitwise equal answers"},
    Check{.id = "env.numerics.onednn",
          .title = "The use of oneDNN",
          .explanation = "Whether PyTorch uses oneDNN's convolutions and matrix products on the CPU.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.onednn",
          .remedy = "set torch.backends.mkldnn.enabled as it was sealed"},
    Check{.id = "env.numerics.tf32-matmul",
          .title = "The use of TF32 in matrix products",
          .explanation =
              "TF32 keeps 10 bits of the mantissa on GPUs from Ampere on: errors a thousand times those of float32.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.tf32_matmul",
          .remedy = "set torch.backends.cuda.matmul.allow_tf32 as it was sealed, and unset NVIDIA_TF32_OVERRIDE"},
    Check{.id = "env.numerics.tf32-cudnn",
          .title = "The use of TF32 in convolutions",
          .explanation = "The same for cuDNN's convolutions, where PyTorch allows TF32 by default.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.tf32_cudnn",
          .remedy = "set torch.backends.cudnn.allow_tf32 as it was sealed, and unset NVIDIA_TF32_OVERRIDE"},
    Check{.id = "env.numerics.matmul-precision",
          .title = "The precision of matrix products",
          .explanation = "torch.set_float32_matmul_precision: \"high\" and \"medium\" let float32 products use TF32 or "
                         "bfloat16.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.matmul_precision",
          .remedy = "call torch.set_float32_matmul_precision as it was sealed"},
    Check{.id = "env.numerics.fp16-reduction",
          .title = "The use of narrow sums of float16 products",
          .explanation = "Whether cuBLAS may add up float16 products in float16.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.fp16_reduction",
          .remedy = "set torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction as it was sealed"},
    Check{.id = "env.numerics.bf16-reduction",
          .title = "The use of narrow sums of bfloat16 products",
          .explanation = "Whether cuBLAS may add up bfloat16 products in bfloat16.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.bf16_reduction",
          .remedy = "set torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction as it was sealed"},
    Check{.id = "env.numerics.deterministic",
          .title = "The use of deterministic algorithms",
          .explanation =
              "torch.use_deterministic_algorithms: without it, some CUDA operators add in an order that differs "
              "from run to run.",
          .severity = Severity::warn,
          .rule = {k_equal, {}},
          .fact = "numerics.deterministic_algorithms",
          .remedy = "call torch.use_deterministic_algorithms as it was sealed"},
};

}  // namespace

std::span<const Check> fact_checks() { return k_facts; }

}  // namespace goldseal
