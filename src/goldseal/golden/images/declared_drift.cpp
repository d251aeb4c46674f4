// SPDX-License-Identifier: Apache-2.0
// A seal that declares its preprocessing allows a better diagnosis than two tensors alone. Each
// declared step is changed in turn until the picture gives the tensor that was found.
// input_drift.cpp covers the inputs for which no step is declared.
#include <goldseal/golden/images/preprocess.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::golden {
namespace {

using Kind = InputDrift::Kind;
using Resize = Preprocessing::Resize;

// Room for float32 arithmetic in another order, in grey levels.
constexpr double k_rounding_levels = 0.01;
// A changed step explains an input where at most this share of the elements lies beyond the tolerance: resizers differ
// at a few pixels by more than a level.
constexpr double k_stray_share = 0.001;

// Decoders of one picture lie within this many grey levels of each other, chroma upsampling at edges included.
constexpr double k_decoder_levels = 24;
// A changed step and another decoder explain an input together where they leave at most this share of the difference.
constexpr double k_left_share = 1.0 / 3;

struct Variant {
  Preprocessing steps;
  Kind kind;
  std::string text;
  std::string remedy;
  Orientation orientation = k_as_stored;
};

struct Distance {
  double mean = 0;  ///< grey levels
  double max = 0;
  double stray = 1;  ///< share of elements beyond the tolerance
};

// Differences in grey levels of the declared scale and deviation.
Distance distance(const HostTensor& found, const HostTensor& made, const Preprocessing& declared) {
  if (found.shape != made.shape) return {std::numeric_limits<double>::infinity(), 0, 1};
  std::vector<double> a(found.numel());
  std::vector<double> b(made.numel());
  copy_as_double(found, 0, a);
  copy_as_double(made, 0, b);
  const std::size_t area = a.size() / 3;
  double sum = 0;
  std::size_t stray = 0;
  Distance result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double levels =
        std::abs(a[i] - b[i]) * declared.deviation[std::min<std::size_t>(i / area, 2)] * declared.scale;
    sum += levels;
    result.max = std::max(result.max, levels);
    if (!(levels <= declared.tolerance + k_rounding_levels)) ++stray;
  }
  result.mean = sum / static_cast<double>(a.size());
  result.stray = static_cast<double>(stray) / static_cast<double>(a.size());
  return result;
}

constexpr std::string_view k_decoder_remedy = "decode with the library, and the version, that sealed it";

std::string decoder_text(const Distance& left) {
  return fmt::format("it is off by {:.2g} grey levels on average and {:.3g} at most: another picture decoder",
                     left.mean, left.max);
}

std::vector<Variant> with_another_size_step(const Preprocessing& declared) {
  std::vector<Variant> variants;
  if (!declared.size) return variants;
  for (const auto resize : {Resize::nearest, Resize::nearest_exact, Resize::bilinear, Resize::bilinear_antialias,
                            Resize::bicubic, Resize::bicubic_antialias}) {
    if (resize == declared.resize) continue;
    auto steps = declared;
    steps.resize = resize;
    variants.push_back(
        {steps, Kind::resize,
         fmt::format("it is resized by {}, not by {} as declared", to_string(resize), to_string(declared.resize)),
         fmt::format("resize by {}", to_string(declared.resize))});
  }
  for (const int grey : {-1, 0, 114, 128, 255}) {
    auto steps = declared;
    steps.letterbox = grey < 0 ? std::nullopt : std::optional(grey);
    if (steps == declared) continue;
    const auto shown = [](const std::optional<int>& bars) {
      return bars ? fmt::format("padded with grey {}", *bars) : std::string("stretched to the size");
    };
    variants.push_back({steps, Kind::resize,
                        fmt::format("it is {}, not {} as declared", shown(steps.letterbox), shown(declared.letterbox)),
                        fmt::format("have it {}", shown(declared.letterbox))});
  }
  return variants;
}

std::vector<Variant> with_other_numbers(const Preprocessing& declared) {
  std::vector<Variant> variants;
  for (const double scale : {1.0, 255.0, 256.0, 127.5}) {
    if (scale == declared.scale) continue;
    auto steps = declared;
    steps.scale = scale;
    variants.push_back({steps, Kind::scale,
                        fmt::format("it is divided by {}, not by {} as declared", scale, declared.scale),
                        fmt::format("divide by {}", declared.scale)});
  }
  auto plain = declared;
  plain.mean = {0, 0, 0};
  plain.deviation = {1, 1, 1};
  if (!(plain == declared))
    variants.push_back({plain, Kind::normalise, "it is not normalised by the declared mean and std",
                        "subtract the mean and divide by the std"});
  return variants;
}

std::vector<Variant> variants_of(const Preprocessing& declared) {
  auto variants = with_another_size_step(declared);
  std::ranges::move(with_other_numbers(declared), std::back_inserter(variants));
  auto swapped = declared;
  swapped.bgr = !declared.bgr;
  const auto* const found_order = declared.bgr ? "RGB" : "BGR";
  const auto* const order = declared.bgr ? "BGR" : "RGB";
  const auto count = variants.size();
  for (std::size_t i = 0; i < count; ++i) {
    auto both = variants[i];
    both.steps.bgr = swapped.bgr;
    both.text += fmt::format(", and its channels are {}, not {}", found_order, order);
    both.remedy += ", and reverse the channels";
    variants.push_back(std::move(both));
  }
  variants.push_back({swapped, Kind::order, fmt::format("its channels are {}, not {} as declared", found_order, order),
                      "reverse the channels: image[..., ::-1] before the tensor is made"});
  return variants;
}

// The picture turned by what its file states, alone and beside each other changed step: OpenCV turns it, gives BGR and
// resizes in its own way.
void add_turned(const Preprocessing& declared, Orientation stated, std::vector<Variant>& variants) {
  if (stated == k_as_stored) return;
  constexpr std::string_view k_way =
      "treat the picture's orientation on both sides alike: cv2.IMREAD_IGNORE_ORIENTATION, or ImageOps.exif_transpose";
  const auto text = fmt::format("it is turned by its EXIF orientation ({})", describe(stated));
  const auto count = variants.size();
  variants.push_back({declared, Kind::turn, text, std::string(k_way), stated});
  for (std::size_t i = 0; i < count; ++i) {
    auto both = variants[i];
    both.kind = Kind::turn;
    both.text = fmt::format("{}; beyond that, {}", text, both.text);
    both.remedy = fmt::format("{}, and {}", k_way, both.remedy);
    both.orientation = stated;
    variants.push_back(std::move(both));
  }
}

}  // namespace

InputDrift diagnose_declared(const HostTensor& found, const HostTensor& sealed, const Picture& picture,
                             const Preprocessing& declared) {
  auto drift = diagnose_input(found, sealed, picture.orientation);
  if (drift.agrees() || found.dtype != sealed.dtype || found.shape != sealed.shape) return drift;
  const auto own = distance(found, sealed, declared);
  const bool tolerated = own.max <= declared.tolerance + k_rounding_levels;
  const Variant* nearest = nullptr;
  auto least = own;
  const Variant* decoded = nullptr;  // what is nearest but for another decoder
  Distance left{.mean = k_left_share * own.mean};
  auto variants = variants_of(declared);
  add_turned(declared, picture.orientation, variants);
  for (const auto& variant : variants) {
    const auto made = variant.orientation == k_as_stored
                          ? preprocess(picture, variant.steps)
                          : preprocess(oriented(picture, variant.orientation), variant.steps);
    const auto here = distance(found, made, declared);
    if (here.max <= k_decoder_levels && here.mean < left.mean) {
      left = here;
      decoded = &variant;
    }
    if (here.stray > k_stray_share || here.mean >= least.mean) continue;
    // Within the tolerance nothing but a changed step that gives the very input is more than rounding.
    if (tolerated && here.max > k_rounding_levels) continue;
    least = here;
    nearest = &variant;
  }
  if (nearest != nullptr) return {nearest->kind, nearest->text, nearest->remedy, drift.max_abs, drift.differing_share};
  if (tolerated) {
    return {Kind::rounding,
            fmt::format("it differs by at most {:.3g} grey levels, {:.3g} are declared", own.max, declared.tolerance),
            "", drift.max_abs, drift.differing_share};
  }
  // What has a name of its own (a mirror, a changed order) is not explained by a step and a decoder that come near it.
  const bool unnamed = drift.kind == Kind::other || drift.kind == Kind::decoder || drift.kind == Kind::resize;
  if (unnamed && own.max > k_decoder_levels && decoded != nullptr) {
    return {decoded->kind, fmt::format("{}; beyond that, {}", decoded->text, decoder_text(left)),
            fmt::format("{}, and {}", decoded->remedy, k_decoder_remedy), drift.max_abs, drift.differing_share};
  }
  if (drift.kind == Kind::other && own.max <= k_decoder_levels)
    return {Kind::decoder, decoder_text(own), std::string(k_decoder_remedy), drift.max_abs, drift.differing_share};
  return drift;
}

}  // namespace goldseal::golden
