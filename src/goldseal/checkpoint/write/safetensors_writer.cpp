// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/write/safetensors_writer.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/tensors/safetensors_limits.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstring>

namespace goldseal {
namespace {

constexpr std::string_view k_reserved_name = "__metadata__";

void require_writable(const TensorToWrite& tensor) {
  if (tensor.name == k_reserved_name || !is_utf8(tensor.name)) {
    throw Error(ErrorKind::usage, "safetensors",
                fmt::format("a tensor cannot be called '{}': the format {}", escape_unprintable(tensor.name),
                            tensor.name == k_reserved_name ? "keeps that name for itself" : "takes names in UTF-8 alone"),
                "rename it, or write a .pth instead");
  }
  // A pair of 4-bit numbers has its two along the last dimension, and a scalar has none.
  const bool lone_pair = tensor.dtype == DType::float4_e2m1fn_x2 && tensor.shape.empty();
  if (safetensors_name(tensor.dtype) && !lone_pair) return;
  throw Error(ErrorKind::unsupported, "safetensors",
              fmt::format("tensor '{}' has the element type {}, which the format lacks",
                          escape_unprintable(tensor.name), to_string(tensor.dtype)),
              "write a .pth instead");
}

}  // namespace

std::string write_safetensors_header(std::span<const TensorToWrite> tensors,
                                     std::span<const std::pair<std::string, std::string>> metadata) {
  auto header = nlohmann::ordered_json::object();
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  std::uint64_t position = 0;
  // One object a tensor, written by itself: an ordered object looks a key up by walking all of them.
  std::string text = header.empty() ? "{" : header.dump().substr(0, header.dump().size() - 1);
  for (const auto& tensor : tensors) {
    require_writable(tensor);
    const nlohmann::ordered_json entry = {{"dtype", *safetensors_name(tensor.dtype)},
                                          {"shape", logical_shape(tensor.dtype, tensor.shape)},
                                          {"data_offsets", {position, position + tensor.bytes.size()}}};
    if (text.size() > 1) text += ',';
    text += nlohmann::json(tensor.name).dump() + ':' + entry.dump();
    position += tensor.bytes.size();
  }
  text += '}';
  constexpr std::size_t k_alignment = 8;
  text.resize((text.size() + k_alignment - 1) / k_alignment * k_alignment, ' ');
  const std::uint64_t size = text.size();
  if (size > k_safetensors_header_limit) {
    throw Error(ErrorKind::unsupported, "safetensors",
                fmt::format("{} tensors under such names need a header of {} MB, and safetensors reads {} MB at most",
                            format_count(tensors.size()), (size + 999'999) / 1'000'000,
                            k_safetensors_header_limit / 1'000'000),
                "write a .pth instead");
  }
  std::string result(sizeof(size), '\0');
  std::memcpy(result.data(), &size, sizeof(size));
  return result + text;
}

std::string write_safetensors(std::span<const TensorToWrite> tensors,
                              std::span<const std::pair<std::string, std::string>> metadata) {
  auto file = write_safetensors_header(tensors, metadata);
  std::size_t bytes = file.size();
  for (const auto& tensor : tensors) bytes += tensor.bytes.size();
  file.reserve(bytes);
  for (const auto& tensor : tensors)
    file.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  return file;
}

}  // namespace goldseal
