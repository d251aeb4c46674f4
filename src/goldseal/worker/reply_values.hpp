// SPDX-License-Identifier: Apache-2.0
// The values that a worker's replies are made of. Each throws as nlohmann's JSON does, or Error, where a reply lacks what
// the protocol promises; worker.cpp says then which step broke it.
#pragma once

#include <goldseal/worker/protocol.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <vector>

namespace goldseal {

[[nodiscard]] FactValue fact_value(const nlohmann::json& value);
[[nodiscard]] DeclaredInput declared_input(const nlohmann::json& input);
[[nodiscard]] ExtraStateRecord extra_state(const nlohmann::json& state);
/// A sketch of another width counts as none.
[[nodiscard]] OutsideRecord outside_tensor(const nlohmann::json& tensor);
[[nodiscard]] RunWitness witness_of(const nlohmann::json& reply);
/// A worker that names none runs on the CPU.
[[nodiscard]] std::vector<Device> devices_of(const nlohmann::json& hello);
/// Those that this goldseal knows.
[[nodiscard]] std::vector<Builder> builders_of(const nlohmann::json& hello);
[[nodiscard]] Builder builder_of(const nlohmann::json& value);
[[nodiscard]] std::optional<DType> dtype_if_told(const nlohmann::json& holder);

}  // namespace goldseal
