// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/verdict/finding.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// A fact of the environment as it was sealed, beside what was found; either is empty where it is not known.
struct EnvironmentRow {
  std::string name;  ///< dotted, `torch.version`
  std::string sealed;
  std::string found;
  Status status = Status::skipped;  ///< of the check that judged it; `skipped` where none did
  friend bool operator==(const EnvironmentRow&, const EnvironmentRow&) = default;
};

/// How a tensor fared. `verified`: in the network, with the digest that was sealed. `loaded`: there, its digest not
/// compared. `changed`: another digest. `mismatched`: another shape or dtype. `missing`: the network has it, the
/// checkpoint does not. `unexpected`: the reverse.
enum class TensorState { verified, loaded, changed, mismatched, missing, unexpected };

[[nodiscard]] std::string_view to_string(TensorState state);
[[nodiscard]] std::optional<TensorState> parse_tensor_state(std::string_view text);

struct TensorRow {
  std::string name;  ///< the network's, dotted
  std::string dtype;
  std::vector<std::int64_t> shape;
  TensorState state = TensorState::loaded;
  std::string note;  ///< what is wrong with it: `checkpoint [18, 1024, 1, 1], network [255, 1024, 1, 1]`; may be empty
  friend bool operator==(const TensorRow&, const TensorRow&) = default;
};

/// The decades beyond which an ErrorBin tells nothing more: a smaller error, and none, counts as of the first; a
/// greater one as of the last.
inline constexpr std::int64_t k_first_decade = -12;
inline constexpr std::int64_t k_last_decade = 12;

/// How many elements have an error of 10^decade to 10^(decade + 1) times their noise.
struct ErrorBin {
  std::int64_t decade = 0;
  std::uint64_t count = 0;
  friend bool operator==(const ErrorBin&, const ErrorBin&) = default;
};

/// How far one output of one run was from the sealed one, in units of its noise floor (a ratio).
struct OutputError {
  std::string golden;  ///< the case
  std::string output;
  std::string run;                     ///< how it was computed: `float64`, `native`, `native, TF32 off`
  double ratio = 0;                    ///< may be infinite
  double limit = 0;                    ///< a greater ratio fails
  std::string remark;                  ///< the precision that the ratio shows: `TF32 or float16`; may be empty
  std::vector<ErrorBin> distribution;  ///< ascending; empty where it was not measured
  double worst = 0;                    ///< of one element; infinite where NaN or infinities stand at other places
  double worst_limit = 0;              ///< a greater `worst` fails; both 0 where it was not measured
  friend bool operator==(const OutputError&, const OutputError&) = default;
};

/// How far one layer's output was from the sealed one, in the order of execution.
struct LayerError {
  std::string golden;
  std::string name;
  double ratio = 0;  ///< infinite where one side lacks the layer
  double limit = 0;
  std::string op = {};   ///< the operator: `conv2d`
  std::string run = {};  ///< `float64` or `native`
  friend bool operator==(const LayerError&, const LayerError&) = default;
};

/// A small picture that explains a finding: the sealed image, the one that was decoded here.
struct Picture {
  std::string title;
  std::string media_type;  ///< `image/png` or `image/jpeg`
  std::string base64;
  friend bool operator==(const Picture&, const Picture&) = default;
};

/// What one output was, as digests: 64 hexadecimal digits of its type, shape and bytes.
struct OutputDigest {
  std::string name;
  std::string sha256;
  std::string sealed;  ///< of the seal's own native output; empty where the run is not to be compared with it
  friend bool operator==(const OutputDigest&, const OutputDigest&) = default;
};

/// One run of a golden case on one device, as digests: small enough to compare ten thousand machines bit by bit.
struct RunDigest {
  std::string golden;
  std::string device;  ///< `cpu`, `cuda:3`
  std::string gpu;     ///< its UUID, where it is known
  std::string run;     ///< `native`, `native again`, `float64`
  std::string inputs;  ///< digest of the golden inputs
  std::vector<OutputDigest> outputs;
  friend bool operator==(const RunDigest&, const RunDigest&) = default;
};

/// What lies behind the findings, for the formats that can show it. Any part may be empty.
struct Evidence {
  std::vector<EnvironmentRow> environment;
  std::vector<TensorRow> tensors;  ///< in the order of the network's state dict
  std::vector<OutputError> outputs;
  std::vector<LayerError> layers;
  std::vector<Picture> pictures;
  std::vector<RunDigest> runs = {};
  friend bool operator==(const Evidence&, const Evidence&) = default;
};

}  // namespace goldseal
