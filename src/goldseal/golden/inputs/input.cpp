// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/inputs/input.hpp>

#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/npy_header.hpp>
#include <goldseal/golden/images/jpeg.hpp>
#include <goldseal/golden/images/orientation.hpp>
#include <goldseal/golden/images/png.hpp>
#include <goldseal/golden/inputs/random_input.hpp>
#include <goldseal/golden/tensors/npy.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

namespace goldseal::golden {
namespace {

std::string shown(const InputSlot& slot) {
  std::vector<std::string> sizes;
  sizes.reserve(slot.shape.size());
  for (const auto& size : slot.shape) sizes.push_back(size ? std::to_string(*size) : "any");
  return fmt::format("[{}]", fmt::join(sizes, ", "));
}

bool fits(std::span<const std::int64_t> shape, const InputSlot& slot) {
  return std::ranges::equal(shape, slot.shape,
                            [](std::int64_t found, const auto& wanted) { return !wanted || *wanted == found; });
}

std::string shape_remedy(const HostTensor& tensor, const InputSlot& slot, bool picture) {
  if (picture && slot.shape.size() == 4 && slot.shape[2] && slot.shape[3]) {
    return fmt::format("resize the picture to {} wide and {} high before capture, as your preprocessing does",
                       *slot.shape[3], *slot.shape[2]);
  }
  if (tensor.shape.size() + 1 == slot.shape.size()) return "add the batch axis: np.save(path, array[None])";
  return "give an input of the network's shape";
}

void require_fit(const InputSpec& spec, const HostTensor& tensor, const InputSlot& slot, bool picture) {
  const auto where = fmt::format("input {} ({})", slot.name, spec.text);
  if (!slot.shape.empty() && !fits(tensor.shape, slot)) {
    throw Error(ErrorKind::usage, where,
                fmt::format("expected shape {}, found {}", shown(slot), format_shape(tensor.shape)),
                shape_remedy(tensor, slot, picture));
  }
  if (slot.dtype && *slot.dtype != tensor.dtype) {
    throw Error(ErrorKind::usage, where,
                fmt::format("expected {}, found {}", to_string(*slot.dtype), to_string(tensor.dtype)),
                fmt::format("convert it as your preprocessing does: array.astype(np.{})", to_string(*slot.dtype)));
  }
}

struct Loaded {
  HostTensor tensor;
  bool picture = false;
};

// A file that holds tensors by name: the one of the input's name, or the only one.
HostTensor tensor_in(const std::filesystem::path& path, const std::string& name) {
  auto tensors = read_all_tensors(path);
  if (tensors.size() == 1 && (name.empty() || find_tensor(tensors, name) == nullptr)) return tensors.front();
  if (const auto* const found = find_tensor(tensors, name)) return *found;
  std::vector<std::string> names;
  names.reserve(tensors.size());
  for (const auto& tensor : tensors) names.push_back(escape_unprintable(tensor.name));
  throw Error(ErrorKind::usage, path.string(),
              fmt::format("expected a tensor '{}' or a file of one tensor, found {}", name, fmt::join(names, ", ")),
              "name the input as the tensor is named: --input NAME=FILE");
}

bool is_picture(std::span<const std::byte> bytes) { return is_png(bytes) || is_jpeg(bytes); }

Loaded load(const FileSource& source, const InputSpec& spec) {
  auto file = std::make_shared<const MappedFile>(source.path);
  const auto bytes = file->bytes();
  const auto name = source.path.string();
  if (is_npy(bytes)) return {read_npy(name, bytes, std::move(file)), false};
  if (is_picture(bytes))
    return {preprocess(decode_picture(name, bytes), spec.preprocessing.value_or(Preprocessing{})), true};
  return {tensor_in(source.path, spec.name), false};
}

Loaded load(const RandomSource& source, const InputSpec& /*spec*/) { return {make_random(source), false}; }

const InputSlot* slot_of(const InputSpec& spec, std::span<const InputSlot> slots) {
  if (slots.empty()) return nullptr;
  if (spec.name.empty() && std::ranges::count(slots, true, &InputSlot::required) == 1)
    return &*std::ranges::find(slots, true, &InputSlot::required);
  const auto found = std::ranges::find(slots, spec.name, &InputSlot::name);
  if (found != slots.end()) return &*found;
  std::vector<std::string> names;
  names.reserve(slots.size());
  for (const auto& slot : slots) names.push_back(slot.name);
  const auto near = did_you_mean(spec.name, names);
  throw Error(
      ErrorKind::usage, fmt::format("--input {}={}", spec.name, spec.text),
      fmt::format("expected one of the network's inputs ({}), found '{}'", fmt::join(names, ", "), spec.name),
      near ? fmt::format("write {}={}", *near, spec.text) : fmt::format("write {}={}", names.front(), spec.text));
}

void refuse_twice(std::span<const HostTensor> tensors, const std::string& name) {
  if (find_tensor(tensors, name) == nullptr) return;
  throw Error(ErrorKind::usage, "--input", fmt::format("expected each input once, found '{}' twice", name),
              "give further cases as cases of their own");
}

}  // namespace

void add_files(const InputSpec& spec, std::vector<std::filesystem::path>& files) {
  if (const auto* const source = std::get_if<FileSource>(&spec.source)) files.push_back(source->path);
}

Picture decode_picture(const std::string& name, std::span<const std::byte> bytes) {
  auto picture = is_jpeg(bytes) ? decode_jpeg(name, bytes) : decode_png(name, bytes);
  picture.orientation = orientation_of(bytes);
  return picture;
}

std::optional<HostTensor> encoded_picture(const InputSpec& spec) {
  const auto* const source = std::get_if<FileSource>(&spec.source);
  if (source == nullptr) return std::nullopt;
  auto file = std::make_shared<const MappedFile>(source->path);
  const auto bytes = file->bytes();
  if (!is_picture(bytes)) return std::nullopt;
  return HostTensor{spec.name, DType::uint8, {static_cast<std::int64_t>(bytes.size())}, std::move(file), bytes};
}

HostTensor make_input(const InputSpec& spec, const InputSlot* slot) {
  auto [tensor, picture] = std::visit([&](const auto& source) { return load(source, spec); }, spec.source);
  if (slot != nullptr) require_fit(spec, tensor, *slot, picture);
  tensor.name = slot != nullptr ? slot->name : spec.name.empty() ? "input" : spec.name;
  return tensor;
}

std::vector<HostTensor> make_inputs(std::span<const InputSpec> specs, std::span<const InputSlot> slots) {
  std::vector<HostTensor> made;
  for (const auto& spec : specs) {
    auto tensor = make_input(spec, slot_of(spec, slots));
    refuse_twice(made, tensor.name);
    made.push_back(std::move(tensor));
  }
  if (slots.empty()) return made;
  std::vector<HostTensor> ordered;
  for (const auto& slot : slots) {
    const auto* const tensor = find_tensor(made, slot.name);
    if (tensor == nullptr && !slot.required) continue;
    if (tensor == nullptr) {
      throw Error(ErrorKind::usage, "--input",
                  fmt::format("expected an input for '{}' {}, found none", slot.name, shown(slot)),
                  fmt::format("add --input {}=FILE.npy", slot.name));
    }
    ordered.push_back(*tensor);
  }
  return ordered;
}

}  // namespace goldseal::golden
