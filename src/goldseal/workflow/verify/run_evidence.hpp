// SPDX-License-Identifier: Apache-2.0
// Some numbers of a run serve only its report: error histograms and pictures. They are kept here,
// apart from what checks may read.
#pragma once

#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/golden/images/picture.hpp>
#include <goldseal/verdict/evidence.hpp>
#include <goldseal/workflow/answers/saved_results.hpp>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

// What a run shows and no check looks at: for the report's charts and pictures.
namespace goldseal {

/// How the errors of an output are spread, by golden case (run_name), output and run.
using Distributions = std::map<std::tuple<std::string, std::string, Compute>, std::vector<ErrorBin>>;

/// Adds the distributions of all outputs of a case that can be compared. `device` is the GPU where there are several.
void note_distributions(const golden::GoldenTensors& sealed, const CaseResults& results,
                        const std::optional<Device>& device, Distributions& distributions);

/// Adds what the runs of a case gave on a device, as digests; `gpu` is its UUID where it is known. Outputs that follow a
/// random generator have none.
void note_digests(const golden::GoldenTensors& sealed, const CaseResults& results, const Device& device,
                  const std::string& gpu, std::vector<RunDigest>& runs);

/// Adds a thumbnail, if it is a picture.
void note_picture(const HostTensor& tensor, std::string title, std::vector<Picture>& pictures);
void note_picture(const golden::Picture& picture, std::string title, std::vector<Picture>& pictures);

}  // namespace goldseal
