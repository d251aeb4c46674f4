// SPDX-License-Identifier: Apache-2.0
// A sealed input is reproducible only if every step from the file to the tensor is written down.
// Preprocessing is that list of steps, as text and as code. Decoding belongs to png.hpp and
// jpeg.hpp, the diagnosis of differences to input_drift.hpp.
#pragma once

#include <goldseal/golden/images/input_drift.hpp>
#include <goldseal/golden/images/picture.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace goldseal::golden {

/// How an encoded picture becomes the network's input, float32 [1, 3, height, width]. The steps in their order: resize
/// (the result rounded to 8 bits), pad, reorder the channels, divide by `scale`, subtract `mean`, divide by
/// `deviation`; the last three in float32.
struct Preprocessing {
  enum class Resize {
    nearest,             ///< of OpenCV and torch.nn.functional.interpolate: the pixel at the corner
    nearest_exact,       ///< of PIL: the pixel at the centre
    bilinear,            ///< of OpenCV and torch.nn.functional.interpolate: no smoothing when a picture shrinks
    bilinear_antialias,  ///< of PIL, and of torchvision by default
    bicubic,             ///< as bilinear, with the cubic kernel of OpenCV and PyTorch (a = -0.75)
    bicubic_antialias,   ///< as bilinear_antialias, with the cubic kernel of PIL (a = -0.5)
  };
  std::optional<std::pair<std::uint32_t, std::uint32_t>> size;  ///< width and height; nothing: as the picture is
  Resize resize = Resize::bilinear;
  std::optional<int> letterbox;  ///< grey level of the bars around a picture whose proportions are kept
  bool bgr = false;
  double scale = 255;
  std::array<double, 3> mean{0, 0, 0};
  std::array<double, 3> deviation{1, 1, 1};
  double tolerance = 0;  ///< grey levels by which another machine's result may differ

  friend bool operator==(const Preprocessing&, const Preprocessing&) = default;
};

[[nodiscard]] std::string_view to_string(Preprocessing::Resize resize);

/// `size=416x416,resize=bilinear,letterbox=114,order=bgr,scale=255,mean=0.485/0.456/0.406,std=0.229/0.224/0.225,
/// tolerance=1`, each part optional; with a size the tolerance is 1 grey level unless it is stated, else 0. Throws
/// Error{usage} that shows the form.
[[nodiscard]] Preprocessing parse_preprocessing(std::string_view text);
/// What parse_preprocessing reads back as the same.
[[nodiscard]] std::string to_text(const Preprocessing& preprocessing);

[[nodiscard]] HostTensor preprocess(const Picture& picture, const Preprocessing& preprocessing);

/// As diagnose_input, for an input that was sealed with its picture and declared preprocessing: the declared steps are
/// made again with one of them changed (another resize, no letterbox, BGR for RGB, another scale, no normalisation)
/// until the result is `found`, or is so but for another decoder. What no changed step gives is diagnosed from the two
/// tensors alone, as another decoder is.
[[nodiscard]] InputDrift diagnose_declared(const HostTensor& found, const HostTensor& sealed, const Picture& picture,
                                           const Preprocessing& declared);

}  // namespace goldseal::golden
