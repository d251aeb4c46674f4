// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/capture_log.hpp>

#include <checks/catalogue.hpp>
#include <checks/runner.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/base/messages/version.hpp>

#include <utility>

namespace goldseal {

CaptureLog::CaptureLog(const CaptureRequest& request, Progress& progress) : m_request(request), m_progress(progress) {
  m_report.verb = "capture";
  m_report.subject = request.checkpoint.string();
  m_report.version = k_version;
  m_report.started = utc_now();
}

void CaptureLog::fact(std::string name, std::string value) {
  m_report.facts.emplace_back(std::move(name), std::move(value));
}

bool CaptureLog::judge(const Check& check, const Observation& observed) {
  m_report.findings.push_back(run_check(check, observed, m_request.policy, utc_today()));
  return m_report.findings.back().status != Status::fail;
}

bool CaptureLog::require(const Check& check, const Observation& observed) {
  return add(check, check.judge(observed, {}));
}

bool CaptureLog::add(const Check& check, Finding finding) {
  finding.id = check.id;
  finding.severity = check.severity;
  if (finding.explained && finding.severity == Severity::integrity) finding.severity = Severity::fail;
  return add(std::move(finding));
}

bool CaptureLog::add(Finding finding) {
  m_report.findings.push_back(std::move(finding));
  return m_report.findings.back().status != Status::fail;
}

void CaptureLog::note_failure(const WorkerFailure& failure) {
  Observation observed;
  observed.run.depth = RunDepth::full;
  observed.run.worker = WorkerObservation{.runtime = m_request.runtime.describe(), .failure = failure};
  auto device = k_worker_device.judge(observed, {});
  if (device.status == Status::fail) add(k_worker_device, std::move(device));
  require(k_worker_run, observed);
}

bool CaptureLog::may_be_sealed() const { return verdict(m_report) == ExitCode::conforms; }

Report CaptureLog::finish() {
  m_progress.finish();
  m_report.stages = m_stopwatch.stages();
  return std::move(m_report);
}

}  // namespace goldseal
