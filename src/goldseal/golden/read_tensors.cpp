// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/error.hpp>
#include <goldseal/checkpoint/checkpoint.hpp>
#include <goldseal/golden/host_tensor.hpp>

#include <fmt/format.h>

#include <memory>

namespace goldseal {

std::vector<HostTensor> read_tensors(const std::filesystem::path& path) {
  const auto file = std::make_shared<const Checkpoint>(open_checkpoint(path));
  if (file->container != "safetensors") {
    throw Error(ErrorKind::unsupported, path.string(),
                fmt::format("expected a safetensors file, found {}", file->container),
                "save the tensors with safetensors.torch.save_file");
  }
  std::vector<HostTensor> tensors;
  tensors.reserve(file->tensors.size());
  for (const auto& tensor : file->tensors) {
    const auto storage = file->bytes(file->storages.at(tensor.storage));
    const auto begin = static_cast<std::size_t>(tensor.offset) * item_size(tensor.dtype);
    tensors.push_back({tensor.name, tensor.dtype, tensor.shape, file, storage.subspan(begin, tensor_bytes(tensor))});
  }
  return tensors;
}

}  // namespace goldseal
