// SPDX-License-Identifier: Apache-2.0
// A network depends on more than weights: a configuration, a tokenizer, the sources of its code.
// This file digests those files at capture and looks at them again at verify. Judging them is left
// to checks/file.
#pragma once

#include <checks/file/serving_observation.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/worker/protocol.hpp>
#include <goldseal/workflow/loading/model_spec.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// The files that describe a network: what its weights alone do not say. They are digested when it is sealed and looked
// at again when it is judged, without PyTorch.
namespace goldseal {

/// The options of a Python factory whose values name a file or a directory that is there: by a slash, an ending or the
/// option's own name (`directory`, `config_path`), so that a word such as `mode=train` is never taken for one.
[[nodiscard]] std::vector<std::string> path_options(const ModelSpec& model);

/// What a seal records of the files around the network: of the directories and files that its factory's options name,
/// of the checkpoint's directory where that is a model's, and of the sources that the worker named.
[[nodiscard]] std::vector<FileRecord> description_records(const ModelSpec& model, const std::filesystem::path& checkpoint,
                                                          const std::vector<SourceFile>& sources,
                                                          const std::filesystem::path& seal);

/// Where the sealed files are to be looked for when they are not where the seal says.
struct DescriptionPlaces {
  std::filesystem::path seal;
  std::optional<std::filesystem::path> checkpoint;  ///< given in place of the sealed one, with its own directory
  const ModelSpec* model = nullptr;                 ///< given in place of the sealed one; its options name other paths
};

[[nodiscard]] std::vector<DescriptionObservation> observe_descriptions(const ModelRecord& sealed,
                                                                       const DescriptionPlaces& places);

/// Adds the modules that the code which was built here leads to, and that the seal knows by neither path nor name: an import that
/// finds another one now, an entry of a table of functions. Nothing is added to a seal without sources.
void add_unsealed_sources(const ModelRecord& sealed, const std::vector<SourceFile>& built_from,
                          std::vector<DescriptionObservation>& observed);

}  // namespace goldseal
