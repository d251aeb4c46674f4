// SPDX-License-Identifier: Apache-2.0
// A network's code can make values that no checkpoint holds. Whether every process makes the same ones is known only
// from another process. This file starts that one where it is first needed; judging is left to checks/model and
// checks/keys.
#pragma once

#include <goldseal/worker/worker.hpp>
#include <goldseal/workflow/capture/capture.hpp>
#include <goldseal/workflow/capture/sealed_answers.hpp>
#include <goldseal/workflow/capture/stages.hpp>

#include <optional>
#include <string>
#include <vector>

namespace goldseal {

/// Another process that builds the network of a capture. It exists from the first question on.
class SecondProcess {
 public:
  SecondProcess(const Loaded& loaded, const CaptureRequest& request) : m_loaded(loaded), m_request(request) {}

  /// What no state dict holds, as that process builds it from another seed than here. Throws Error as Worker does.
  [[nodiscard]] std::vector<OutsideRecord> outside();
  /// The digests of the network's tensors after the load, so those of what is not loaded too, which is built there from
  /// another seed than here.
  [[nodiscard]] std::vector<LoadedTensor> tensors();
  /// What it answers instead of the sealed answers, as find_deviation() says; nothing where they agree.
  [[nodiscard]] std::optional<std::string> deviation(const SealedAnswers& sealed);
  /// Ends it, where it was started.
  void finish();
  /// After an error: nothing more is asked of it.
  void give_up();
  [[nodiscard]] bool lost() const { return m_lost; }

 private:
  Worker& worker();
  void build();
  void load();

  const Loaded& m_loaded;
  const CaptureRequest& m_request;
  std::optional<Worker> m_worker;
  bool m_lost = false;
};

}  // namespace goldseal
