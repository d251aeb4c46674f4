// SPDX-License-Identifier: Apache-2.0
// The report of a capture grows pass by pass. This file collects it, so that a pass returns its stage alone.
#pragma once

#include <checks/check.hpp>
#include <goldseal/base/running/progress.hpp>
#include <goldseal/verdict/report.hpp>
#include <goldseal/verdict/stopwatch.hpp>
#include <goldseal/workflow/capture/capture.hpp>

#include <string>

namespace goldseal {

/// What a capture tells while it goes on: its findings, facts and times, and the progress on the terminal. Every pass
/// adds to it; none reads what another told.
class CaptureLog {
 public:
  CaptureLog(const CaptureRequest& request, Progress& progress);

  [[nodiscard]] Progress& progress() { return m_progress; }
  void lap(std::string stage) { m_stopwatch.lap(std::move(stage)); }
  void fact(std::string name, std::string value);
  void next(std::string command) { m_report.next = std::move(command); }

  /// Adds what the check says under the policy; false where it fails.
  bool judge(const Check& check, const Observation& observed);
  /// Adds what the check says of something without which nothing can be sealed: no policy is asked. False where it
  /// fails.
  bool require(const Check& check, const Observation& observed);
  /// Adds a finding under the check's name; false where it fails.
  bool add(const Check& check, Finding finding);
  /// The same of a finding that has its name and severity.
  bool add(Finding finding);
  /// The worker failed: what it was, and what the device has to do with it.
  void note_failure(const WorkerFailure& failure);

  /// Nothing that was found forbids the seal.
  [[nodiscard]] bool may_be_sealed() const;
  [[nodiscard]] Report finish();

 private:
  const CaptureRequest& m_request;
  Progress& m_progress;
  Stopwatch m_stopwatch;
  Report m_report;
};

}  // namespace goldseal
