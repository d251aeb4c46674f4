// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/answers/batch_layers.hpp>

#include <goldseal/golden/layers/layer_error.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

using Sketches = std::vector<golden::LayerSketch>;

RowPart part_of(const CaseAtRow& at, bool interleaved) {
  RowPart part{at.batch.size, static_cast<std::int64_t>(at.row), interleaved, at.batch.pad_left, {}};
  for (const auto& layer : at.golden.layers) part.layers.push_back({layer.sketch.module, layer.sketch.op, layer.sketch.shape});
  return part;
}

// For each sealed layer the run's layer of that module and operator, in order; null where it has none of that shape.
class Matched {
 public:
  Matched(const CaseRunner& runner, RunRequest request, const CaseAtRow& at, bool interleaved) {
    request.part = part_of(at, interleaved);
    m_found = runner.run_layered(request, at.golden.layers.front().sketch.elements).layers;
    std::map<std::pair<std::string, std::string>, std::deque<const golden::LayerSketch*>> by_name;
    for (const auto& layer : m_found) by_name[{layer.module, layer.op}].push_back(&layer);
    for (const auto& sealed : at.golden.layers) {
      auto& same = by_name[{sealed.sketch.module, sealed.sketch.op}];
      const auto* const next = same.empty() ? nullptr : same.front();
      if (next != nullptr) same.pop_front();
      m_matched.push_back(next != nullptr && next->shape == sealed.sketch.shape ? next : nullptr);
    }
  }

  [[nodiscard]] const golden::LayerSketch* at(std::size_t layer) const { return m_matched[layer]; }
  [[nodiscard]] bool empty() const { return m_found.empty(); }

 private:
  Sketches m_found;
  std::vector<const golden::LayerSketch*> m_matched;
};

bool layer_agrees(const CaseAtRow& at, std::size_t layer, const golden::LayerSketch* found, Compute run) {
  if (found == nullptr) return false;
  const auto trace = golden::follow_layers(std::span(&at.golden.layers[layer], 1), std::span(found, 1), run,
                                           golden::layer_bits(at.golden));
  return !trace.first;
}

const golden::LayerSketch* nearer(const golden::SealedLayer& sealed, const golden::LayerSketch* a,
                                  const golden::LayerSketch* b) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  return golden::layer_error(sealed.sketch, *a) <= golden::layer_error(sealed.sketch, *b) ? a : b;
}

}  // namespace

std::string parts_that_agree(const CaseRunner& runner, const RunRequest& request, const CaseAtRow& at,
                             const std::string& letters) {
  const Matched blocks(runner, request, at, /*interleaved=*/false);
  if (blocks.empty()) return std::string(letters.size(), k_no_part);
  const Matched turns(runner, request, at, /*interleaved=*/true);
  auto result = letters;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const auto fits = [&](char letter, const Matched& found) {
      return (letters[i] == letter || letters[i] == k_any_part) && layer_agrees(at, i, found.at(i), request.compute);
    };
    result[i] = fits(k_in_blocks, blocks) ? k_in_blocks : fits(k_in_turn, turns) ? k_in_turn : k_no_part;
  }
  return result;
}

std::optional<golden::LayerTrace> trace_row(const CaseRunner& runner, const RunRequest& request, const CaseAtRow& at,
                                            const std::string& letters) {
  const auto& layers = at.golden.layers;
  if (layers.empty() || (!letters.empty() && letters.size() != layers.size())) return std::nullopt;
  const Matched blocks(runner, request, at, /*interleaved=*/false);
  if (blocks.empty()) return std::nullopt;
  const bool by_turns = letters.empty() || letters.find(k_in_turn) != std::string::npos;
  const auto turns = by_turns ? std::optional<Matched>(std::in_place, runner, request, at, true) : std::nullopt;
  std::vector<golden::SealedLayer> sealed;
  Sketches found;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const char letter = letters.empty() ? k_any_part : letters[i];
    const auto* const in_turn = turns ? turns->at(i) : nullptr;
    const auto* const layer = letter == k_in_blocks  ? blocks.at(i)
                              : letter == k_in_turn  ? in_turn
                              : letter == k_any_part ? nearer(layers[i], blocks.at(i), in_turn)
                                                     : nullptr;
    if (layer == nullptr) continue;
    sealed.push_back(layers[i]);
    found.push_back(*layer);
  }
  if (found.empty()) return std::nullopt;
  return golden::follow_layers(sealed, found, request.compute, golden::layer_bits(at.golden));
}

}  // namespace goldseal
