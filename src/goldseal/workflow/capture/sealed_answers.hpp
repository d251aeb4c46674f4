// SPDX-License-Identifier: Apache-2.0
// What is embedded in a seal must give the answers of that seal, and is asked before the seal is written. This file asks
// a loaded network; what is embedded, and how, is left to architecture_embedding.hpp and program_embedding.hpp.
#pragma once

#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/worker/worker.hpp>

#include <optional>
#include <string>
#include <vector>

namespace goldseal {

/// The golden cases as they are to be sealed.
struct SealedAnswers {
  const std::vector<golden::GoldenTensors>& tensors;
  const std::vector<GoldenCase>& records;
  const BatchRecord* batch = nullptr;  ///< where they were run in batches too
};

/// Nothing where the loaded network gives the sealed answers to every case, natively and, where there is a reference,
/// in float64, as the checks of a verification judge them; else what it does instead, in words.
[[nodiscard]] std::optional<std::string> find_deviation(Worker& worker, const SealedAnswers& sealed);

/// Nothing where every output of every case that two runs at capture gave alike is given again bit for bit; else the
/// first that is not, `default/boxes`.
[[nodiscard]] std::optional<std::string> find_changed_bits(Worker& worker, const SealedAnswers& sealed);

}  // namespace goldseal
