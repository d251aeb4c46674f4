// SPDX-License-Identifier: Apache-2.0
// The publisher of a model may have signed it. This file holds the files that were read for the seal against that
// signature, by the digests that are known by then: nothing is read twice. Judging the finding is left to a check.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/signing/signers.hpp>

#include <filesystem>

namespace goldseal {

/// What the signature in `file` says of the model's files as they were found. Throws Error{io} where it cannot be read.
[[nodiscard]] signing::SignatureFinding observe_model_signature(const std::filesystem::path& file,
                                                                const signing::Signers& signers,
                                                                const Observation& observed);

}  // namespace goldseal
