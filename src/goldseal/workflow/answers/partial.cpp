// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/answers/partial.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/workflow/answers/case_runner.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace goldseal {
namespace {

// As far as coverage.cpp moves what it looks for: what is only compared comes out otherwise, and zeros become numbers of
// the size of activations and of scores.
constexpr double k_move = 4;
constexpr std::array<double, 3> k_zero_moves{1, 16, 256};

bool moves_an_answer(const Worker& worker, const CaseRunner& runner, const std::vector<HostTensor>& before,
                     const std::string& name) {
  for (std::size_t i = 0; i < k_zero_moves.size(); ++i) {
    RunRequest request;
    request.perturb = Perturbation{i + 1, k_move, k_zero_moves[i], {name}};
    try {
      if (!have_same_bits(before, runner.run(request))) return true;
    } catch (const Error& error) {
      // What the network refuses it has looked at.
      const auto& failure = worker.failure();
      if (error.kind() == ErrorKind::interrupted || !failure || failure->kind != WorkerFailure::Kind::raised) throw;
      return true;
    }
  }
  return false;
}

}  // namespace

PartialFindings partial_findings(const KeyObservation& keys, std::span<const LoadedTensor> digests) {
  PartialFindings partial;
  partial.loaded = keys.match.pairs.size();
  partial.left_out = left_out_names(keys.match, keys.have);
  for (const auto i : keys.match.not_loaded) {
    const auto& want = keys.want[i];
    const auto found = std::ranges::find(digests, want.name, &LoadedTensor::name);
    if (found == digests.end()) {
      throw Error(ErrorKind::worker, "worker",
                  fmt::format("expected the digest of {}, which keeps the network's own value, found none", want.name));
    }
    partial.initial.push_back({want.name, want.dtype, want.shape, found->sha256, {}, {}, {}});
  }
  return partial;
}

void move_each(Worker& worker, const std::vector<HostTensor>& inputs, PartialFindings& partial) {
  const auto is_open = [](const InitialObservation& entry) {
    return is_floating(entry.dtype) && !entry.answers.value_or(false);
  };
  if (std::ranges::none_of(partial.initial, is_open)) return;
  const CaseRunner runner(worker, inputs, "moved");
  const auto before = runner.run({});
  for (auto& entry : partial.initial)
    if (is_open(entry)) entry.answers = moves_an_answer(worker, runner, before, entry.name);
}

void require_used(const Admission& admission, std::span<const KeyObservation* const> matches) {
  std::vector<std::vector<std::string>> not_loaded;
  std::vector<std::vector<std::string>> left_out;
  for (const auto* const keys : matches) {
    not_loaded.push_back(not_loaded_names(keys->match, keys->want));
    left_out.push_back(left_out_names(keys->match, keys->have));
  }
  const auto idle = idle_options(admission, not_loaded, left_out);
  if (idle.empty()) return;
  throw Error(ErrorKind::usage, idle.front(), "expected a pattern that names what does not fit, found one that admits nothing",
              fmt::format("leave out {}: everything that it could name finds its place; * stands for any characters of a "
                          "name",
                          fmt::join(idle, " and ")));
}

}  // namespace goldseal
