// SPDX-License-Identifier: Apache-2.0
// Darknet's .weights (pjreddie/darknet, src/parser.c, save_weights_upto and load_weights_upto), little-endian:
//
//   i32 major, minor, revision
//   i64 images seen in training, where major * 10 + minor >= 2 and both are below 1000; i32 before
//   for every [convolutional] of the cfg, in its order, float32:
//     bias[n]; with batch_normalize: scale[n], mean[n], variance[n]; weight[n][c / groups][k][k]
//
// No name, no count, no checksum: only the exact size tells a file from one for another network. Names are those of the
// PyTorch-YOLOv3 repositories, as the worker's network has them.
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>

#include <darknet/darknet_cfg.hpp>
#include <darknet/refusal.hpp>

#include <optional>
#include <utility>
#include <variant>

namespace goldseal {
namespace {

using worker::Convolution;
using worker::DarknetCfg;

constexpr std::uint64_t k_float = 4;
constexpr std::uint64_t k_short_header = 16;
constexpr std::uint64_t k_long_header = 20;
constexpr std::uint64_t k_wide_header = 40;  // five int64, which numpy writes where int32 was meant

DarknetCfg read_cfg(const std::filesystem::path& path) {
  try {
    return worker::read_darknet_cfg(path.string());
  } catch (const worker::Refusal& refusal) {
    const auto kind = refusal.kind == worker::RefusalKind::malformed ? ErrorKind::malformed : ErrorKind::unsupported;
    throw Error(kind, escape_unprintable(refusal.where), escape_unprintable(refusal.what()), refusal.remedy);
  }
}

std::uint64_t header_size(std::span<const std::byte> bytes) {
  ByteReader reader("", bytes);
  const auto major = reader.little<std::int32_t>();
  const auto minor = reader.little<std::int32_t>();
  const bool wide = major < 1000 && minor < 1000 && major * 10 + minor >= 2;
  return wide ? k_long_header : k_short_header;
}

std::int64_t weight_count(const Convolution& conv) {
  return conv.filters * (conv.in_channels / conv.groups) * conv.size * conv.size;
}

std::uint64_t convolution_bytes(const Convolution& conv) {
  return static_cast<std::uint64_t>(weight_count(conv) + conv.filters * (conv.batch_normalize ? 4 : 1)) * k_float;
}

std::vector<std::pair<std::size_t, const Convolution*>> convolutions(const DarknetCfg& cfg) {
  std::vector<std::pair<std::size_t, const Convolution*>> result;
  for (std::size_t i = 0; i < cfg.layers.size(); ++i) {
    if (const auto* const conv = std::get_if<Convolution>(&cfg.layers[i].kind)) result.emplace_back(i, conv);
  }
  return result;
}

/// The class count with which the heads of the cfg would make the file `bytes` larger (or smaller).
std::optional<std::int64_t> other_classes(const DarknetCfg& cfg, std::int64_t bytes) {
  std::int64_t classes = 0;
  std::int64_t bytes_each = 0;
  for (std::size_t i = 1; i < cfg.layers.size(); ++i) {
    const auto* const yolo = std::get_if<worker::Yolo>(&cfg.layers[i].kind);
    const auto* const conv = std::get_if<Convolution>(&cfg.layers[i - 1].kind);
    if (yolo == nullptr || conv == nullptr) continue;
    classes = yolo->classes;
    const auto per_filter = static_cast<std::int64_t>(convolution_bytes(*conv)) / conv->filters;
    bytes_each += static_cast<std::int64_t>(yolo->mask.size()) * per_filter;
  }
  if (bytes_each == 0 || bytes % bytes_each != 0 || classes + bytes / bytes_each < 1) return std::nullopt;
  return classes + bytes / bytes_each;
}

/// Layers after which a file of this size, less its header, ends exactly.
std::optional<std::size_t> layers_held(const DarknetCfg& cfg, std::uint64_t bytes) {
  std::uint64_t sum = 0;
  for (const auto& [layer, conv] : convolutions(cfg)) {
    sum += convolution_bytes(*conv);
    if (sum == bytes) return layer + 1;
  }
  return std::nullopt;
}

class WeightsReader {
 public:
  WeightsReader(std::shared_ptr<const MappedFile> file, const std::filesystem::path& path)
      : m_cfg_path(path.string()), m_cfg(read_cfg(path)), m_where(file->path().string()), m_size(file->size()) {
    m_position = header_size(file->bytes());
    m_checkpoint.container = Container::Kind::darknet_weights;
    m_checkpoint.files.push_back(std::move(file));
  }

  Checkpoint run() {
    check_size();
    for (const auto& [layer, conv] : convolutions(m_cfg)) add(layer, *conv);
    m_checkpoint.entries.push_back({".", m_checkpoint.tensors.size(), true});
    return std::move(m_checkpoint);
  }

 private:
  void check_size() const {
    std::uint64_t needed = 0;
    for (const auto& [layer, conv] : convolutions(m_cfg)) needed += convolution_bytes(*conv);
    if (m_position + needed == m_size) return;
    const auto expected = fmt::format("{} bytes expected for {}, {} found", format_count(m_position + needed),
                                      escape_unprintable(m_cfg_path), format_count(m_size));
    if (k_wide_header + needed == m_size) {
      fail(fmt::format("{}: the header has 40 bytes, 20 expected: its five numbers were written as int64, and Darknet "
                       "would read every weight from 5 numbers before it",
                       expected),
           "write the header as int32 major, minor, revision and int64 seen (numpy: header[:3].astype('<i4'), "
           "header[3:].astype('<i8')), then the same numbers again");
    }
    const auto delta = static_cast<std::int64_t>(m_size) - static_cast<std::int64_t>(m_position + needed);
    if (const auto classes = other_classes(m_cfg, delta)) {
      fail(fmt::format("{}: the file fits {} classes", expected, *classes),
           fmt::format("set classes={} and the filters before each [yolo] in the cfg, or take the cfg of these weights",
                       *classes));
    }
    if (const auto layers = layers_held(m_cfg, m_size - m_position)) {
      fail(fmt::format("{}: these are the weights of the first {} of {} layers, from which a training begins", expected,
                       *layers, m_cfg.layers.size()),
           "take the weights of the whole network");
    }
    fail(expected, m_size < m_position + needed ? "copy or download the file again, or take the cfg of these weights"
                                                : "take the cfg that these weights were trained with");
  }

  void add(std::size_t layer, const Convolution& conv) {
    const auto name = fmt::format("module_list.{0}.conv_{0}", layer);
    const auto norm = fmt::format("module_list.{0}.batch_norm_{0}", layer);
    const std::vector<std::int64_t> per_filter{conv.filters};
    if (conv.batch_normalize) {
      add(norm + ".bias", per_filter, true);
      add(norm + ".weight", per_filter, true);
      add(norm + ".running_mean", per_filter, false);
      add(norm + ".running_var", per_filter, false);
    } else {
      add(name + ".bias", per_filter, true);
    }
    add(name + ".weight", {conv.filters, conv.in_channels / conv.groups, conv.size, conv.size}, true);
  }

  void add(std::string name, std::vector<std::int64_t> shape, bool parameter) {
    Tensor tensor;
    tensor.name = std::move(name);
    tensor.strides = contiguous_strides(shape);
    tensor.shape = std::move(shape);
    tensor.storage = m_checkpoint.storages.size();
    tensor.parameter = parameter;
    const auto bytes = tensor_bytes(tensor);
    m_checkpoint.storages.push_back({0, m_position, bytes, {}});
    m_checkpoint.tensors.push_back(std::move(tensor));
    m_position += bytes;
  }

  [[noreturn]] void fail(std::string message, std::string remedy) const {
    throw Error(ErrorKind::malformed, m_where, std::move(message), std::move(remedy));
  }

  std::string m_cfg_path;
  DarknetCfg m_cfg;
  std::string m_where;
  std::uint64_t m_size;
  std::uint64_t m_position = 0;
  Checkpoint m_checkpoint;
};

}  // namespace

bool is_darknet_weights(std::span<const std::byte> bytes) {
  if (bytes.size() < k_wide_header || bytes.size() % k_float != 0) return false;
  ByteReader reader("", bytes);
  const auto major = reader.little<std::int32_t>();
  const auto minor = reader.little<std::int32_t>();
  const auto revision = reader.little<std::int32_t>();
  if (major != 0) return false;
  if (minor == 1 || minor == 2) return revision >= 0 && revision < 10;
  const bool wide = minor == 0 && (revision == 1 || revision == 2) && reader.little<std::int32_t>() == 0;
  return wide;  // the same numbers as int64
}

Checkpoint read_darknet_weights(std::shared_ptr<const MappedFile> file, const std::filesystem::path& cfg) {
  if (cfg.empty()) {
    throw Error(ErrorKind::usage, file->path().string(),
                "these are Darknet weights, which are numbers without names or shapes",
                "name the network that they belong to: --model darknet:FILE.cfg");
  }
  return WeightsReader(std::move(file), cfg).run();
}

}  // namespace goldseal
