// SPDX-License-Identifier: Apache-2.0
// What a request says of a forward pass (PROTOCOL.md, `run` and `gradients`), read and checked before anything is computed.
#pragma once

#include "networks/network.hpp"
#include "numerics/layer_part.hpp"
#include "numerics/transforms.hpp"
#include "protocol/run_settings.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace goldseal::worker {

/// What `run` and `gradients` say alike.
struct Pass {
  RunSettings settings;
  Conversion conversion;
  NamedTensors inputs;
};

/// Files are named below `directory`. Throws Refusal `usage` for what the protocol does not know.
Pass read_pass(const nlohmann::json& request, const std::string& directory);

/// A run whose random numbers are watched.
struct Draws {
  std::uint64_t seed;
  bool anew;
};

std::optional<Draws> read_draws(const nlohmann::json& request);

/// Of a batch, whose layers are asked for; nothing: of the whole layers.
std::optional<LayerPart> read_part(const nlohmann::json& request);

}  // namespace goldseal::worker
