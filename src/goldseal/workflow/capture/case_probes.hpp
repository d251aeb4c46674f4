// SPDX-License-Identifier: Apache-2.0
// Each run of a golden case tells something to several probes: of noise, of integers, of detections, of layers. This file
// hands every run to all of them and gathers what they found. Which runs are made is decided in golden_runs.cpp.
#pragma once

#include <goldseal/golden/compare/discrete.hpp>
#include <goldseal/golden/compare/noise_floor.hpp>
#include <goldseal/golden/file/detection_probe.hpp>
#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/golden/layers/layers.hpp>
#include <goldseal/workflow/answers/case_runner.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace goldseal {

/// What the runs of a case are followed by: each run is handed to every probe that wants it. Floating outputs have a
/// noise probe, integers and bools a stability probe, groups of detections a probe of their own, and the layers one.
class CaseProbes {
 public:
  using Run = golden::DetectionProbe::Run;

  /// `native` are the outputs to be sealed; `declared` the groups of detections, empty: those that the outputs' names
  /// tell. `bits` are those that a native run computes with. Throws Error{usage} where the groups are none.
  CaseProbes(const std::vector<HostTensor>& native, const std::vector<std::vector<std::string>>& declared, int bits);

  /// Begins with the float64 run: its outputs are the references, its layers those that others are held against.
  void set_reference(LayeredRun reference);
  /// From here on, responses come from runs of another type and size: differences from `run`, the same one unmoved,
  /// count `factor` times. False, and nothing changed, where its outputs or layers are not the reference's.
  [[nodiscard]] bool set_unmoved(const LayeredRun& run, double factor);
  /// Whether float32 rounding explains how far the unmoved run is from the reference. Where it does not, the run
  /// rounds to a narrower type where the float64 one does not (a cast that it follows), and its responses are those of
  /// that type. Call it when the floors are finished.
  [[nodiscard]] bool rounds_as_float32() const;
  /// Begins anew with the references.
  void forget_responses();
  /// Begins with native outputs, for want of a float64 run, and forgets what an earlier beginning collected.
  void set_native_reference(const LayeredRun& native, double relative);
  /// Which rows rounding decides is asked in float64: without, detections are compared place by place. False where
  /// there are none.
  bool forget_detections();

  /// A perturbed run: a response, a fine one or a coarse one.
  void add(Run kind, std::int64_t seed, LayeredRun run);
  /// A perturbed native run.
  void add_native_response(std::int64_t seed, const LayeredRun& run);
  /// A native run as it is, once the noise floors are known.
  void calibrate(LayeredRun run);

  /// The noise floors by the perturbed runs so far; those of an output by its native run.
  void finish_floors();
  void finish_native_floors(bool steps);  ///< golden::native_floor
  /// What is settled of integers and of detections, by the runs so far.
  void settle();
  void seal_layers() { m_tensors.layers = m_layers.finish(); }
  /// A float64 path beside a rounding can hide it from the probes, and which outputs the rounding leads to is not
  /// known.
  void distrust_floors();

  /// Whether the responses so far tell the noise of every output (golden::NoiseProbe::settled).
  [[nodiscard]] bool settled() const;
  /// Every floating output's noise is above 0.
  [[nodiscard]] bool all_move() const;
  [[nodiscard]] bool any() const { return !m_noise.empty() || !m_stability.empty() || !m_detections.empty(); }
  /// Outputs of which a sound machine's whole error decides what is in them.
  [[nodiscard]] bool any_detections() const { return !m_detections.empty(); }
  [[nodiscard]] bool any_discrete() const { return !m_stability.empty() || !m_detections.empty(); }
  /// The greatest of the noise floors' max_amplification.
  [[nodiscard]] double greatest_amplification() const;

  /// What speaks against the outputs as evidence.
  [[nodiscard]] std::vector<golden::Objection> objections() const;
  /// The outputs with all that was found of them, the detections and the layers; the inputs are the caller's.
  [[nodiscard]] golden::GoldenTensors finish();

 private:
  [[nodiscard]] bool is_detection(const std::string& output) const;
  [[nodiscard]] const HostTensor& output_of(const std::vector<HostTensor>& outputs, std::size_t index) const;
  // What a float64 run at 2^-24 would have given (golden::rescaled_response).
  [[nodiscard]] HostTensor response(std::size_t index, const HostTensor& output) const;
  void hold_against_stability(const std::vector<HostTensor>& outputs);

  golden::GoldenTensors m_tensors;
  std::vector<HostTensor> m_unmoved;  // empty: the references
  double m_factor = 1;
  int m_bits;
  golden::LayerProbe m_layers;
  std::vector<std::pair<std::size_t, golden::NoiseProbe>> m_noise;          // by the output's index
  std::vector<std::pair<std::size_t, golden::StabilityProbe>> m_stability;  // the same
  std::vector<golden::DetectionProbe> m_detections;
};

}  // namespace goldseal
