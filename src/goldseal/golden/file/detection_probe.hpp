// SPDX-License-Identifier: Apache-2.0
// Which objects rounding decides is known only after all runs of a capture. The probe keeps those
// runs and then computes the noise of the rows that all of them share. It lies in this room because
// it fills GoldenTensors. The runs themselves are made by workflow.
#pragma once

#include <goldseal/golden/compare/noise_floor.hpp>
#include <goldseal/golden/detections/detections.hpp>
#include <goldseal/golden/file/golden_file.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// Follows one group of detections through the runs of a capture. The runs are kept, since the noise is that of the
/// rows that every run gives, and which those are is known at the end.
class DetectionProbe {
 public:
  enum class Run {
    reference,  ///< float64
    response,   ///< float64, perturbed at 2^-24
    fine,       ///< float64, perturbed at 2^-44
    coarse,     ///< float64, perturbed by a sound machine's whole error
    native,
  };

  /// `native` are the outputs to be sealed; `outputs` name those of the group (require_detections). `bits` as
  /// settle_precision has it.
  DetectionProbe(std::vector<std::string> outputs, std::span<const HostTensor> native, int bits);

  /// Takes a run, and puts its rows in `outputs` in the sealed order and shape. `seed` is that of a perturbed run.
  /// Throws Error{worker} where an output is missing or its rows are of another shape.
  void add(Run run, std::int64_t seed, std::vector<HostTensor>& outputs);

  [[nodiscard]] bool holds(std::string_view output) const;

  /// References, noise floors and stable elements of the group's outputs by the runs so far, into `golden`; nothing
  /// where no row is settled. May be called again after more runs.
  void settle(GoldenTensors& golden) const;

  [[nodiscard]] SealedDetections finish() const;
  /// More than 5 % of the rows left to rounding (a warning), all of them (refused); for the rows that are settled, as
  /// collect_objections has it.
  [[nodiscard]] std::vector<Objection> objections(const GoldenTensors& golden) const;

 private:
  struct Kept {
    Run run;
    std::int64_t seed;
    std::vector<HostTensor> outputs;  // aligned
  };

  void settle_output(std::size_t index, GoldenOutput& output) const;
  [[nodiscard]] std::vector<std::size_t> settled() const;
  void keep_strangers(const std::vector<HostTensor>& outputs, const std::vector<std::size_t>& rows);

  std::vector<HostTensor> m_native;
  int m_bits;
  std::vector<Kept> m_runs;
  SealedDetections m_result;
};

}  // namespace goldseal::golden
