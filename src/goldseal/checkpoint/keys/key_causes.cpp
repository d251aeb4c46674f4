// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/key_causes.hpp>

#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/keys/key_case.hpp>
#include <goldseal/checkpoint/keys/key_patterns.hpp>
#include <goldseal/checkpoint/keys/key_segments.hpp>
#include <goldseal/checkpoint/keys/layer_causes.hpp>
#include <goldseal/checkpoint/keys/name_causes.hpp>
#include <goldseal/checkpoint/keys/shape_causes.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace goldseal {
namespace {

using namespace std::string_view_literals;

/// What the table of patterns says of the names that stand on one side alone, or differ otherwise.
KeyGuess patterned(const KeyCase& c) {
  auto file = c.unexpected_names();
  auto network = c.missing_names();
  for (const auto& mismatch : c.match.mismatched) {
    file.push_back(c.have[mismatch.have].name);
    network.push_back(c.want[mismatch.want].name);
  }
  auto found = match_patterns(file, network);
  if (found.pattern == nullptr) return std::nullopt;
  return KeyExplanation{std::move(found.cause), std::move(found.remedy)};
}

/// All that is left on either side are extra states.
KeyGuess extra_states(const KeyCase& c) {
  const auto is_one = [](const std::string& name) { return split(name, '.').back() == "_extra_state"; };
  bool all = c.match.mismatched.empty() && !c.names_met();
  for (std::size_t i = 0; i < c.match.missing.size(); ++i) all = all && is_one(c.missing(i));
  for (std::size_t i = 0; i < c.match.unexpected.size(); ++i) all = all && is_one(c.unexpected(i));
  if (!all) return std::nullopt;
  if (!c.match.missing.empty())
    return KeyExplanation{fmt::format("the checkpoint lacks the extra state {}, which the network sets by set_extra_state()",
                                   escape_unprintable(c.missing(0))),
                       "save the whole state dict: safetensors and tools that keep tensors alone leave extra states out "
                       "(Transformer Engine's scales of fp8 among them)"};
  return KeyExplanation{fmt::format("the network has no place for the extra state {}: it has no set_extra_state()",
                                 escape_unprintable(c.unexpected(0))),
                     "build the network with the library that wrote it (Transformer Engine, for one); where it is not "
                     "needed, save the checkpoint without it"};
}

KeyGuess wrapped_network(const KeyCase& c) {
  const auto wrapped = [](const Key& key) { return without_wrappers(key.name) != key.name; };
  if (c.met() > 0 || c.want.empty() || !std::ranges::all_of(c.want, wrapped) || std::ranges::any_of(c.have, wrapped))
    return std::nullopt;
  return KeyExplanation{
      fmt::format("the network is wrapped ({}), the checkpoint is not", escape_unprintable(c.want.front().name)),
      "build the network without its wrapper: names are never made longer"};
}

KeyGuess batches_tracked(const KeyCase& c) {
  const auto counts = [](const std::string& name) { return name.ends_with("num_batches_tracked"); };
  bool all_missing = !c.match.missing.empty() && c.match.unexpected.empty();
  for (std::size_t i = 0; i < c.match.missing.size(); ++i) all_missing = all_missing && counts(c.missing(i));
  if (all_missing) {
    return KeyExplanation{
        fmt::format("{} BatchNorm counters num_batches_tracked are missing: saved by PyTorch before 0.4.1, or by a "
                    "framework that has none",
                    c.match.missing.size()),
        "inference does not use them: admit that with --allow-missing '*num_batches_tracked'"};
  }
  bool all_unexpected = !c.match.unexpected.empty() && c.match.missing.empty();
  for (std::size_t i = 0; i < c.match.unexpected.size(); ++i)
    all_unexpected = all_unexpected && counts(c.unexpected(i));
  if (!all_unexpected) return std::nullopt;
  return KeyExplanation{"the checkpoint has BatchNorm counters num_batches_tracked that the network lacks",
                     "inference does not use them (FrozenBatchNorm2d has none): admit that with --allow-unexpected "
                     "'*num_batches_tracked'; or build the network with track_running_stats=True"};
}

/// What BatchNorm has besides, or has not, by how it is built.
KeyGuess batch_norm_built_otherwise(const KeyCase& c) {
  const auto is_statistic = [](const std::string& name) {
    const auto last = split(name, '.').back();
    return last == "running_mean" || last == "running_var" || last == "num_batches_tracked";
  };
  if (!c.match.mismatched.empty() || c.match.missing.empty() == c.match.unexpected.empty()) return std::nullopt;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < c.match.missing.size(); ++i) names.push_back(c.missing(i));
  for (std::size_t i = 0; i < c.match.unexpected.size(); ++i) names.push_back(c.unexpected(i));
  if (!std::ranges::all_of(names, is_statistic)) return std::nullopt;
  if (c.match.unexpected.empty())
    return KeyExplanation{fmt::format("the statistics of {} normalisations are missing ({}): they were saved with "
                                   "track_running_stats=False, or the parameters alone were (named_parameters() has no buffers)",
                                   std::ranges::count_if(names, [](const auto& name) { return name.ends_with("mean"); }),
                                   escape_unprintable(names.front())),
                       "save model.state_dict() where the model is; where it was trained without statistics, build it with "
                       "track_running_stats=False; with statistics that no one saved it answers otherwise"};
  return KeyExplanation{fmt::format("the checkpoint has statistics that the network does not keep ({})",
                                 escape_unprintable(names.front())),
                     "build the network as it was trained: with BatchNorm, not GroupNorm or LayerNorm, and "
                     "track_running_stats=True"};
}

/// `block.bn` of `block.bn.running_mean`, where that is the last segment; nothing where it is not.
std::optional<std::string_view> owner_of(std::string_view name, std::string_view last) {
  if (!name.ends_with(last)) return std::nullopt;
  name.remove_suffix(last.size());
  if (!name.ends_with('.')) return std::nullopt;
  return name.substr(0, name.size() - 1);
}

/// The layers whose statistics stand among the names; none where a name is of no such layer.
std::set<std::string_view> whole_batch_norms(std::span<const std::string_view> names) {
  constexpr std::array k_parts{"weight"sv, "bias"sv, "running_mean"sv, "running_var"sv, "num_batches_tracked"sv};
  std::set<std::string_view> layers;
  for (const auto name : names)
    if (const auto owner = owner_of(name, "running_mean")) layers.insert(*owner);
  const auto is_part = [&](std::string_view name) {
    return std::ranges::any_of(k_parts, [&](std::string_view part) {
      const auto owner = owner_of(name, part);
      return owner && layers.contains(*owner);
    });
  };
  return std::ranges::all_of(names, is_part) ? layers : std::set<std::string_view>();
}

/// Those BatchNorm layers, where one side has nothing else besides, and the other nothing but biases of layers that both
/// have, which folding may have given them; none otherwise.
std::set<std::string_view> folded_layers(const KeyCase& c, std::span<const std::string_view> besides,
                                         std::span<const std::string_view> biases) {
  const auto met = c.names_of_pairs();
  const auto is_met = [&](std::string_view layer) { return met.contains(fmt::format("{}.weight", layer)); };
  const auto is_new_bias = [&](std::string_view name) {
    const auto owner = owner_of(name, "bias");
    return owner && is_met(*owner);
  };
  auto layers = whole_batch_norms(besides);
  if (std::ranges::any_of(layers, is_met) || !std::ranges::all_of(biases, is_new_bias)) layers.clear();
  return layers;
}

/// Whole BatchNorm layers that one side alone has: the other was saved, or is loaded, after they were folded into the
/// convolutions before them.
KeyGuess folded_batch_norm(const KeyCase& c) {
  if (!c.match.mismatched.empty() || c.match.pairs.empty()) return std::nullopt;
  const auto missing = c.missing_names();
  const auto unexpected = c.unexpected_names();
  const auto of_file = folded_layers(c, unexpected, missing);
  const bool in_file = !of_file.empty();
  const auto layers = in_file ? of_file : folded_layers(c, missing, unexpected);
  if (layers.empty()) return std::nullopt;
  return KeyExplanation{
      fmt::format("{} has {} BatchNorm layers ({}) that {} lacks, and all else is there: they were folded into the "
                  "layers before them (fuse_conv_bn_eval, fuse(), optimize_for_inference)",
                  in_file ? "the checkpoint" : "the network", layers.size(), escape_unprintable(*layers.begin()),
                  in_file ? "the network" : "the checkpoint"),
      in_file ? "load and judge the network before its layers are fused: a fused one has other weights by design"
              : "save the network before its layers are fused, or build the fused one"};
}

/// Scales and shifts of normalisations, or biases, that one side alone has.
KeyGuess affine_built_otherwise(const KeyCase& c) {
  if (!c.match.mismatched.empty() || c.match.missing.empty() == c.match.unexpected.empty()) return std::nullopt;
  const bool lacking = c.match.unexpected.empty();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < c.match.missing.size(); ++i) names.push_back(c.missing(i));
  for (std::size_t i = 0; i < c.match.unexpected.size(); ++i) names.push_back(c.unexpected(i));
  const auto met = c.names_of_pairs();
  const auto sibling = [&](const std::string& name, std::string_view last) {
    const auto dot = name.rfind('.');
    return met.contains((dot == std::string::npos ? std::string() : name.substr(0, dot + 1)) + std::string(last));
  };
  const auto ends = [](const std::string& name, std::string_view last) {
    return name == last || name.ends_with(fmt::format(".{}", last));
  };
  const auto& first = escape_unprintable(names.front());
  if (std::ranges::all_of(names, [&](const auto& name) {
        return (ends(name, "weight") || ends(name, "bias")) && sibling(name, "running_mean");
      }))
    return KeyExplanation{fmt::format("{} has the weights and biases of {} BatchNorm layers ({}): one was built with "
                                      "affine=True, the other with affine=False",
                                      lacking ? "the network alone" : "the checkpoint alone",
                                      std::ranges::count_if(names, [&](const auto& name) { return ends(name, "weight"); }), first),
                          fmt::format("build these layers with affine={}, as they were trained", lacking ? "False" : "True")};
  if (std::ranges::all_of(names, [&](const auto& name) { return ends(name, "bias") && sibling(name, "weight"); }))
    return KeyExplanation{fmt::format("{} has {} biases ({}) beside weights that both have: one was built with bias=True, the "
                                      "other with bias=False",
                                      lacking ? "the network alone" : "the checkpoint alone", names.size(), first),
                          fmt::format("build these layers with bias={}, as they were trained", lacking ? "False" : "True")};
  return std::nullopt;
}

/// Tables of positions of another input size.
KeyGuess positions(const KeyCase& c) {
  constexpr std::array k_parts{"pos_emb"sv, "position"sv, "rel_pos"sv, "pos_enc"sv};
  const auto is_table = [&](const KeyMismatch& mismatch) {
    const std::string_view name = c.want[mismatch.want].name;
    return mismatch.shape && std::ranges::any_of(k_parts, [&](auto part) { return name.find(part) != name.npos; });
  };
  if (c.match.mismatched.empty() || !c.match.missing.empty() || !std::ranges::all_of(c.match.mismatched, is_table))
    return std::nullopt;
  const auto& first = c.match.mismatched.front();
  return KeyExplanation{
      fmt::format("{} is {}, {} wanted: tables of positions are made for one size of input, and the network is built for another",
                  escape_unprintable(c.want[first.want].name), format_shape(c.have[first.have].shape),
                  format_shape(c.want[first.want].shape)),
      "build the network for the size it was trained for (img_size, max_position_embeddings); or resize the table by its "
      "library, save the state_dict() and seal that"};
}

/// The names up to the last segment of which one side counts what the other calls by name, as (parent, the rest).
KeyGuess list_against_dict(const KeyCase& c) {
  if (!c.match.mismatched.empty() || c.match.missing.empty() || c.match.missing.size() != c.match.unexpected.size())
    return std::nullopt;
  std::map<std::string, std::pair<std::string, std::string>> parents;  // what the file and the network have there
  const auto note = [](const std::string& name, bool of_network, auto& found) {
    std::string parent;
    for (const auto& segment : split(name, '.')) {
      found[parent].first += of_network ? "" : (is_all_digits(segment) ? "n" : "t");
      found[parent].second += of_network ? (is_all_digits(segment) ? "n" : "t") : "";
      parent += std::string(segment) + ".";
    }
  };
  for (std::size_t i = 0; i < c.match.unexpected.size(); ++i) note(c.unexpected(i), false, parents);
  for (std::size_t i = 0; i < c.match.missing.size(); ++i) note(c.missing(i), true, parents);
  const auto only = [](const std::string& marks, char mark) {
    return !marks.empty() && marks.find_first_not_of(mark) == std::string::npos;
  };
  for (const auto& [parent, marks] : parents) {
    const bool list_in_file = only(marks.first, 'n') && only(marks.second, 't');
    // At the root it is another wrapper or another network.
    if (parent.empty() || (!list_in_file && !(only(marks.first, 't') && only(marks.second, 'n')))) continue;
    const auto where = escape_unprintable(parent.substr(0, parent.size() - 1));
    return KeyExplanation{
        fmt::format("{} is a list in {} (its entries have numbers) and a dict in {} (they have names): {} against {}", where,
                    list_in_file ? "the checkpoint" : "the network", list_in_file ? "the network" : "the checkpoint",
                    escape_unprintable(c.unexpected(0)), escape_unprintable(c.missing(0))),
        "build it as it was saved (ParameterList or ParameterDict, ModuleList or ModuleDict), or rename the entries where "
        "their order is known: goldseal convert --rename OLD=NEW"};
  }
  return std::nullopt;
}

/// torch.save(list(model.parameters())).
KeyGuess numbers_for_names(const KeyCase& c) {
  if (c.met() > 0 || c.have.empty() || !std::ranges::all_of(c.have, is_all_digits, &Key::name)) return std::nullopt;
  return KeyExplanation{"the checkpoint's tensors have numbers for names: a list was saved, such as model.parameters(), which "
                     "has no names and no buffers",
                     "save model.state_dict() where the model is; an order alone does not tell which tensor is which"};
}

/// A file may hold any one of a group of tied tensors. A missing tensor is explained if the file holds another of its
/// group.
KeyGuess tied_weights(const KeyCase& c) {
  if (c.match.missing.empty() || !c.match.unexpected.empty()) return std::nullopt;
  const std::set<std::string_view> present(c.match.renamed.begin(), c.match.renamed.end());
  std::map<std::string_view, std::string_view> saved;  // by the group
  for (const auto& key : c.want) {
    if (present.contains(key.name)) saved.emplace(key.tied_to(), key.name);
  }
  const auto is_saved = [&](std::size_t i) { return saved.contains(c.want[i].tied_to()); };
  if (!std::ranges::all_of(c.match.missing, is_saved)) return std::nullopt;
  const auto& first = c.want[c.match.missing.front()];
  return KeyExplanation{fmt::format("{} is tied to {} and was saved once", escape_unprintable(first.name),
                                 escape_unprintable(saved.at(first.tied_to()))),
                     "tie the weights before loading (model.tie_weights()), or save both names"};
}

}  // namespace

void explain(std::span<const Key> have, std::span<const Key> want, KeyMatch& match) {
  if (match.complete()) return;
  // The first that knows an answer gives it: from the particular to the general.
  constexpr std::array k_rules{placeholders,   extra_states,   wrapped_network,  batches_tracked,   tied_weights,
                               batch_norm_built_otherwise, folded_batch_norm, affine_built_otherwise, numbers_for_names, list_against_dict,
                               flattened_ema,  part_of_more,   patterned,        another_family,    another_prefix,   renamed_segments,
                               recurrent_layers, length_of_list, computed_buffers, other_separators, nothing_in_common,
                               complex_as_pairs, tied_where_saved, another_head, exchanged_axes, ones_in_shape,
                               positions, input_channels, vocabulary, class_count, other_widths, other_shapes};
  const KeyCase c{have, want, match};
  KeyGuess guess;
  for (const auto rule : k_rules) {
    if ((guess = rule(c))) break;
  }
  if (!guess) guess = c.names_met() ? odd_types(c) : some_names(c);
  if (!guess) guess = element_types(c);
  if (!guess) return;
  match.cause = std::move(guess->cause);
  match.remedy = std::move(guess->remedy);
  if (const auto removed = explain_removed(match.removed_segments); !removed.empty())
    match.cause += fmt::format(" ({})", removed);
}

std::string explain_removed(std::span<const std::string> removed_segments) {
  struct Row {
    std::string_view segment;
    std::string_view meaning;
  };
  static constexpr std::array k_rows{
      Row{"module", "saved from DataParallel or DistributedDataParallel"},
      Row{"_orig_mod", "saved from a model compiled by torch.compile"},
      Row{"_fsdp_wrapped_module", "saved from FSDP"},
      Row{"_checkpoint_wrapped_module", "saved with activation checkpointing"},
      Row{"_forward_module", "saved from DeepSpeed or a precision plugin"},
  };
  std::vector<std::string> parts;
  for (const auto& segment : removed_segments) {
    const auto* const row = std::ranges::find(k_rows, std::string_view(segment), &Row::segment);
    const auto meaning = row == k_rows.end() ? "saved under a prefix"sv : row->meaning;
    parts.push_back(fmt::format("{} (`{}.`)", meaning, escape_unprintable(segment)));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace goldseal
