// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/shape_causes.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

bool is_empty(const std::vector<std::int64_t>& shape) { return std::ranges::find(shape, 0) != shape.end(); }

/// Classes of a YOLOv3 head of that many channels: 3 anchors of 4 coordinates, 1 objectness and the classes.
std::optional<std::int64_t> yolo_classes(std::int64_t channels) {
  const auto classes = channels / 3 - 5;
  if (channels % 3 != 0 || classes < 1) return std::nullopt;
  return classes;
}

/// True where the shapes differ in the first dimension alone.
bool differs_in_first(const KeyMismatch& mismatch, const KeyCase& c) {
  const auto& have = c.have[mismatch.have].shape;
  const auto& want = c.want[mismatch.want].shape;
  return mismatch.shape && !have.empty() && have.size() == want.size() && have[0] != want[0] &&
         std::equal(have.begin() + 1, have.end(), want.begin() + 1);
}

// `1/2`, `3`.
std::string share(std::int64_t have, std::int64_t want) {
  const auto divisor = std::gcd(have, want);
  return want == divisor ? std::to_string(have / divisor) : fmt::format("{}/{}", have / divisor, want / divisor);
}

std::string shapes(const KeyMismatch& mismatch, const KeyCase& c) {
  return fmt::format("{} is {}, {} wanted", escape_unprintable(c.want[mismatch.want].name),
                     format_shape(c.have[mismatch.have].shape), format_shape(c.want[mismatch.want].shape));
}

}  // namespace

KeyGuess placeholders(const KeyCase& c) {
  const auto is_placeholder = [&](const KeyMismatch& mismatch) {
    return mismatch.shape && is_empty(c.have[mismatch.have].shape) && !is_empty(c.want[mismatch.want].shape);
  };
  const auto count = std::ranges::count_if(c.match.mismatched, is_placeholder);
  if (count == 0) return std::nullopt;
  const auto& first = *std::ranges::find_if(c.match.mismatched, is_placeholder);
  return KeyExplanation{
      fmt::format("{} tensors have no elements ({}): placeholders of DeepSpeed ZeRO-3, whose weights are in the "
                  "zero_pp_rank_* optimizer files beside it",
                  count, escape_unprintable(c.have[first.have].name)),
      "gather them where they were saved: python zero_to_fp32.py . pytorch_model.bin, in the checkpoint's directory; "
      "or train with stage3_gather_16bit_weights_on_model_save"};
}

KeyGuess exchanged_axes(const KeyCase& c) {
  const KeyMismatch* first = nullptr;
  std::size_t count = 0;
  for (const auto& mismatch : c.match.mismatched) {
    if (!mismatch.shape) continue;
    if (!std::ranges::is_permutation(c.have[mismatch.have].shape, c.want[mismatch.want].shape)) return std::nullopt;
    if (count++ == 0) first = &mismatch;
  }
  if (first == nullptr) return std::nullopt;
  return KeyExplanation{
      fmt::format("{} tensors have their axes in another order: {}", count, shapes(*first, c)),
      "write them as the network keeps them, w.t().contiguous() of a matrix: GPT-2's Conv1D, TensorFlow and Flax keep "
      "weights the other way round than nn.Linear"};
}

KeyGuess ones_in_shape(const KeyCase& c) {
  const auto squeezed = [](std::vector<std::int64_t> shape) {
    std::erase(shape, 1);
    return shape;
  };
  const KeyMismatch* first = nullptr;
  std::size_t count = 0;
  for (const auto& mismatch : c.match.mismatched) {
    if (!mismatch.shape) continue;
    if (squeezed(c.have[mismatch.have].shape) != squeezed(c.want[mismatch.want].shape)) return std::nullopt;
    if (count++ == 0) first = &mismatch;
  }
  if (first == nullptr) return std::nullopt;
  return KeyExplanation{
      fmt::format("{} tensors have the same elements, and other dimensions of size 1: {}", count, shapes(*first, c)),
      "build the layer as it was saved (a convolution with a kernel of 1 in the place of nn.Linear, a scalar in the "
      "place of a vector of one), or save it in the network's shape: state[name] = state[name].reshape(…)"};
}

KeyGuess input_channels(const KeyCase& c) {
  const auto shaped = std::ranges::count_if(c.match.mismatched, &KeyMismatch::shape);
  if (shaped != 1) return std::nullopt;
  const auto& mismatch = *std::ranges::find_if(c.match.mismatched, &KeyMismatch::shape);
  auto have = c.have[mismatch.have].shape;
  const auto& want = c.want[mismatch.want].shape;
  if (have.size() < 3 || have.size() != want.size() || have[1] == want[1]) return std::nullopt;
  const auto channels = std::exchange(have[1], want[1]);
  if (have != want) return std::nullopt;
  return KeyExplanation{
      fmt::format("a convolution takes another number of input channels: {}", shapes(mismatch, c)),
      fmt::format("build the network for {} input channels (in_chans, in_channels), as it was trained", channels)};
}

KeyGuess class_count(const KeyCase& c) {
  std::set<std::pair<std::int64_t, std::int64_t>> sizes;
  const KeyMismatch* first = nullptr;
  for (const auto& mismatch : c.match.mismatched) {
    if (!mismatch.shape) continue;
    if (!differs_in_first(mismatch, c)) return std::nullopt;
    if (first == nullptr) first = &mismatch;
    sizes.emplace(c.have[mismatch.have].shape[0], c.want[mismatch.want].shape[0]);
  }
  // One head, or several of the same size; a wider network differs in many places.
  if (first == nullptr || sizes.size() != 1) return std::nullopt;
  const auto [have, want] = *sizes.begin();
  const auto have_classes = yolo_classes(have);
  const auto want_classes = yolo_classes(want);
  if (have_classes && want_classes) {
    return KeyExplanation{
        fmt::format("another number of classes: {}; {} = 3*(5+{} classes), {} = 3*(5+{} classes)", shapes(*first, c),
                    have, *have_classes, want, *want_classes),
        fmt::format(
            "build the network for {} classes: in a Darknet cfg, classes={} in each [yolo] and filters={} in the "
            "[convolutional] before it",
            *have_classes, *have_classes, have)};
  }
  return KeyExplanation{
      fmt::format("the last layer has another size: {}", shapes(*first, c)),
      fmt::format("build the network for {} outputs, the number of classes it was trained for", have)};
}

KeyGuess other_widths(const KeyCase& c) {
  std::set<std::pair<std::int64_t, std::int64_t>> sizes;  // that differ: the file's, the network's
  const KeyMismatch* first = nullptr;
  std::size_t count = 0;
  for (const auto& mismatch : c.match.mismatched) {
    if (!mismatch.shape) continue;
    const auto& have = c.have[mismatch.have].shape;
    const auto& want = c.want[mismatch.want].shape;
    if (have.size() != want.size() || is_empty(have) || is_empty(want)) return std::nullopt;
    for (std::size_t i = 0; i < have.size(); ++i) {
      if (have[i] == want[i]) continue;
      if (i > 1) return std::nullopt;  // a kernel's size is no width
      sizes.emplace(have[i], want[i]);
    }
    if (count++ == 0) first = &mismatch;
  }
  // One size, or one tensor, may be anything: a vocabulary, a table.
  if (count < 3 || sizes.size() < 2) return std::nullopt;
  const auto [have, want] = *sizes.begin();
  const auto same_share = [&](const auto& pair) {
    return static_cast<double>(pair.first) * static_cast<double>(want) == static_cast<double>(have) * static_cast<double>(pair.second);
  };
  if (std::ranges::all_of(sizes, same_share)) {
    return KeyExplanation{
        fmt::format("a network of another width: {} tensors have {} times its size in each dimension that differs: {}", count,
                    share(have, want), shapes(*first, c)),
        "build the network with the width that it was trained with: width_mult, hidden_size, embed_dim, base channels"};
  }
  if (!std::ranges::all_of(sizes, [](const auto& pair) { return pair.first < pair.second; })) return std::nullopt;
  return KeyExplanation{
      fmt::format("channels were taken out of the layers, from each another share: {} tensors are smaller: {}", count, shapes(*first, c)),
      "build the network with the sizes of the file, as the tool that pruned it did before it was saved (structured pruning); or "
      "use the checkpoint from before it was pruned"};
}

KeyGuess other_shapes(const KeyCase& c) {
  const auto shape = std::ranges::find_if(c.match.mismatched, &KeyMismatch::shape);
  if (shape == c.match.mismatched.end()) return std::nullopt;
  const auto count = std::ranges::count_if(c.match.mismatched, &KeyMismatch::shape);
  return KeyExplanation{
      fmt::format("{} tensors have another shape: {}", count, shapes(*shape, c)),
      "the network is built with other sizes than the one that was trained: compare their configurations"};
}

KeyGuess odd_types(const KeyCase& c) {
  const auto all = c.match.pairs.size() + c.match.mismatched.size();
  if (c.match.mismatched.empty() || c.match.mismatched.size() * 4 > all) return std::nullopt;
  std::vector<std::string> odd;
  for (const auto& mismatch : c.match.mismatched) {
    if (odd.size() == k_named) break;
    odd.push_back(fmt::format("{} is {}, {} wanted", escape_unprintable(c.want[mismatch.want].name),
                              to_string(c.have[mismatch.have].dtype), to_string(c.want[mismatch.want].dtype)));
  }
  std::map<DType, std::size_t> types;
  for (const auto& [have, want] : c.match.pairs) ++types[c.have[have].dtype];
  const auto rest = std::ranges::max_element(types, {}, [](const auto& entry) { return entry.second; });
  return KeyExplanation{
      fmt::format("{} of {} tensors have another element type: {}{}; the rest is {}", c.match.mismatched.size(), all,
                  fmt::join(odd, "; "), c.match.mismatched.size() > k_named ? " …" : "", to_string(rest->first)),
      "build these layers in the file's type, as they were when it was saved; `goldseal convert --dtype` writes all "
      "tensors in one"};
}

KeyGuess element_types(const KeyCase& c) {
  if (c.match.mismatched.empty()) return std::nullopt;
  const auto& first = c.match.mismatched.front();
  const auto have = c.have[first.have].dtype;
  const auto want = c.want[first.want].dtype;
  if (have == DType::float16 || have == DType::bfloat16) {
    return KeyExplanation{
        fmt::format("saved in half precision: {} tensors are {}, {} wanted", c.match.mismatched.size(), to_string(have),
                    to_string(want)),
        fmt::format("build the network in {}, or widen the file with `goldseal convert --dtype {}`; on a CPU "
                    "run it as float32",
                    to_string(have), to_string(want))};
  }
  return KeyExplanation{
      fmt::format("{} tensors have another element type: {} is {}, {} wanted", c.match.mismatched.size(),
                  escape_unprintable(c.want[first.want].name), to_string(have), to_string(want)),
      fmt::format("build the network in {}, or rewrite the file with `goldseal convert --dtype {}`", to_string(have),
                  to_string(want))};
}

}  // namespace goldseal
