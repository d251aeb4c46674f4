// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/layer_causes.hpp>

#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

namespace goldseal {
namespace {

using namespace std::string_view_literals;

std::string_view last_of(std::string_view name) { return name.substr(name.rfind('.') + 1); }

/// Of `rnn.weight_ih_l1_reverse`: layer 1, the other direction.
struct RecurrentPart {
  std::size_t layer = 0;
  bool reverse = false;
  bool bias = false;
};

std::optional<RecurrentPart> recurrent_part(std::string_view name) {
  constexpr std::array k_parts{"weight_ih_l"sv, "weight_hh_l"sv, "weight_hr_l"sv, "bias_ih_l"sv, "bias_hh_l"sv};
  auto last = last_of(name);
  const auto* const part = std::ranges::find_if(k_parts, [&](auto start) { return last.starts_with(start); });
  if (part == k_parts.end()) return std::nullopt;
  last.remove_prefix(part->size());
  RecurrentPart result{.bias = part->starts_with("bias")};
  constexpr auto k_reverse = "_reverse"sv;
  if (last.ends_with(k_reverse)) {
    result.reverse = true;
    last.remove_suffix(k_reverse.size());
  }
  constexpr std::size_t k_most_digits = 4;
  if (!is_all_digits(last) || last.size() > k_most_digits) return std::nullopt;
  result.layer = std::stoul(std::string(last));
  return result;
}

/// How many layers the recurrent parts among the keys have.
std::size_t recurrent_depth(std::span<const Key> keys) {
  std::size_t depth = 0;
  for (const auto& key : keys)
    if (const auto part = recurrent_part(key.name)) depth = std::max(depth, part->layer + 1);
  return depth;
}

KeyGuess recurrent_names(const KeyCase& c) {
  const bool in_file = c.match.missing.empty();
  const auto names = in_file ? c.unexpected_names() : c.missing_names();
  std::size_t reversed = 0;
  std::size_t biases = 0;
  for (const auto name : names) {
    const auto part = recurrent_part(name);
    if (!part) return std::nullopt;
    reversed += part->reverse ? 1U : 0U;
    biases += part->bias ? 1U : 0U;
  }
  const auto first = escape_unprintable(names.front());
  const auto* const who = in_file ? "the checkpoint" : "the network";
  if (reversed == names.size())
    return KeyExplanation{fmt::format("{} has the second direction of a recurrent layer ({}), the other side has one "
                                      "direction: one was built with bidirectional=True", who, first),
                          fmt::format("build the layer with bidirectional={}, as it was trained", in_file ? "True" : "False")};
  if (biases == names.size())
    return KeyExplanation{fmt::format("{} alone has the biases of a recurrent layer ({}): one was built with bias=True, "
                                      "the other with bias=False", who, first),
                          fmt::format("build the layer with bias={}, as it was trained", in_file ? "True" : "False")};
  const auto file = recurrent_depth(c.have);
  const auto network = recurrent_depth(c.want);
  if (file == network) return std::nullopt;
  return KeyExplanation{fmt::format("a recurrent layer has num_layers={} in the checkpoint and {} in the network ({} is in "
                                    "{} alone)", file, network, first, who),
                        fmt::format("build it with num_layers={}, as it was trained", file)};
}

/// `LSTM` of 4 blocks, `GRU` of 3, `RNN` of 1, by rows for each hidden unit; empty where neither fits.
std::string_view recurrent_kind(const Key& key) {
  if (key.shape.size() != 2 || !last_of(key.name).starts_with("weight_hh_l") || key.shape[1] < 1) return {};
  if (key.shape[0] % key.shape[1] != 0) return {};
  switch (key.shape[0] / key.shape[1]) {
    case 4: return "an LSTM";
    case 3: return "a GRU";
    case 1: return "a plain RNN";
    default: return {};
  }
}

KeyGuess recurrent_shapes(const KeyCase& c) {
  const KeyMismatch* hidden = nullptr;
  for (const auto& mismatch : c.match.mismatched) {
    const auto& name = c.want[mismatch.want].name;
    if (!mismatch.shape || !recurrent_part(name)) return std::nullopt;
    if (last_of(name).starts_with("weight_hh_l") && hidden == nullptr) hidden = &mismatch;
  }
  if (hidden == nullptr) return std::nullopt;
  const auto& have = c.have[hidden->have];
  const auto& want = c.want[hidden->want];
  const auto in_file = recurrent_kind(have);
  const auto in_network = recurrent_kind(want);
  if (in_file.empty() || in_network.empty()) return std::nullopt;
  const auto shapes = fmt::format("{} is {}, {} wanted", escape_unprintable(want.name), format_shape(have.shape),
                                  format_shape(want.shape));
  if (in_file != in_network)
    return KeyExplanation{fmt::format("{} was saved, and {} is built: {}", in_file, in_network, shapes),
                          fmt::format("build {}, as it was trained", in_file)};
  return KeyExplanation{fmt::format("{} has hidden_size={} in the checkpoint and {} in the network: {}", in_file,
                                    have.shape[1], want.shape[1], shapes),
                        fmt::format("build it with hidden_size={}, as it was trained", have.shape[1])};
}

/// The first segments of the names, and after them the segments under them, of parts that none of the names met has.
std::vector<std::string> whole_parts(std::span<const std::string_view> names, const std::vector<std::string_view>& met) {
  std::vector<std::string> parts;
  for (const auto name : names) {
    const auto part = std::string(name.substr(0, name.find('.')));
    const auto under = [&](std::string_view other) {
      return other.starts_with(part) && (other.size() == part.size() || other[part.size()] == '.');
    };
    if (std::ranges::any_of(met, under)) return {};
    if (std::ranges::find(parts, part) == parts.end()) parts.push_back(part);
  }
  return parts;
}

std::string listed(const std::vector<std::string>& parts) {
  std::vector<std::string> shown;
  for (const auto& part : parts) {
    if (shown.size() == k_named) break;
    shown.push_back(fmt::format("`{}`", escape_unprintable(part)));
  }
  return fmt::format("{}{}", fmt::join(shown, ", "), parts.size() > k_named ? " …" : "");
}

/// torchvision's auxiliary heads, which training alone uses.
KeyGuess auxiliary_heads(const std::vector<std::string>& lacking, const std::vector<std::string>& besides) {
  const auto is_one = [](const std::string& part) { return part.starts_with("aux") || part.starts_with("Aux"); };
  const auto& parts = lacking.empty() ? besides : lacking;
  if ((!lacking.empty() && !besides.empty()) || !std::ranges::all_of(parts, is_one)) return std::nullopt;
  return KeyExplanation{
      fmt::format("{} alone has auxiliary heads, {}, which training uses and evaluation does not",
                  lacking.empty() ? "the checkpoint" : "the network", listed(parts)),
      lacking.empty() ? "build the network with them (aux_logits=True, aux_loss=True), or admit them: --allow-unexpected '" +
                            escape_unprintable(parts.front()) + ".*'"
                      : "build the network without them (aux_logits=False, aux_loss=False)"};
}

bool is_table_of_words(std::string_view name) {
  constexpr std::array k_parts{"embed_tokens"sv, "word_embeddings"sv, "tok_embeddings"sv, "token_embedding"sv, "wte"sv,
                               "embed_in"sv, "shared"sv, "embedding"sv, "embeddings"sv, "embed"sv, "tok_emb"sv,
                               "token_emb"sv, "emb"sv, "word_emb"sv};
  return std::ranges::any_of(split(name, '.'), [&](auto segment) {
    return std::ranges::find(k_parts, segment) != k_parts.end();
  });
}

}  // namespace

KeyGuess recurrent_layers(const KeyCase& c) {
  if (!c.match.mismatched.empty()) return c.names_met() ? recurrent_shapes(c) : std::nullopt;
  if (c.match.missing.empty() == c.match.unexpected.empty()) return std::nullopt;
  return recurrent_names(c);
}

KeyGuess vocabulary(const KeyCase& c) {
  if (c.match.mismatched.empty() || !c.names_met()) return std::nullopt;
  const KeyMismatch* table = nullptr;
  std::pair<std::int64_t, std::int64_t> sizes;
  for (const auto& mismatch : c.match.mismatched) {
    auto have = c.have[mismatch.have].shape;
    const auto& want = c.want[mismatch.want].shape;
    if (!mismatch.shape || have.empty() || have.size() != want.size()) return std::nullopt;
    const std::pair rows{have[0], want[0]};
    if (table == nullptr && have.size() == 2 && is_table_of_words(c.want[mismatch.want].name)) table = &mismatch;
    if (&mismatch != &c.match.mismatched.front() && rows != sizes) return std::nullopt;
    sizes = rows;
    have[0] = want[0];
    if (have != want) return std::nullopt;
  }
  if (table == nullptr) return std::nullopt;
  const auto [have, want] = sizes;
  return KeyExplanation{
      fmt::format("the vocabulary has another size: {} has {} rows in the checkpoint and {} in the network",
                  escape_unprintable(c.want[table->want].name), have, want),
      fmt::format("build the network for {} words (vocab_size), or make the table as long as it was when it was saved: "
                  "model.resize_token_embeddings({}); padding to a multiple of 8 or 64, and tokens that were added, "
                  "change it",
                  have, have)};
}

KeyGuess another_head(const KeyCase& c) {
  if (!c.match.mismatched.empty() || c.match.pairs.size() < 2) return std::nullopt;
  std::vector<std::string_view> met;
  for (const auto& [have, want] : c.match.pairs) met.push_back(c.want[want].name);
  const auto lacking = whole_parts(c.missing_names(), met);
  const auto besides = whole_parts(c.unexpected_names(), met);
  constexpr std::size_t k_most = 3;
  if ((!c.match.missing.empty() && lacking.empty()) || (!c.match.unexpected.empty() && besides.empty())) return std::nullopt;
  if (lacking.size() > k_most || besides.size() > k_most) return std::nullopt;
  // Parts under the same name are no other head; neither are numbers, the entries of a list.
  if (std::ranges::any_of(lacking, is_all_digits) || std::ranges::any_of(besides, is_all_digits)) return std::nullopt;
  if (auto auxiliary = auxiliary_heads(lacking, besides)) return auxiliary;
  const auto rest = fmt::format("the other {} names agree", met.size());
  if (lacking.empty())
    return KeyExplanation{
        fmt::format("the checkpoint has a part that the network lacks, {}; {}: it was saved from the same body with a head "
                    "besides", listed(besides), rest),
        "build the network with the head that was trained; where the body alone is meant, write it alone: goldseal "
        "convert FILE -o OUT --drop '" + escape_unprintable(besides.front()) + (besides.size() == 1 && c.unexpected(0) == besides.front() ? "'" : ".*'")};
  return KeyExplanation{
      fmt::format("the checkpoint lacks a part of the network, {}{}; {}: a body that was saved {}, before it was trained "
                  "for this network's task",
                  listed(lacking), besides.empty() ? "" : fmt::format(", and has {} in its place", listed(besides)), rest,
                  besides.empty() ? "without a head" : "with another head"),
      "a head that is not in the file is random in each process (transformers: \"newly initialized\"): seal the "
      "checkpoint that was saved after the training for this task, or build the network whose head the file has"};
}

KeyGuess tied_where_saved(const KeyCase& c) {
  if (c.match.missing.size() != 1 || !c.match.unexpected.empty() || !c.match.mismatched.empty()) return std::nullopt;
  const auto& lost = c.want[c.match.missing.front()];
  if (lost.shape.size() != 2) return std::nullopt;
  for (const auto& [have, want] : c.match.pairs) {
    const auto& other = c.want[want];
    if (other.shape != lost.shape || is_table_of_words(other.name) == is_table_of_words(lost.name)) continue;
    return KeyExplanation{
        fmt::format("{} is missing, and {} has its shape: where the file was saved the two may have been one tensor, of "
                    "which safetensors and transformers keep one name (\"Removed shared tensor\")",
                    escape_unprintable(lost.name), escape_unprintable(other.name)),
        "build the network with the two tied (tie_word_embeddings=True, model.tie_weights()), as it was trained; where "
        "they were not tied, save it again with model.state_dict() and torch.save, which keep both"};
  }
  return std::nullopt;
}

KeyGuess complex_as_pairs(const KeyCase& c) {
  const auto is_complex = [](DType dtype) { return dtype == DType::complex64 || dtype == DType::complex128; };
  const auto as_pairs = [](const Key& key) {
    auto shape = key.shape;
    shape.push_back(2);
    return shape;
  };
  if (c.match.mismatched.empty() || !c.names_met()) return std::nullopt;
  for (const auto& mismatch : c.match.mismatched) {
    const auto& have = c.have[mismatch.have];
    const auto& want = c.want[mismatch.want];
    const bool file = is_complex(have.dtype) && as_pairs(have) == want.shape;
    if (!file && !(is_complex(want.dtype) && as_pairs(want) == have.shape)) return std::nullopt;
  }
  const auto& first = c.match.mismatched.front();
  const bool in_file = is_complex(c.have[first.have].dtype);
  return KeyExplanation{
      fmt::format("{} {} complex in {} and pairs of real numbers in {}", escape_unprintable(c.want[first.want].name),
                  c.match.mismatched.size() == 1 ? "is" : "and others are", in_file ? "the checkpoint" : "the network",
                  in_file ? "the network" : "the checkpoint"),
      in_file ? "the same values as pairs are torch.view_as_real(tensor); save them so, or build the network that was trained"
              : "the same values as complex numbers are torch.view_as_complex(tensor); save them so, or build the network "
                "that was trained"};
}

}  // namespace goldseal
