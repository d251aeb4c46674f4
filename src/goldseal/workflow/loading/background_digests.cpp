// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/background_digests.hpp>

#include <goldseal/base/running/parallel.hpp>
#include <goldseal/workflow/loading/loading.hpp>

#include <utility>

namespace goldseal {

BackgroundDigests::BackgroundDigests(Checkpoint checkpoint) : m_job(std::make_shared<Job>()) {
  m_job->checkpoint = std::move(checkpoint);
  m_digests = in_background([job = m_job] { return digest_everything(job->checkpoint, &job->digested); });
}

BackgroundDigests::~BackgroundDigests() {
  if (m_job) m_job->digested.unwanted = true;
}

Digests BackgroundDigests::wait(Progress& progress) {
  progress.await(m_digests, k_digesting, m_job->digested);
  return m_digests.get();
}

}  // namespace goldseal
