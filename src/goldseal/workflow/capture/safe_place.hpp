// SPDX-License-Identifier: Apache-2.0
// A capture owes something to the files that were there before it: none of its inputs may be lost, and what it puts in
// place must be readable. This file holds those promises; the order of writing is capture.cpp's.
#pragma once

#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/workflow/capture/capture.hpp>
#include <goldseal/workflow/capture/stages.hpp>

#include <filesystem>
#include <string>

namespace goldseal {

/// Throws Error{usage} where a word of the request that goes into the manifest or to a worker is not UTF-8.
void require_utf8(const CaptureRequest& request);

/// Throws Error{usage} where any of the run's inputs is in the place of the seal, or lies in it: it would be lost.
/// Without a `checkpoint`, as far as the request names them.
void require_no_inputs(const CaptureRequest& request, const Checkpoint* checkpoint);

/// A seal that nobody can read vouches for nothing: it is read back from the disk before it takes its place. Throws
/// Error{io} where it is not what was written.
void require_readable(const std::filesystem::path& staging, const Sealed& sealed, const std::string& manifest,
                      const CaptureRequest& request);

}  // namespace goldseal
