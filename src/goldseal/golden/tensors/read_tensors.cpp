// SPDX-License-Identifier: Apache-2.0
// Inputs and saved results lie in the file formats of checkpoints. This file opens them with the
// checkpoint reader and hands out HostTensors, mapped where possible.
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <fmt/format.h>

#include <memory>
#include <utility>

namespace goldseal {
namespace {

std::vector<HostTensor> tensors_of(const std::shared_ptr<const Checkpoint>& file) {
  std::vector<HostTensor> tensors;
  tensors.reserve(file->tensors.size());
  for (const auto& tensor : file->tensors) {
    tensors.push_back(borrow_tensor(*file, tensor));
    if (!tensors.back().owner) tensors.back().owner = file;
  }
  return tensors;
}

}  // namespace

HostTensor borrow_tensor(const Checkpoint& checkpoint, const Tensor& tensor) {
  if (const auto run = as_run(checkpoint, tensor)) return {tensor.name, tensor.dtype, tensor.shape, nullptr, *run};
  std::vector<std::byte> bytes;
  for_each_piece(checkpoint, tensor, [&](auto piece) { bytes.insert(bytes.end(), piece.begin(), piece.end()); });
  return make_tensor(tensor.name, tensor.dtype, tensor.shape, std::move(bytes));
}

std::vector<HostTensor> read_tensors(std::shared_ptr<const MappedFile> mapped) {
  const auto path = mapped->path();
  const auto file = std::make_shared<const Checkpoint>(open_checkpoint(std::move(mapped)));
  if (file->container != Container::Kind::safetensors) {
    throw Error(ErrorKind::unsupported, path.string(),
                fmt::format("expected a safetensors file, found {}", to_string(file->container)),
                "save the tensors with safetensors.torch.save_file");
  }
  return tensors_of(file);
}

std::vector<HostTensor> read_tensors(const std::filesystem::path& path) {
  return read_tensors(std::make_shared<const MappedFile>(path));
}

std::vector<HostTensor> read_all_tensors(const std::filesystem::path& path) {
  return tensors_of(std::make_shared<const Checkpoint>(open_checkpoint(path)));
}

}  // namespace goldseal
