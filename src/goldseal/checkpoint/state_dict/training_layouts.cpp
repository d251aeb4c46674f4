// SPDX-License-Identifier: Apache-2.0
// Names of DeepSpeed (runtime/engine.py, runtime/zero/stage3.py, utils/zero_to_fp32.py), Megatron-LM
// (training/checkpointing.py) and Lightning (callbacks/weight_averaging.py).
#include <goldseal/checkpoint/state_dict/training_layouts.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace goldseal::pickle {
namespace {

constexpr std::string_view k_zero_to_fp32 =
    "run the zero_to_fp32.py that DeepSpeed put beside the checkpoint (python zero_to_fp32.py DIRECTORY OUT), and take "
    "OUT; or train with stage3_gather_16bit_weights_on_model_save=True";

/// The value of a key of a mapping, or of an attribute of an object.
std::optional<Id> find(const Document& document, Id table, std::string_view key) {
  if (!document.is_mapping(table)) return std::nullopt;
  const auto items = document.items(table);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (document.kind(items[i]) == Kind::text && document.text(items[i]) == key) return items[i + 1];
  }
  return std::nullopt;
}

bool has_any(const Document& document, Id table, std::initializer_list<std::string_view> keys) {
  return std::ranges::any_of(keys, [&](std::string_view key) { return find(document, table, key).has_value(); });
}

/// A tensor of the shape [0], which is rebuilt from (storage, offset, size, …), perhaps below a parameter.
bool is_placeholder(const Document& document, Id id) {
  for (int depth = 0; depth < 3 && is_tensor(document, id); ++depth) {
    const auto arguments = document.items(document.arguments(id));
    const bool parameter = document.is_call(id, Role::rebuild_parameter) ||
                           document.is_call(id, Role::rebuild_parameter_with_state);
    if (parameter && !arguments.empty()) {
      id = arguments[0];
      continue;
    }
    if (arguments.size() < 3 || document.kind(arguments[2]) != Kind::tuple) return false;
    const auto sizes = document.items(arguments[2]);
    return sizes.size() == 1 && document.kind(sizes[0]) == Kind::integer && document.integer(sizes[0]) == 0;
  }
  return false;
}

struct Counts {
  std::size_t tensors = 0;
  std::size_t placeholders = 0;
  std::string first;  // placeholder's name
};

Counts count(const Document& document, Id table) {
  Counts counts;
  if (!document.is_mapping(table)) return counts;
  const auto items = document.items(table);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (!is_tensor(document, items[i + 1])) continue;
    ++counts.tensors;
    if (!is_placeholder(document, items[i + 1])) continue;
    if (counts.first.empty() && document.kind(items[i]) == Kind::text)
      counts.first = escape_unprintable(document.text(items[i]));
    ++counts.placeholders;
  }
  return counts;
}

std::string version_of(const Document& document) {
  const auto version = find(document, document.root(), "ds_version");
  if (!version || document.kind(*version) != Kind::text) return {};
  return fmt::format(" {}", escape_unprintable(document.text(*version).substr(0, 24)));
}

std::optional<TrainingLayout> zero_placeholders(const Document& document, const Entry* chosen) {
  const auto root = document.root();
  const bool deepspeed = has_any(document, root, {"ds_version", "param_shapes", "ds_config"});
  const auto module = deepspeed ? find(document, root, "module") : std::nullopt;
  const auto counts = module ? count(document, *module) : chosen != nullptr ? count(document, chosen->id) : Counts{};
  // A state dict of one tensor may well have saved an empty one.
  const bool all = counts.tensors > 1 && counts.placeholders == counts.tensors;
  if (counts.placeholders == 0 || (!deepspeed && !all)) return std::nullopt;
  return TrainingLayout{
      "zero.placeholders",
      fmt::format("{} of {} tensors are placeholders of size 0, {} the first: {}", counts.placeholders, counts.tensors,
                  counts.first,
                  deepspeed ? fmt::format("DeepSpeed{} ZeRO stage 3 keeps the weights in the files zero_pp_rank_*_"
                                          "optim_states.pt beside this one",
                                          version_of(document))
                            : "a state dict that was taken while ZeRO stage 3 or FSDP had the weights elsewhere"),
      std::string(k_zero_to_fp32)};
}

std::optional<TrainingLayout> zero_optimizer_states(const Document& document) {
  const auto root = document.root();
  const auto states = find(document, root, "optimizer_state_dict");
  if (!states || !has_any(document, root, {"ds_version", "ds_config"})) return std::nullopt;
  const bool flat = has_any(document, *states,
                            {"fp32_flat_groups", "single_partition_of_fp32_groups", "partition_count", "zero_stage"});
  if (!flat) return std::nullopt;
  return TrainingLayout{"zero.optimizer-states",
                        fmt::format("the optimizer's states of one rank (DeepSpeed{} ZeRO): the weights are in it as "
                                    "flat float32 partitions without names",
                                    version_of(document)),
                        std::string(k_zero_to_fp32)};
}

std::int64_t attribute(const Document& document, Id object, std::string_view name) {
  const auto state = document.kind(object) == Kind::call ? document.state(object) : std::optional(object);
  if (!state) return 0;
  const auto value = find(document, *state, name);
  return value && document.kind(*value) == Kind::integer ? document.integer(*value) : 0;
}

std::optional<TrainingLayout> megatron_rank(const Document& document) {
  const auto root = document.root();
  const auto args = find(document, root, "args");
  if (!args || !has_any(document, root, {"checkpoint_version", "model", "model0"})) return std::nullopt;
  const auto tensor = attribute(document, *args, "tensor_model_parallel_size");
  const auto pipeline = attribute(document, *args, "pipeline_model_parallel_size");
  const auto expert = attribute(document, *args, "expert_model_parallel_size");
  if (tensor <= 1 && pipeline <= 1 && expert <= 1) return std::nullopt;
  return TrainingLayout{
      "megatron.rank",
      fmt::format("one rank's part of a Megatron checkpoint (tensor parallel {}, pipeline parallel {}{}): other ranks' "
                  "files hold the rest of each weight",
                  std::max<std::int64_t>(tensor, 1), std::max<std::int64_t>(pipeline, 1),
                  expert > 1 ? fmt::format(", expert parallel {}", expert) : ""),
      "merge the ranks with Megatron-LM's tools/checkpoint/convert.py (--target-tensor-parallel-size 1 "
      "--target-pipeline-parallel-size 1), and take what it writes"};
}

}  // namespace

std::optional<TrainingLayout> find_training_layout(const Document& document, const Entry* chosen) {
  if (!document.is_mapping(document.root())) return std::nullopt;
  if (auto found = zero_optimizer_states(document)) return found;
  if (auto found = megatron_rank(document)) return found;
  return zero_placeholders(document, chosen);
}

std::string explain_entries(std::span<const Entry> entries) {
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(entries, [&](const Entry& entry) { return entry.candidate.entry == name; });
  };
  if (has("state_dict") && has("current_model_state")) {
    return "Lightning's WeightAveraging: state_dict is the average of the weights, current_model_state the weights as "
           "they were trained last";
  }
  return {};
}

}  // namespace goldseal::pickle
