// SPDX-License-Identifier: Apache-2.0
#include <checks/worker/device.hpp>

#include <checks/catalogue.hpp>
#include <checks/env/host/machine.hpp>
#include <checks/worker/cuda_error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/tensors/element.hpp>
#include <goldseal/worker/device_request.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace goldseal {
namespace {

std::uint64_t run_bytes(const Manifest& sealed, bool float64) {
  if (!float64) return weight_bytes(sealed);
  auto wide = sealed;
  for (auto& tensor : wide.model.tensors) {
    if (is_floating(tensor.dtype) && parts_of(tensor.dtype) == 1) tensor.dtype = DType::float64;
  }
  return weight_bytes(wide);
}

// NVML knows what is free, CUDA how it numbers the GPUs; the UUID joins the two.
std::optional<std::int64_t> free_bytes(const Environment& machine, std::int64_t index) {
  const auto cuda = fmt::format("cuda_device.{}.", index);
  const auto uuid = machine.text(cuda + "uuid");
  const auto installed = installed_gpus(machine);
  for (const auto& gpu : installed) {
    if (uuid && machine.text(gpu.prefix + "uuid") == uuid) return gpu.memory_free_bytes;
  }
  const auto visible = visible_gpus(machine);
  const auto place = static_cast<std::size_t>(index);
  if (visible.size() == installed.size() && place < installed.size()) return installed[place].memory_free_bytes;
  return machine.integer(cuda + "memory_bytes");
}

// What this machine has instead of the GPU that was asked for.
std::string what_there_is(const Observation& observed) {
  const auto& machine = observed.machine.environment;
  if (const auto count = observed.run.device->offered.size(); count > 1)
    return fmt::format("{}", fmt::join(observed.run.device->offered, ", "));
  const auto gpus = installed_gpus(machine);
  const bool built = machine.has("torch.cuda_build") || machine.boolean("torch.cuda") == true;
  return fmt::format("PyTorch {} {} CUDA; {}", machine.shown("torch.version"), built ? "with" : "without",
                     gpus.empty() ? "no GPU that a driver shows" : fmt::format("{}", gpus.front().label));
}

std::string how_to_get_one(const Observation& observed) {
  const auto& machine = observed.machine.environment;
  if (observed.run.device->offered.size() > 1) return "name one of those, or --device cpu";
  if (machine.has("torch.gpu_library_error"))
    return "install the libraries that env.torch.build names, or run with --device cpu";
  const bool built = machine.has("torch.cuda_build") || machine.boolean("torch.cuda") == true;
  if (!built) {
    return shows_nvidia_gpu(machine) ? "install a CUDA build of PyTorch (a +cu label instead of +cpu) and name it with "
                                       "--runtime, or run with --device cpu"
                                     : "run with --device cpu, or on a machine with a GPU and a CUDA build of PyTorch";
  }
  return shows_nvidia_gpu(machine)
             ? "look at what env.driver.present, env.driver.match and env.gpu.visible say, or run "
               "with --device cpu"
             : "run with --device cpu, or on a machine with a GPU; in a container, start it with "
               "`docker run --gpus all`";
}

// A seal without a float64 reference asks for no float64 run; at capture there is no case yet.
bool runs_in_float64(const Manifest& sealed) {
  return sealed.golden.empty() || std::ranges::any_of(sealed.golden, [](const GoldenCase& golden) {
           return std::ranges::any_of(golden.noise, [](const NoiseRecord& noise) { return !noise.native; });
         });
}

Finding short_of_memory(const DeviceShortage& shortage) {
  return failed(fmt::format("the weights do not fit into the free memory of {}; nothing was loaded", shortage.device),
                fmt::format("{} free{}", format_bytes(shortage.need), shortage.float64 ? ", for the float64 run" : ""),
                format_bytes(shortage.free),
                shortage.float64
                    ? "end other programs on it, run with --depth quick (verify) or --device cpu, or use a GPU with "
                      "more memory"
                    : "end other programs on it, use a GPU with more memory, or run with --device cpu");
}

std::string words_of(const WorkerObservation& worker) {
  return worker.failure ? worker.failure->summary : worker.refusal;
}

Finding explained(const CudaCause& cause, const WorkerObservation& worker) {
  auto finding = failed(std::string(cause.cause), "a run without an error of the GPU", words_of(worker),
                        std::string(cause.remedy));
  if (worker.device) finding.message += fmt::format(" (on {})", *worker.device);
  return finding;
}

Finding judge_device(const Observation& observed, const CheckSettings&) {
  if (observed.run.worker) {
    if (const auto* const cause = explain_cuda_error(words_of(*observed.run.worker)))
      return explained(*cause, *observed.run.worker);
  }
  if (!observed.run.device || observed.run.device->offered.empty()) return skipped("the model was not run");
  const auto& device = *observed.run.device;
  if (device.used.empty()) {
    return failed(fmt::format("--device {} is not there", device.asked), device.asked, what_there_is(observed),
                  how_to_get_one(observed));
  }
  if (const auto shortage = find_shortage(observed.sealed, observed.machine, observed.run)) return short_of_memory(*shortage);
  if (device.asked.empty() && device.sealed.is_gpu() && !device.used.front().is_gpu()) {
    return warned(fmt::format("the model was sealed on {} and runs on the CPU here", device.sealed),
                  device.sealed.text(), what_there_is(observed),
                  "nothing, if it is to run on the CPU; --device cuda insists on a GPU");
  }
  return passed(fmt::format("the model was to run on {}", fmt::join(device.used, ", ")));
}

}  // namespace

std::optional<DeviceShortage> find_shortage(const Manifest& sealed, const MachineFindings& machine, const RunFindings& run) {
  if (!run.device) return std::nullopt;
  const bool float64 = run.depth != RunDepth::quick && runs_in_float64(sealed);
  const auto need = run_bytes(sealed, float64);
  for (const auto& device : run.device->used) {
    const auto index = device.gpu_index();
    const auto free = index ? free_bytes(machine.environment, *index) : std::nullopt;
    if (free && need > static_cast<std::uint64_t>(*free))
      return DeviceShortage{device, need, static_cast<std::uint64_t>(*free), float64};
  }
  return std::nullopt;
}

const Check k_worker_device{
    .id = "worker.device",
    .title = "The device that was asked for can run the model",
    .explanation =
        "--device takes cpu, cuda, cuda:N or all. Without it the model runs where it was sealed, if possible. "
        "A device that the runtime lacks, and a GPU with less free memory (NVML) than the weights take, fail before "
        "anything is loaded. Errors of CUDA, cuDNN and cuBLAS (no kernel image, driver too old, cuDNN not initialised, "
        "ECC, out of memory) are named here with what mends them; their own words are in worker.run.",
    .severity = Severity::fail,
    .judge = judge_device,
};

}  // namespace goldseal
