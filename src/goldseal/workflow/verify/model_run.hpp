// SPDX-License-Identifier: Apache-2.0
// This file is the worker's part of a verification: build, load, digest, run each case. It also
// repeats a failing run with one setting changed, to find the cause. It only observes. The checks
// judge.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/base/progress.hpp>
#include <goldseal/workflow/shared/stopwatch.hpp>
#include <goldseal/workflow/verify/file_examination.hpp>
#include <goldseal/workflow/verify/run_evidence.hpp>
#include <goldseal/workflow/verify/verify.hpp>

#include <filesystem>

namespace goldseal {

/// The worker's part of a verification: build, load, digest, run. What it learns goes into the observation; how it
/// fails too. `files` must hold a checkpoint.
void run_model(const VerifyRequest& request, const FileExamination& files, Observation& observed, RunEvidence& evidence,
               Progress& progress, Stopwatch& stopwatch);

/// Saved results of an earlier run take the worker's place. Throws Error{usage} for results of another seal.
void judge_again(const std::filesystem::path& results, const VerifyRequest& request, const FileExamination& files,
                 Observation& observed, RunEvidence& evidence, Progress& progress, Stopwatch& stopwatch);

}  // namespace goldseal
