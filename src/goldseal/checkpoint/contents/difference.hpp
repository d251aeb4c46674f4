// SPDX-License-Identifier: Apache-2.0
// Two checkpoints can differ in names, shapes, dtypes or values, and users ask which. This file
// compares them tensor by tensor, after matching their names. `goldseal diff` prints the result.
#pragma once

#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace goldseal {

/// How the values of two tensors of one shape differ. Elements that are NaN or infinite on one side and
/// different on the other count as `special` and nowhere else.
struct ValueDifference {
  std::uint64_t elements = 0;
  std::uint64_t differing = 0;  ///< elements of unequal value; -0 equals 0, NaN equals NaN
  std::uint64_t special = 0;
  double max_absolute = 0;
  double rms = 0;                        ///< root of the mean of the squared differences, over all elements
  double relative_rms = 0;               ///< rms over the rms of A's values; 0 where these are all 0
  std::optional<std::uint64_t> max_ulp;  ///< in A's element type; nothing for integers or where the types differ
};

/// A tensor that both checkpoints have, and that is not the same in them.
struct TensorDifference {
  std::string name;  ///< in B
  std::size_t a = 0;
  std::size_t b = 0;  ///< indexes into the tensors of A and of B
  bool shape = false;
  bool dtype = false;
  std::optional<ValueDifference> values;  ///< where the shapes are equal and the values are known here
  std::string origin = {};                ///< how B's values come from A's: `transposed`, `rounded to float16`; else empty
  std::string other = {};                 ///< the tensor of A whose values B has under this name; else empty
};

/// What is no plain tensor, under one name: what it is on each side, `dict, 3 values`, `not there`.
struct ObjectDifference {
  std::string name;
  std::string a;
  std::string b;
};

/// A segment of many names, which stands in the place of another in B.
struct RenamedSegment {
  std::string from;
  std::string to;
  std::size_t tensors = 0;
};

struct CheckpointDifference {
  std::vector<std::string> only_a;
  std::vector<std::string> only_b;
  std::vector<TensorDifference> changed;
  std::size_t equal = 0;                      ///< tensors with the same bytes
  std::vector<std::string> removed_segments;  ///< taken out of A's names, or of B's, to make them meet
  bool removed_from_b = false;
  std::vector<ObjectDifference> extra_states = {};  ///< that differ, or could not be compared
  std::size_t extra_states_equal = 0;
  std::vector<ObjectDifference> classes = {};  ///< tensors that are of other classes in A and B
  std::vector<RenamedSegment> renamed = {};    ///< what brings only_a and only_b together
  std::size_t renamed_equal = 0;               ///< tensors that have the same bytes under both names
  std::string packed_a = {};                   ///< quantized weights of A in several entries each: `3 weights: …`
  std::string packed_b = {};

  [[nodiscard]] bool same() const {
    return only_a.empty() && only_b.empty() && changed.empty() && extra_states.empty() && classes.empty();
  }
};

/// Compares two checkpoints by names, shapes, element types and values, on every processor. Tensors with equal digests
/// are not looked into. Extra states are compared by their digests, tensors of subclasses by their classes and by what
/// they are made of. `digests_a` and `digests_b` are what digest_all gives for each.
[[nodiscard]] CheckpointDifference compare_checkpoints(const Checkpoint& a, std::span<const Digest> digests_a,
                                                       const Checkpoint& b, std::span<const Digest> digests_b);

}  // namespace goldseal
