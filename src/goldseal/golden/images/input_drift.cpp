// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/images/input_drift.hpp>

#include <goldseal/golden/images/picture_values.hpp>
#include <goldseal/golden/images/value_lines.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace goldseal::golden {
namespace {

using Kind = InputDrift::Kind;

// Shares of a grey level: what another order of the same float32 operations leaves, and what counts as explained.
constexpr double k_rounding_level = 0.01;
constexpr double k_explained_level = 0.02;
// JPEG decoders differ by one or two levels, chroma upsampling by a few more at edges.
constexpr double k_decoder_level = 3.5;
constexpr int k_largest_shift = 3;
// A line as flat as this explains nothing.
constexpr double k_least_slope = 1e-6;
// Everything that one comparison needs.
class Diagnosis {
 public:
  Diagnosis(Values found, Values sealed, std::optional<PictureStack> stack)
      : m_found(std::move(found)),
        m_sealed(std::move(sealed)),
        m_stack(stack),
        m_level(range_of(m_sealed) / k_grey_levels) {}

  InputDrift run() {
    const double largest = largest_difference(m_found, m_sealed);
    auto drift = name(largest);
    drift.max_abs = largest;
    std::size_t differing = 0;
    for (std::size_t i = 0; i < m_found.size(); ++i) differing += m_found[i] == m_sealed[i] ? 0U : 1U;
    drift.differing_share =
        static_cast<double>(differing) / static_cast<double>(std::max<std::size_t>(1, m_found.size()));
    return drift;
  }

 private:
  InputDrift name(double largest) {
    if (std::isnan(largest)) return {Kind::other, "it holds NaN", "mend the preprocessing", 0, 0};
    if (largest == 0) return {Kind::none, "the values are the sealed ones", "", 0, 0};
    if (largest <= k_rounding_level * m_level) return {Kind::rounding, "it differs by rounding alone", "", 0, 0};
    if (auto drift = rounded()) return *drift;
    if (auto drift = moved_or_recoloured()) return *drift;
    if (largest <= k_decoder_level * m_level) return decoder(m_sealed);
    if (auto drift = changed_and_decoded()) return *drift;
    if (auto drift = resized()) return *drift;
    return {Kind::other, fmt::format("it differs by up to {}", shown_number(largest)),
            "compare the preprocessing step by step", 0, 0};
  }

  // The sealed picture after one changed step, with which a second one may have changed too.
  struct Step {
    Kind kind;
    std::string text;
    std::string remedy;
    Values values;
    double level = 1;  // what a grey level has become, in sealed ones
  };

  static InputDrift alone(const Step& step) { return {step.kind, step.text, step.remedy, 0, 0}; }
  static InputDrift both(const Step& step, const InputDrift& second) {
    return {step.kind, fmt::format("{}; beyond that, {}", step.text, second.text),
            fmt::format("{}, and {}", step.remedy, second.remedy), 0, 0};
  }

  [[nodiscard]] Step reversed(const Values& values) const {
    return {Kind::order, "its colours stand in the reverse order: BGR for RGB, or RGB for BGR",
            "reverse the channels: image[:, [2, 1, 0]]", colours_reversed(values, *m_stack)};
  }

  [[nodiscard]] std::vector<Step> mirrors(const Values& values) const {
    const auto& s = *m_stack;
    const auto step = [](std::string_view way, Values mirrored) {
      return Step{Kind::mirror, fmt::format("it is mirrored {}", way), "do not flip the picture", std::move(mirrored)};
    };
    return {step("left to right",
                 moved(values, s, [&](auto p, auto c, auto y, auto x) { return s.at(p, c, y, s.width - 1 - x); })),
            step("top to bottom",
                 moved(values, s, [&](auto p, auto c, auto y, auto x) { return s.at(p, c, s.height - 1 - y, x); }))};
  }

  [[nodiscard]] std::vector<Step> rearrangements() const {
    auto steps = mirrors(m_sealed);
    steps.insert(steps.begin(), reversed(m_sealed));
    return steps;
  }

  // The nearest other scale, or other means and deviations: those that differ by more than a decoder would.
  [[nodiscard]] std::vector<Step> recolourings() const {
    std::vector<Step> steps;
    const auto add = [&](Kind kind, const std::vector<ValueLine>& lines) {
      Step step{kind, describe_lines(lines), remedy_of_lines(lines), applied(lines, m_sealed), 0};
      for (const auto& line : lines) step.level = std::max(step.level, std::fabs(line.slope));
      const auto limit = k_decoder_level * m_level * std::max(1.0, step.level);
      if (step.level >= k_least_slope && largest_difference(step.values, m_sealed) > limit)
        steps.push_back(std::move(step));
    };
    add(Kind::scale, {fit_line(m_sealed, m_found, 0, m_sealed.size())});
    if (m_stack) add(Kind::normalise, fit_colours(m_sealed));
    return steps;
  }

  // What moves or recolours the picture and leaves no other difference: one step, or two.
  [[nodiscard]] std::optional<InputDrift> moved_or_recoloured() const {
    if (auto drift = rescaled(m_sealed)) return drift;
    if (!m_stack) return std::nullopt;
    const auto steps = rearrangements();
    for (const auto& step : steps)
      if (explains(step.values)) return alone(step);
    if (auto drift = shifted(m_sealed)) return drift;
    for (const auto& step : steps) {
      if (const auto second = rescaled(step.values)) return both(step, *second);
      if (const auto second = shifted(step.values)) return both(step, *second);
    }
    for (const auto& second : mirrors(steps.front().values))
      if (explains(second.values)) return both(steps.front(), alone(second));
    return std::nullopt;
  }

  // A decoder of its own, as OpenCV has, beside what its users change with it.
  [[nodiscard]] std::optional<InputDrift> changed_and_decoded() const {
    auto steps = m_stack ? rearrangements() : std::vector<Step>{};
    std::ranges::move(recolourings(), std::back_inserter(steps));
    for (const auto& step : steps) {
      if (largest_difference(m_found, step.values) <= k_decoder_level * m_level * step.level)
        return both(step, decoder(step.values, step.level));
    }
    return std::nullopt;
  }

  // The explanation that leaves least is chosen. One without a second step may leave twice as much.
  [[nodiscard]] std::optional<InputDrift> resized() const {
    if (!m_stack) return std::nullopt;
    const InputDrift resize{Kind::resize,
                            "it differs along the edges of the picture, as another interpolation makes it",
                            "use the same resize: the same library, interpolation, antialiasing and rounding", 0, 0};
    std::optional<InputDrift> nearest;
    double least = std::numeric_limits<double>::infinity();
    if (follows_edges(m_found, m_sealed, *m_stack)) {
      nearest = resize;
      least = mean_difference(m_found, m_sealed) / 2;
    }
    auto steps = rearrangements();
    std::ranges::move(recolourings(), std::back_inserter(steps));
    for (const auto& step : steps) {
      const double left = mean_difference(m_found, step.values) / step.level;
      if (left >= least || !follows_edges(m_found, step.values, *m_stack)) continue;
      nearest = both(step, resize);
      least = left;
    }
    return nearest;
  }

  [[nodiscard]] bool explains(const Values& candidate) const {
    return largest_difference(m_found, candidate) <= k_explained_level * m_level;
  }

  // One line through all of it, or one through each colour.
  [[nodiscard]] std::optional<InputDrift> rescaled(const Values& sealed) const {
    const std::vector whole{fit_line(sealed, m_found, 0, sealed.size())};
    const auto follows = [&](const ValueLine& line, double left) {
      return std::fabs(line.slope) >= k_least_slope && left <= k_explained_level * m_level * std::fabs(line.slope);
    };
    if (std::fabs(whole[0].slope) < k_least_slope) return std::nullopt;
    if (follows(whole[0], line_residual(sealed, m_found, 0, sealed.size(), whole[0])))
      return InputDrift{Kind::scale, describe_lines(whole), remedy_of_lines(whole), 0, 0};
    if (!m_stack) return std::nullopt;
    const auto lines = fit_colours(sealed);
    for (std::size_t c = 0; c < k_colours; ++c)
      if (!follows(lines[c], colour_residual(sealed, c, lines[c]))) return std::nullopt;
    return InputDrift{Kind::normalise, describe_lines(lines), remedy_of_lines(lines), 0, 0};
  }

  [[nodiscard]] std::vector<ValueLine> fit_colours(const Values& sealed) const {
    std::vector<ValueLine> lines;
    for (std::size_t c = 0; c < k_colours; ++c) lines.push_back(fit_colour(sealed, c));
    return lines;
  }

  // One line is for all values, several are for the colours.
  [[nodiscard]] Values applied(const std::vector<ValueLine>& lines, const Values& values) const {
    Values result(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto& line = lines.size() == 1 ? lines[0] : lines[i / m_stack->area() % m_stack->colours];
      result[i] = line.slope * values[i] + line.offset;
    }
    return result;
  }

  [[nodiscard]] ValueLine fit_colour(const Values& sealed, std::size_t colour) const {
    const auto [x, y] = plane_pairs(sealed, colour);
    return fit_line(x, y, 0, x.size());
  }
  [[nodiscard]] double colour_residual(const Values& sealed, std::size_t colour, const ValueLine& line) const {
    const auto [x, y] = plane_pairs(sealed, colour);
    return line_residual(x, y, 0, x.size(), line);
  }
  [[nodiscard]] std::pair<Values, Values> plane_pairs(const Values& sealed, std::size_t colour) const {
    const auto& s = *m_stack;
    Values x;
    Values y;
    for (std::size_t p = 0; p < s.pictures; ++p) {
      const auto begin = static_cast<std::ptrdiff_t>(s.at(p, colour, 0, 0));
      const auto end = begin + static_cast<std::ptrdiff_t>(s.area());
      x.insert(x.end(), sealed.begin() + begin, sealed.begin() + end);
      y.insert(y.end(), m_found.begin() + begin, m_found.begin() + end);
    }
    return {std::move(x), std::move(y)};
  }

  [[nodiscard]] std::optional<InputDrift> shifted(const Values& sealed) const {
    for (int down = -k_largest_shift; down <= k_largest_shift; ++down) {
      for (int right = -k_largest_shift; right <= k_largest_shift; ++right) {
        if ((down != 0 || right != 0) && is_shift(sealed, down, right)) {
          return InputDrift{Kind::shift, fmt::format("it is shifted by {} pixels right and {} down", right, down),
                            "use the sealed padding, crop and rounding of sizes", 0, 0};
        }
      }
    }
    return std::nullopt;
  }

  // Each value is the sealed one, rounded to a narrower type on its way.
  [[nodiscard]] std::optional<InputDrift> rounded() const {
    const auto count = static_cast<std::int64_t>(m_sealed.size());
    for (const auto type : {DType::bfloat16, DType::float16}) {
      if (values_of(narrowed("", type, {count}, m_sealed)) != m_found) continue;
      return InputDrift{Kind::type, fmt::format("its values are the sealed ones rounded to {}", to_string(type)),
                        "keep the sealed type up to the network, or seal with inputs of the type that serves", 0, 0};
    }
    return std::nullopt;
  }

  // The part that both pictures show is the same; the border may hold anything.
  [[nodiscard]] bool is_shift(const Values& sealed, int down, int right) const {
    const auto& s = *m_stack;
    const auto width = static_cast<int>(s.width);
    const auto height = static_cast<int>(s.height);
    if (width <= 4 * k_largest_shift || height <= 4 * k_largest_shift) return false;
    for (std::size_t plane = 0; plane < s.pictures * s.colours; ++plane) {
      for (int y = std::max(0, down); y < std::min(height, height + down); ++y) {
        for (int x = std::max(0, right); x < std::min(width, width + right); ++x) {
          const auto here = plane * s.area() + static_cast<std::size_t>(y * width + x);
          const auto there = plane * s.area() + static_cast<std::size_t>((y - down) * width + (x - right));
          if (!(std::fabs(m_found[here] - sealed[there]) <= k_explained_level * m_level)) return false;
        }
      }
    }
    return true;
  }

  // `level` is the size of one grey level of `made`, in sealed grey levels.
  [[nodiscard]] InputDrift decoder(const Values& made, double level = 1) const {
    return {
        Kind::decoder,
        fmt::format("it differs by up to {:.1f} grey levels all over, as another image decoder or another version of "
                    "it makes it",
                    largest_difference(m_found, made) / (m_level * level)),
        "decode with the same library and version, or seal a lossless picture", 0, 0};
  }

  Values m_found;
  Values m_sealed;
  std::optional<PictureStack> m_stack;
  double m_level;
};

// The last three axes of a picture in the other order: HWC for CHW or the reverse.
std::optional<InputDrift> other_layout(const HostTensor& found, const HostTensor& sealed) {
  if (found.shape.size() != sealed.shape.size()) return std::nullopt;
  const auto forward = [](std::vector<std::int64_t> shape) {
    std::rotate(shape.end() - 3, shape.end() - 1, shape.end());
    return shape;
  };
  if (sealed.shape.size() < 3 || sealed.shape.size() > 4) return std::nullopt;
  const bool channels_last = forward(found.shape) == sealed.shape;
  const bool channels_first = forward(sealed.shape) == found.shape;
  if (channels_last) {
    return InputDrift{Kind::layout, "its channels stand last (HWC), the sealed ones first (CHW)",
                      "permute it: image.permute(0, 3, 1, 2).contiguous()", 0, 0};
  }
  if (channels_first) {
    return InputDrift{Kind::layout, "its channels stand first (CHW), the sealed ones last (HWC)",
                      "permute it: image.permute(0, 2, 3, 1).contiguous()", 0, 0};
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Kind kind) {
  constexpr std::array<std::string_view, 13> k_names{"none",      "rounding", "type",  "layout",  "order",  "scale",
                                                     "normalise", "mirror",   "turn",  "shift", "decoder", "resize", "other"};
  return k_names[static_cast<std::size_t>(kind)];
}

std::optional<HostTensor> channels_reversed(const HostTensor& picture) {
  const auto rank = picture.shape.size();
  if (rank < 3 || rank > 4) return std::nullopt;
  const auto colours = static_cast<std::int64_t>(k_colours);
  const bool first = picture.shape[rank - 3] == colours;
  if (!first && picture.shape[rank - 1] != colours) return std::nullopt;
  // The bytes between an element of one channel and that of the next.
  auto stride = item_size(picture.dtype);
  if (first) stride *= static_cast<std::size_t>(picture.shape[rank - 2] * picture.shape[rank - 1]);
  std::vector<std::byte> bytes(picture.bytes.size());
  for (std::size_t at = 0; at < bytes.size(); at += k_colours * stride) {
    for (std::size_t c = 0; c < k_colours; ++c)
      std::memcpy(&bytes[at + c * stride], &picture.bytes[at + (k_colours - 1 - c) * stride], stride);
  }
  if (std::ranges::equal(bytes, picture.bytes)) return std::nullopt;
  return make_tensor(picture.name, picture.dtype, picture.shape, std::move(bytes));
}

InputDrift diagnose_upright(const HostTensor& found, const HostTensor& sealed) {
  if (found.shape != sealed.shape) {
    if (auto drift = other_layout(found, sealed)) return *drift;
    return {Kind::type,
            fmt::format("its shape is {}, the sealed one {}", format_shape(found.shape), format_shape(sealed.shape)),
            "use the sealed size", 0, 0};
  }
  auto drift = Diagnosis(values_of(found), values_of(sealed), as_pictures(sealed.shape)).run();
  if (found.dtype != sealed.dtype && drift.agrees()) {
    return {Kind::type,
            fmt::format("its type is {}, the sealed one {}", to_string(found.dtype), to_string(sealed.dtype)),
            fmt::format("convert it to {}", to_string(sealed.dtype)), drift.max_abs, drift.differing_share};
  }
  return drift;
}

}  // namespace goldseal::golden
