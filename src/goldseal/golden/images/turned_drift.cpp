// SPDX-License-Identifier: Apache-2.0
// An input may differ because one side applied a picture's EXIF orientation and the other did not.
// This file tries each turn before it gives up. input_drift.cpp diagnoses the pictures that are
// upright on both sides.
#include <goldseal/golden/images/input_drift.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace goldseal::golden {
namespace {

using Kind = InputDrift::Kind;

// Where a tensor of rank 3 or more keeps the rows of its pictures: behind the channels, or before them.
struct Sides {
  std::size_t rows = 0;  // the axis; that of the columns follows
  std::size_t item = 0;  // bytes of what stands at one place
};

std::optional<Sides> sides_of(const HostTensor& tensor) {
  const auto rank = tensor.shape.size();
  if (rank < 3) return std::nullopt;
  const auto has_channels = [&](std::size_t axis) {
    const auto size = tensor.shape[axis];
    return size == 1 || size == 3 || size == 4;
  };
  if (has_channels(rank - 3)) return Sides{rank - 2, item_size(tensor.dtype)};
  if (!has_channels(rank - 1)) return std::nullopt;
  return Sides{rank - 3, item_size(tensor.dtype) * static_cast<std::size_t>(tensor.shape[rank - 1])};
}

// Each picture of the tensor as that orientation shows it.
HostTensor turned(const HostTensor& tensor, const Sides& sides, Orientation orientation) {
  const auto height = static_cast<std::size_t>(tensor.shape[sides.rows]);
  const auto width = static_cast<std::size_t>(tensor.shape[sides.rows + 1]);
  auto shape = tensor.shape;
  if (swaps_sides(orientation)) std::swap(shape[sides.rows], shape[sides.rows + 1]);
  const auto columns = static_cast<std::size_t>(shape[sides.rows + 1]);
  std::vector<std::byte> bytes(tensor.bytes.size());
  const auto picture = height * width * sides.item;
  for (std::size_t begin = 0; picture > 0 && begin < bytes.size(); begin += picture) {
    for (std::size_t i = 0; i < height * width; ++i) {
      const auto stored = stored_place(orientation, {i / columns, i % columns}, height, width);
      std::memcpy(&bytes[begin + i * sides.item], &tensor.bytes[begin + (stored.y * width + stored.x) * sides.item],
                  sides.item);
    }
  }
  return make_tensor(tensor.name, tensor.dtype, std::move(shape), std::move(bytes));
}

std::string text_of(Orientation orientation, Orientation stated) {
  if (orientation == stated)
    return fmt::format("it is turned by its EXIF orientation ({})", describe(orientation));
  return fmt::format("it is turned, as by an EXIF orientation ({})", describe(orientation));
}

constexpr std::string_view k_remedy =
    "treat the orientation on both sides alike: OpenCV's imread applies it unless cv2.IMREAD_IGNORE_ORIENTATION is "
    "given, PIL and torchvision do not unless ImageOps.exif_transpose is called";

// What may differ beside a turn and still be told from chance.
bool is_telling(const InputDrift& left) {
  constexpr std::array k_kinds{Kind::decoder, Kind::order, Kind::scale, Kind::normalise};
  return left.agrees() || std::ranges::find(k_kinds, left.kind) != k_kinds.end();
}

std::optional<InputDrift> explain_by(Orientation orientation, Orientation stated, const HostTensor& found,
                                     const HostTensor& sealed, const Sides& sides) {
  const auto made = turned(sealed, sides, orientation);
  if (made.shape != found.shape) return std::nullopt;
  auto left = diagnose_upright(found, made);
  if (!is_telling(left)) return std::nullopt;
  const auto more = left.agrees() ? std::string() : fmt::format("; beyond that, {}", left.text);
  return InputDrift{Kind::turn, text_of(orientation, stated) + more,
                    left.agrees() ? std::string(k_remedy) : fmt::format("{}, and {}", k_remedy, left.remedy),
                    left.max_abs, left.differing_share};
}

}  // namespace

InputDrift diagnose_input(const HostTensor& found, const HostTensor& sealed, Orientation stated) {
  auto drift = diagnose_upright(found, sealed);
  // A mirrored picture has a name of its own, unless its file asked for it.
  const bool open = drift.kind == Kind::other || drift.kind == Kind::type || drift.kind == Kind::resize;
  const bool asked = stated != k_as_stored && drift.kind == Kind::mirror;
  const auto sides = sides_of(sealed);
  if ((!open && !asked) || !sides || found.dtype != sealed.dtype) return drift;
  if (stated != k_as_stored) {
    if (auto turn = explain_by(stated, stated, found, sealed, *sides)) return *turn;
  }
  for (const Orientation orientation : {6, 8, 3, 5, 7}) {
    if (asked || orientation == stated) continue;
    if (auto turn = explain_by(orientation, stated, found, sealed, *sides)) return *turn;
  }
  return drift;
}

}  // namespace goldseal::golden
