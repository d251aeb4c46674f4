// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/contents/difference.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/parallel.hpp>
#include <goldseal/checkpoint/contents/value_origin.hpp>
#include <goldseal/checkpoint/keys/key_table.hpp>
#include <goldseal/checkpoint/keys/keys.hpp>
#include <goldseal/checkpoint/packing/packing.hpp>
#include <goldseal/checkpoint/tensors/element.hpp>
#include <goldseal/checkpoint/tensors/plain_value.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace goldseal {
namespace {

/// A tensor's elements, little-endian and contiguous. Only one or two tensors are held at a time by each processor.
std::vector<std::byte> gather(const Checkpoint& checkpoint, const Tensor& tensor) {
  std::vector<std::byte> bytes;
  bytes.reserve(tensor_bytes(tensor));
  for_each_piece(checkpoint, tensor,
                 [&](std::span<const std::byte> piece) { bytes.insert(bytes.end(), piece.begin(), piece.end()); });
  return bytes;
}

/// Sums that a comparison keeps while it walks the elements.
class Accumulator {
 public:
  explicit Accumulator(std::optional<DType> ulp_type) : m_ulp_type(ulp_type) {}

  void add(double a, double b) {
    ++m_result.elements;
    if (std::isfinite(a)) m_squares_a += a * a;
    if (a == b || (std::isnan(a) && std::isnan(b))) return;
    ++m_result.differing;
    if (!std::isfinite(a) || !std::isfinite(b)) {
      ++m_result.special;
      return;
    }
    const double difference = std::fabs(a - b);
    m_squares += difference * difference;
    m_result.max_absolute = std::max(m_result.max_absolute, difference);
    if (m_ulp_type) m_max_ulp = std::max(m_max_ulp, ulp_distance(a, b, *m_ulp_type).value_or(0));
  }

  ValueDifference result() {
    const auto count = static_cast<double>(std::max<std::uint64_t>(m_result.elements, 1));
    m_result.rms = std::sqrt(m_squares / count);
    const double scale = std::sqrt(m_squares_a / count);
    m_result.relative_rms = scale > 0 ? m_result.rms / scale : 0;
    if (m_ulp_type) m_result.max_ulp = m_max_ulp;
    return m_result;
  }

 private:
  std::optional<DType> m_ulp_type;
  ValueDifference m_result;
  std::uint64_t m_max_ulp = 0;
  double m_squares = 0;
  double m_squares_a = 0;
};

std::optional<ValueDifference> compare_values(const Checkpoint& a, const Tensor& x, const Checkpoint& b,
                                              const Tensor& y) {
  if (!is_numeric(x.dtype) || !is_numeric(y.dtype) || parts_of(x.dtype) != parts_of(y.dtype)) return std::nullopt;
  const auto left = gather(a, x);
  const auto right = gather(b, y);
  const auto elements = left.size() / item_size(x.dtype);
  const bool same_type = x.dtype == y.dtype && is_floating(x.dtype);
  Accumulator sums(same_type ? std::optional(x.dtype) : std::nullopt);
  constexpr std::size_t k_block = 16'384;
  std::vector<double> p;
  std::vector<double> q;
  for (std::size_t i = 0; i < elements; i += k_block) {
    const auto count = std::min(k_block, elements - i);
    p.clear();
    q.clear();
    to_doubles(std::span(left).subspan(i * item_size(x.dtype), count * item_size(x.dtype)), x.dtype, p);
    to_doubles(std::span(right).subspan(i * item_size(y.dtype), count * item_size(y.dtype)), y.dtype, q);
    for (std::size_t k = 0; k < p.size(); ++k) sums.add(p[k], q[k]);
  }
  return sums.result();
}

/// As value_origin tells.
std::string origin_of(const Checkpoint& a, const Tensor& x, const Checkpoint& b, const Tensor& y) {
  const auto left = gather(a, x);
  const auto right = gather(b, y);
  return value_origin({x.dtype, x.shape, left}, {y.dtype, y.shape, right});
}

/// The names of tensors by their digests; empty where several have one, as zeros do.
std::map<Digest, std::string> names_by_digest(const Checkpoint& checkpoint, std::span<const Digest> digests) {
  std::map<Digest, std::string> names;
  for (std::size_t i = 0; i < digests.size(); ++i)
    if (const auto [at, added] = names.emplace(digests[i], checkpoint.tensors[i].name); !added) at->second.clear();
  return names;
}

/// Wrapper segments may be in either file: the direction in which the names meet is taken.
struct Alignment {
  KeyMatch match;
  bool reversed = false;
};

Alignment align(const std::vector<Key>& a, const std::vector<Key>& b) {
  Alignment forward{match_keys(a, b), false};
  if (forward.match.missing.empty() && forward.match.unexpected.empty()) return forward;
  Alignment backward{match_keys(b, a), true};
  const auto met = [](const KeyMatch& match) { return match.pairs.size() + match.mismatched.size(); };
  return met(backward.match) > met(forward.match) ? std::move(backward) : std::move(forward);
}

// What an extra state is, and its digest; nothing where it holds what is no plain value.
struct ExtraContent {
  std::string what;
  std::optional<Digest> digest;
};

std::map<std::string, ExtraContent> extra_contents(const Checkpoint& checkpoint) {
  std::map<std::string, ExtraContent> contents;
  for (const auto& state : checkpoint.extra_states) {
    auto& content = contents[state.name];
    content.what = state.what.empty() ? kind_of(state) : state.what;
    try {
      content.digest = digest(checkpoint, state);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
      content.what += ", which holds more than plain values";
    }
  }
  return contents;
}

void compare_extra_states(const Checkpoint& a, const Checkpoint& b, CheckpointDifference& result) {
  const auto in_a = extra_contents(a);
  auto in_b = extra_contents(b);
  const std::string none = "not there";
  for (const auto& [name, content] : in_a) {
    const auto other = in_b.extract(name);
    const bool equal = other && content.digest && content.digest == other.mapped().digest;
    if (equal)
      ++result.extra_states_equal;
    else
      result.extra_states.push_back({name, content.what, other ? other.mapped().what : none});
  }
  for (const auto& [name, content] : in_b) result.extra_states.push_back({name, none, content.what});
}

std::map<std::string, std::string> classes_of(const Checkpoint& checkpoint) {
  std::map<std::string, std::string> classes;
  for (const auto& tensor : checkpoint.subclass_tensors)
    classes[tensor.name] = tensor.parts.empty() ? tensor.type
                                                : fmt::format("{}, made of {}", tensor.type, fmt::join(tensor.parts, ", "));
  return classes;
}

// A plain tensor on one side is listed in `tensors`; what is on neither list is not there.
std::string class_in(const Checkpoint& checkpoint, const std::map<std::string, std::string>& classes, const std::string& name) {
  if (const auto found = classes.find(name); found != classes.end()) return found->second;
  return std::ranges::find(checkpoint.tensors, name, &Tensor::name) == checkpoint.tensors.end() ? "not there" : "a plain tensor";
}

void compare_classes(const Checkpoint& a, const Checkpoint& b, CheckpointDifference& result) {
  const auto in_a = classes_of(a);
  const auto in_b = classes_of(b);
  auto names = in_a;
  names.insert(in_b.begin(), in_b.end());
  for (const auto& [name, type] : names) {
    auto one = class_in(a, in_a, name);
    auto other = class_in(b, in_b, name);
    if (one != other) result.classes.push_back({name, std::move(one), std::move(other)});
  }
}

std::string packed_weights(const Checkpoint& checkpoint) {
  std::vector<PackingEntry> entries;
  for (const auto& tensor : checkpoint.tensors) entries.push_back({tensor.name, tensor.dtype, tensor.shape});
  std::vector<std::string> groups;
  for (const auto& group : group_by_scheme(find_packed_weights(entries)))
    groups.push_back(fmt::format("{}: {} weights in {} entries", group.scheme->what, group.weights, group.entries));
  return fmt::format("{}", fmt::join(groups, "; "));
}

void note_renamed(const Alignment& alignment, std::span<const Digest> digests_a, std::span<const Digest> digests_b,
                  CheckpointDifference& result) {
  const auto& renaming = alignment.match.renaming;
  for (const auto& [have, want] : renaming.pairs) {
    const auto& one = (alignment.reversed ? digests_b : digests_a)[have];
    const auto& other = (alignment.reversed ? digests_a : digests_b)[want];
    result.renamed_equal += one == other ? std::size_t{1} : std::size_t{0};
  }
  for (const auto& change : renaming.renames) {
    const auto& from = alignment.reversed ? change.to : change.from;
    const auto& to = alignment.reversed ? change.from : change.to;
    result.renamed.push_back({from, to, change.names});
  }
}

}  // namespace

CheckpointDifference compare_checkpoints(const Checkpoint& a, std::span<const Digest> digests_a, const Checkpoint& b,
                                         std::span<const Digest> digests_b) {
  const auto alignment = align(key_table(a), key_table(b));
  const auto& match = alignment.match;
  const bool reversed = alignment.reversed;
  CheckpointDifference result;
  result.removed_segments = match.removed_segments;
  result.removed_from_b = reversed;
  for (const auto i : match.unexpected)
    (reversed ? result.only_b : result.only_a).push_back((reversed ? b : a).tensors[i].name);
  for (const auto i : match.missing)
    (reversed ? result.only_a : result.only_b).push_back((reversed ? a : b).tensors[i].name);
  std::vector<TensorDifference> both;
  const auto add = [&](std::size_t have, std::size_t want, bool shape, bool dtype) {
    const auto in_a = reversed ? want : have;
    const auto in_b = reversed ? have : want;
    both.push_back({b.tensors[in_b].name, in_a, in_b, shape, dtype, std::nullopt});
  };
  for (const auto& [have, want] : match.pairs) add(have, want, false, false);
  for (const auto& mismatch : match.mismatched) add(mismatch.have, mismatch.want, mismatch.shape, mismatch.dtype);
  std::ranges::sort(both, {}, &TensorDifference::b);
  for (auto& difference : both) {
    const bool equal = !difference.shape && !difference.dtype && digests_a[difference.a] == digests_b[difference.b];
    if (equal) {
      ++result.equal;
    } else {
      result.changed.push_back(std::move(difference));
    }
  }
  const auto names_a = names_by_digest(a, digests_a);
  parallel_for(result.changed.size(), [&](std::size_t i) {
    auto& difference = result.changed[i];
    const auto& x = a.tensors[difference.a];
    const auto& y = b.tensors[difference.b];
    if (!difference.shape) difference.values = compare_values(a, x, b, y);
    const auto other = names_a.find(digests_b[difference.b]);
    if (other != names_a.end() && other->second != x.name) difference.other = other->second;
    if (difference.other.empty()) difference.origin = origin_of(a, x, b, y);
  });
  compare_extra_states(a, b, result);
  compare_classes(a, b, result);
  note_renamed(alignment, digests_a, digests_b, result);
  result.packed_a = packed_weights(a);
  result.packed_b = packed_weights(b);
  return result;
}

}  // namespace goldseal
