// SPDX-License-Identifier: Apache-2.0
// A target that lacks the model's code can build the network from the seal, if the seal holds the
// architecture. This file writes the architecture without weights as a file, and proves that it
// answers as sealed. Code needs a program first, which program_embedding.hpp makes.
#pragma once

#include <goldseal/manifest/manifest.hpp>
#include <goldseal/verdict/finding.hpp>
#include <goldseal/worker/worker.hpp>
#include <goldseal/workflow/capture/sealed_answers.hpp>
#include <goldseal/workflow/loading/model_spec.hpp>

#include <filesystem>
#include <string>

// The architecture without its weights as a file of the seal, so that a target needs the checkpoint alone.
namespace goldseal {

/// What the file is called: `architecture.cfg`, `architecture.pt`, `architecture.pt2`. Throws Error{unsupported} for a
/// builder whose network lies outside files (plugin, python), with what to seal instead.
[[nodiscard]] std::string embedded_name(const ModelSpec& model);

/// Writes that file into `directory`; `network` is the one that `model` built. Throws Error{unsupported} for one that
/// takes no weights: they are in its code.
[[nodiscard]] FileRecord embed(const ModelSpec& model, const BuiltNetwork& network,
                               const std::filesystem::path& directory);

/// Builds the network from the embedded file, loads the checkpoint into it as into `network`, of which `match` is, and
/// runs every case once more: a pass where each answers as it was sealed, in every bit where a repetition does.
[[nodiscard]] Finding judge_embedded(Worker& worker, const ModelSpec& embedded, const Checkpoint& checkpoint,
                                     const BuiltNetwork& network, const KeyMatch& match, const SealedAnswers& sealed);

}  // namespace goldseal
