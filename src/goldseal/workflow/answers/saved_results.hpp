// SPDX-License-Identifier: Apache-2.0
// A target without goldseal's verdict tools can still run the model and send its outputs home. This
// file writes what a run gave to a directory, and reads it back. judge_again() in
// verify/model_run.hpp judges it.
#pragma once

#include <goldseal/golden/tensors/host_tensor.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/worker/protocol.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace goldseal {

/// What one golden case gave on a machine. A run that was not made is empty.
struct CaseResults {
  std::string golden_case;
  std::vector<HostTensor> native = {};
  std::vector<HostTensor> again = {};  ///< the native run repeated
  std::vector<HostTensor> float64 = {};
  std::vector<HostTensor> float64_layers = {};  ///< golden::pack_layers of the runs that did not agree
  std::vector<HostTensor> native_layers = {};

  [[nodiscard]] std::vector<HostTensor>& layers(Compute compute) {
    return compute == Compute::float64 ? float64_layers : native_layers;
  }
  [[nodiscard]] const std::vector<HostTensor>& layers(Compute compute) const {
    return compute == Compute::float64 ? float64_layers : native_layers;
  }
};

/// Everything that a worker's run told, so that it can be judged again without one: `verify --save-results DIR`, then
/// `verify --results DIR`.
struct SavedResults {
  Digest golden_sha256;  ///< of the seal's golden.safetensors: results belong to one seal
  std::string runtime;
  Environment environment;
  std::vector<Key> state_entries;
  std::map<std::string, std::string> configuration;
  std::map<std::string, std::string> choices = {};
  std::vector<LoadedTensor> tensors;
  std::vector<CaseResults> cases;
  std::vector<ExtraStateRecord> extra_states = {};
  std::vector<OutsideRecord> outside = {};
  std::vector<std::string> changed = {};  ///< NetworkState::changed
};

/// Throws Error{usage} where something lies there that save_results would not replace.
void require_new_or_saved_results(const std::filesystem::path& directory);

/// Writes DIR/run.json, DIR/environment.toml and DIR/outputs.safetensors. A directory of that name is replaced where it
/// holds results, refused where it holds anything else.
void save_results(const std::filesystem::path& directory, const SavedResults& results);

/// Throws Error{io} where the directory holds no results, Error{malformed} where they are damaged.
[[nodiscard]] SavedResults load_results(const std::filesystem::path& directory);

}  // namespace goldseal
