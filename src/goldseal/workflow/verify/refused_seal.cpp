// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/refused_seal.hpp>

#include <checks/catalogue.hpp>
#include <checks/runner.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/base/messages/version.hpp>

#include <filesystem>
#include <utility>

namespace goldseal {

std::shared_ptr<const OpenSeal> opened_seal(const JudgeRequest& request) {
  return request.opened ? request.opened : std::make_shared<const OpenSeal>(open_seal(request.seal, request.signature));
}

Report refused_seal(std::string verb, const JudgeRequest& request, const OpenSeal& seal) {
  Report report;
  report.verb = std::move(verb);
  report.subject = request.seal.string();
  report.target = "this machine";
  report.policy = request.policy.name;
  report.version = k_version;
  report.started = utc_now();
  Observation observed;
  observed.signature = seal.signature;
  report.findings = {run_check(k_seal_signature, observed, request.policy, utc_today())};
  report.next = "goldseal explain seal.signature";
  return report;
}

std::vector<Subject> report_subjects(const JudgeRequest& request, const OpenSeal& seal, const Observation& observed) {
  const auto path = seal.path.lexically_normal();
  const auto seal_name = (path.has_filename() ? path : path.parent_path()).filename().string();
  std::vector<Subject> subjects{{"seal", to_utf8(seal_name), to_hex(seal.root())}};
  for (const auto& file : observed.files.found) {
    const bool weights = file.role == FileRole::checkpoint || file.role == FileRole::shard;
    const auto name = std::filesystem::path(file.path).filename().string();
    if (weights && file.sha256) subjects.push_back({"checkpoint", to_utf8(name), to_hex(*file.sha256)});
  }
  for (const auto& [name, digest] : request.policy.sources) subjects.push_back({"policy", name, digest});
  return subjects;
}

}  // namespace goldseal
