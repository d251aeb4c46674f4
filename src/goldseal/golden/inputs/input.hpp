// SPDX-License-Identifier: Apache-2.0
// Users name golden inputs as files, as pictures or as random values. This file parses such a name
// and makes the tensor, fitted to what the network declares. Decoding and preprocessing pictures
// belongs to golden/images.
#pragma once

#include <goldseal/golden/images/preprocess.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace goldseal::golden {

/// Values drawn from std::mt19937_64, whose output the C++ standard fixes: the same on every machine.
struct RandomSource {
  enum class Kind {
    uniform,  ///< [0, 1): the top 24 bits of each draw times 2^-24
    normal,   ///< mean 0, deviation 1: the sum of 12 uniform values less 6, exact until its one rounding
    integer,  ///< int64 in [0, below): a draw modulo `below`
  };
  std::vector<std::int64_t> shape;
  std::uint64_t seed = 0;
  Kind kind = Kind::uniform;
  std::uint64_t below = 2;
  DType dtype = DType::float32;  ///< of uniform and normal values: float32, float64, float16 or bfloat16, rounded once
};

/// A file, read for what its first bytes say it is.
struct FileSource {
  std::filesystem::path path;
};

/// One `--input`.
struct InputSpec {
  std::string name;  ///< empty: the network's only input
  std::string text;  ///< as given, without the name; GoldenTensor::source keeps it
  std::variant<RandomSource, FileSource> source;
  std::optional<Preprocessing> preprocessing = {};  ///< of a picture; nothing: RGB over 255, as large as it is
};

/// Adds the file that an input is read from, if there is one.
void add_files(const InputSpec& spec, std::vector<std::filesystem::path>& files);

/// The file of a spec where it is an encoded picture, as uint8; nothing for other specs.
[[nodiscard]] std::optional<HostTensor> encoded_picture(const InputSpec& spec);

/// Decodes a PNG or JPEG. `name` stands in errors. Throws Error{malformed, unsupported}.
[[nodiscard]] Picture decode_picture(const std::string& name, std::span<const std::byte> bytes);

/// Parses `[NAME=]FILE` — a .npy array, a PNG or JPEG picture, or any file that open_checkpoint reads (safetensors,
/// torch.save), whose tensor NAME or only tensor is taken — or
/// `[NAME=]random:1x3x416x416[,seed=7][,normal][,float16][,below=1000]` (below: integers). Throws Error{usage} that
/// shows the form.
[[nodiscard]] InputSpec parse_input(std::string_view argument);

/// What a network says of one of its inputs; a size that it leaves open is nothing.
struct InputSlot {
  std::string name;
  std::vector<std::optional<std::int64_t>> shape;
  std::optional<DType> dtype;
  bool required = true;
};

/// Makes the tensor of one input and compares it with the network's slot, if that is known. Pictures become float32
/// 1x3xHxW by the spec's preprocessing; without one RGB, 8 bit over 255. Throws Error with what was expected, found,
/// and how to convert.
[[nodiscard]] HostTensor make_input(const InputSpec& spec, const InputSlot* slot = nullptr);

/// All inputs of one case: each spec goes to the slot of its name, in the slots' order where there are any. Throws
/// Error{usage} for a name twice, an unknown one, or a slot without input.
[[nodiscard]] std::vector<HostTensor> make_inputs(std::span<const InputSpec> specs, std::span<const InputSlot> slots);

}  // namespace goldseal::golden
