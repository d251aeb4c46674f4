// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/report_evidence.hpp>

#include <checks/catalogue.hpp>
#include <checks/golden/output_verdicts.hpp>
#include <checks/tensors/tensor_finding.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace goldseal {
namespace {

// Which check judged a fact, by the fact's name.
std::map<std::string_view, Status> judged_facts(const std::vector<Finding>& findings) {
  std::map<std::string_view, Status> statuses;
  for (const auto& finding : findings) {
    const auto* const check = find_check(finding.id);
    if (check != nullptr && !check->fact.empty()) statuses.emplace(check->fact, finding.status);
  }
  return statuses;
}

std::vector<EnvironmentRow> environment_rows(const Observation& observed, const std::vector<Finding>& findings) {
  const auto statuses = judged_facts(findings);
  std::set<std::string> names;
  for (const auto& [name, fact] : observed.sealed.environment.facts()) names.insert(name);
  for (const auto& [name, fact] : observed.machine.environment.facts()) names.insert(name);
  std::vector<EnvironmentRow> rows;
  for (const auto& name : names) {
    const auto status = statuses.find(name);
    rows.push_back({name, observed.sealed.environment.shown(name), observed.machine.environment.shown(name),
                    status == statuses.end() ? Status::skipped : status->second});
  }
  return rows;
}

std::map<std::string, std::string> mismatches(const std::optional<KeyObservation>& keys) {
  std::map<std::string, std::string> notes;
  if (!keys) return notes;
  for (const auto& mismatch : keys->match.mismatched) {
    const auto& want = keys->want[mismatch.want];
    const auto& have = keys->have[mismatch.have];
    notes.emplace(want.name, fmt::format("checkpoint {} {}, network {} {}", to_string(have.dtype),
                                         format_shape(have.shape), to_string(want.dtype), format_shape(want.shape)));
  }
  return notes;
}

class TensorStates {
 public:
  explicit TensorStates(const Observation& observed) : m_observed(observed) {
    const auto& keys = observed.run.network_keys ? observed.run.network_keys : observed.files.keys;
    m_mismatched = mismatches(keys);
    if (keys) {
      for (const auto index : keys->match.missing) m_missing.insert(keys->want[index].name);
      for (const auto index : keys->match.unexpected) m_unexpected.push_back(keys->have[index]);
    }
    if (observed.run.loaded_tensors) {
      m_digests = digests_of(*observed.run.loaded_tensors);
    } else {
      m_digests = observed.files.tensors;
    }
    m_known = keys || !m_digests.empty();
  }

  // Empty where no checkpoint was read, as for the environment of another machine.
  std::vector<TensorRow> rows() const {
    std::vector<TensorRow> rows;
    if (!m_known) return rows;
    for (const auto& tensor : m_observed.sealed.model.tensors) rows.push_back(row_of(tensor));
    for (const auto& key : m_unexpected) {
      rows.push_back({key.name, std::string(to_string(key.dtype)), key.shape, TensorState::unexpected, ""});
    }
    return rows;
  }

 private:
  TensorRow row_of(const TensorRecord& tensor) const {
    TensorRow row{tensor.name, std::string(to_string(tensor.dtype)), tensor.shape, TensorState::loaded, ""};
    const auto digest = m_digests.find(tensor.name);
    if (const auto mismatch = m_mismatched.find(tensor.name); mismatch != m_mismatched.end()) {
      row.state = TensorState::mismatched;
      row.note = mismatch->second;
    } else if (m_missing.contains(tensor.name)) {
      row.state = TensorState::missing;
    } else if (digest != m_digests.end()) {
      row.state = digest->second == tensor.sha256 ? TensorState::verified : TensorState::changed;
    }
    return row;
  }

  const Observation& m_observed;
  bool m_known = false;
  std::map<std::string, std::string> m_mismatched;
  std::set<std::string> m_missing;
  std::vector<Key> m_unexpected;
  TensorDigests m_digests;
};

// `amplification` is what the verdict divided the worst element's error by (1, or max_amplification of the noise
// floor): a report shows it over the noise, as the distribution does.
OutputError output_error(const OutputObservation& output, Compute run, const golden::OutputVerdict& verdict,
                         double amplification, const Distributions& distributions) {
  OutputError error;
  error.golden = run_name(output.golden_case, output.device);
  error.output = output.output;
  error.run = to_string(run);
  error.ratio = verdict.diffuse;
  error.limit = verdict.diffuse_limit;
  error.worst = verdict.mask_differs ? std::numeric_limits<double>::infinity() : verdict.local * amplification;
  error.worst_limit = verdict.local_limit * amplification;
  const auto spread = distributions.find({error.golden, error.output, run});
  if (spread != distributions.end()) error.distribution = spread->second;
  return error;
}

std::vector<OutputError> output_errors(const Observation& observed, const Policy& policy,
                                       const Distributions& distributions) {
  std::vector<OutputError> errors;
  for (const auto& output : observed.run.outputs) {
    const auto verdicts = judge(output, policy);
    if (verdicts.native) {
      errors.push_back(
          output_error(output, Compute::native, *verdicts.native, output.noise.max_amplification, distributions));
      // Where another function is computed, the ratio tells of no precision.
      if (verdicts.float64_agrees())
        errors.back().remark = golden::to_string(golden::precision_at_work(output.native->rms_ratio));
    }
    if (verdicts.float64) errors.push_back(output_error(output, Compute::float64, *verdicts.float64, 1, distributions));
  }
  return errors;
}

std::vector<LayerError> layer_errors(const Observation& observed) {
  std::vector<LayerError> errors;
  for (const auto& layers : observed.run.layers) {
    const std::string run(to_string(layers.run));
    for (const auto& step : layers.trace.steps)
      errors.push_back({run_name(layers.golden_case, layers.device), step.label, step.ratio, step.limit, step.op, run});
  }
  return errors;
}

}  // namespace

Evidence report_evidence(const Observation& observed, const std::vector<Finding>& findings, const Policy& policy,
                         const Distributions& distributions, std::vector<Picture> pictures) {
  Evidence evidence;
  evidence.environment = environment_rows(observed, findings);
  evidence.tensors = TensorStates(observed).rows();
  evidence.outputs = output_errors(observed, policy, distributions);
  evidence.pictures = std::move(pictures);
  evidence.layers = layer_errors(observed);
  return evidence;
}

}  // namespace goldseal
