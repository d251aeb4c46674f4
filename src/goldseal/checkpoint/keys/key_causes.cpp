// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/key_causes.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/keys/key_patterns.hpp>
#include <goldseal/checkpoint/keys/key_renames.hpp>
#include <goldseal/checkpoint/keys/key_segments.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string_view>
#include <vector>

namespace goldseal {
namespace {

using namespace std::string_view_literals;

/// The likely reason, and what to do.
struct Explanation {
  std::string cause;
  std::string remedy;
};
using Guess = std::optional<Explanation>;

constexpr std::size_t k_named = 3;  // of each kind, in a sentence

/// What a rule of the list looks at.
struct Case {
  std::span<const Key> have;
  std::span<const Key> want;
  const KeyMatch& match;

  [[nodiscard]] const std::string& missing(std::size_t i) const { return want[match.missing[i]].name; }
  [[nodiscard]] const std::string& unexpected(std::size_t i) const { return have[match.unexpected[i]].name; }
  [[nodiscard]] std::size_t met() const { return match.pairs.size() + match.mismatched.size(); }
  [[nodiscard]] bool names_met() const { return match.missing.empty() && match.unexpected.empty(); }
};

/// What the table of patterns says of the names that stand on one side alone, or differ otherwise.
Guess patterned(const Case& c) {
  std::vector<std::string_view> file;
  std::vector<std::string_view> network;
  for (std::size_t i = 0; i < c.match.unexpected.size(); ++i) file.push_back(c.unexpected(i));
  for (std::size_t i = 0; i < c.match.missing.size(); ++i) network.push_back(c.missing(i));
  for (const auto& mismatch : c.match.mismatched) {
    file.push_back(c.have[mismatch.have].name);
    network.push_back(c.want[mismatch.want].name);
  }
  auto found = match_patterns(file, network);
  if (found.pattern == nullptr) return std::nullopt;
  return Explanation{std::move(found.cause), std::move(found.remedy)};
}

bool is_empty(const std::vector<std::int64_t>& shape) { return std::ranges::find(shape, 0) != shape.end(); }

/// ZeRO-3 leaves tensors of no size where the weights were, which each rank's optimizer file holds a part of.
Guess placeholders(const Case& c) {
  const auto is_placeholder = [&](const KeyMismatch& mismatch) {
    return mismatch.shape && is_empty(c.have[mismatch.have].shape) && !is_empty(c.want[mismatch.want].shape);
  };
  const auto count = std::ranges::count_if(c.match.mismatched, is_placeholder);
  if (count == 0) return std::nullopt;
  const auto& first = *std::ranges::find_if(c.match.mismatched, is_placeholder);
  return Explanation{
      fmt::format("{} tensors have no elements ({}): placeholders of DeepSpeed ZeRO-3, whose weights are in the "
                  "zero_pp_rank_* optimizer files beside it",
                  count, escape_unprintable(c.have[first.have].name)),
      "gather them where they were saved: python zero_to_fp32.py . pytorch_model.bin, in the checkpoint's directory; "
      "or train with stage3_gather_16bit_weights_on_model_save"};
}

/// All that is left on either side are extra states.
Guess extra_states(const Case& c) {
  const auto is_one = [](const std::string& name) { return split(name, '.').back() == "_extra_state"; };
  bool all = c.match.mismatched.empty() && !c.names_met();
  for (std::size_t i = 0; i < c.match.missing.size(); ++i) all = all && is_one(c.missing(i));
  for (std::size_t i = 0; i < c.match.unexpected.size(); ++i) all = all && is_one(c.unexpected(i));
  if (!all) return std::nullopt;
  if (!c.match.missing.empty())
    return Explanation{fmt::format("the checkpoint lacks the extra state {}, which the network sets by set_extra_state()",
                                   escape_unprintable(c.missing(0))),
                       "save the whole state dict: safetensors and tools that keep tensors alone leave extra states out "
                       "(Transformer Engine's scales of fp8 among them)"};
  return Explanation{fmt::format("the network has no place for the extra state {}: it has no set_extra_state()",
                                 escape_unprintable(c.unexpected(0))),
                     "build the network with the library that wrote it (Transformer Engine, for one); where it is not "
                     "needed, save the checkpoint without it"};
}

Guess wrapped_network(const Case& c) {
  const auto wrapped = [](const Key& key) { return without_wrappers(key.name) != key.name; };
  if (c.met() > 0 || c.want.empty() || !std::ranges::all_of(c.want, wrapped) || std::ranges::any_of(c.have, wrapped))
    return std::nullopt;
  return Explanation{
      fmt::format("the network is wrapped ({}), the checkpoint is not", escape_unprintable(c.want.front().name)),
      "build the network without its wrapper: names are never made longer"};
}

Guess batches_tracked(const Case& c) {
  const auto counts = [](const std::string& name) { return name.ends_with("num_batches_tracked"); };
  bool all_missing = !c.match.missing.empty() && c.match.unexpected.empty();
  for (std::size_t i = 0; i < c.match.missing.size(); ++i) all_missing = all_missing && counts(c.missing(i));
  if (all_missing) {
    return Explanation{
        fmt::format("{} BatchNorm counters num_batches_tracked are missing: saved by PyTorch before 0.4.1, or by a "
                    "framework that has none",
                    c.match.missing.size()),
        "inference does not use them: admit that with --allow-missing '*num_batches_tracked'"};
  }
  bool all_unexpected = !c.match.unexpected.empty() && c.match.missing.empty();
  for (std::size_t i = 0; i < c.match.unexpected.size(); ++i)
    all_unexpected = all_unexpected && counts(c.unexpected(i));
  if (!all_unexpected) return std::nullopt;
  return Explanation{"the checkpoint has BatchNorm counters num_batches_tracked that the network lacks",
                     "build the network with track_running_stats=True and PyTorch 0.4.1 or newer"};
}

/// What BatchNorm has besides, or has not, by how it is built.
Guess batch_norm_built_otherwise(const Case& c) {
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
    return Explanation{fmt::format("the statistics of {} normalisations are missing ({}): they were saved with "
                                   "track_running_stats=False, or left out",
                                   std::ranges::count_if(names, [](const auto& name) { return name.ends_with("mean"); }),
                                   escape_unprintable(names.front())),
                       "build the network with track_running_stats=False, as it was trained; with statistics that no one "
                       "saved it answers otherwise"};
  return Explanation{fmt::format("the checkpoint has statistics that the network does not keep ({})",
                                 escape_unprintable(names.front())),
                     "build the network with track_running_stats=True, as it was trained"};
}

/// torch.save(list(model.parameters())).
Guess numbers_for_names(const Case& c) {
  const auto is_number = [](const Key& key) {
    return !key.name.empty() && std::ranges::all_of(key.name, [](char letter) { return letter >= '0' && letter <= '9'; });
  };
  if (c.met() > 0 || c.have.empty() || !std::ranges::all_of(c.have, is_number)) return std::nullopt;
  return Explanation{"the checkpoint's tensors have numbers for names: a list was saved, such as model.parameters(), which "
                     "has no names and no buffers",
                     "save model.state_dict() where the model is; an order alone does not tell which tensor is which"};
}

/// A file may hold any one of a group of tied tensors. A missing tensor is explained if the file holds another of its
/// group.
Guess tied_weights(const Case& c) {
  if (c.match.missing.empty() || !c.match.unexpected.empty()) return std::nullopt;
  const auto group = [](const Key& key) -> std::string_view { return key.alias_of.empty() ? key.name : key.alias_of; };
  const std::set<std::string_view> present(c.match.renamed.begin(), c.match.renamed.end());
  std::map<std::string_view, std::string_view> saved;  // by the group
  for (const auto& key : c.want) {
    if (present.contains(key.name)) saved.emplace(group(key), key.name);
  }
  const auto is_saved = [&](std::size_t i) { return saved.contains(group(c.want[i])); };
  if (!std::ranges::all_of(c.match.missing, is_saved)) return std::nullopt;
  const auto& first = c.want[c.match.missing.front()];
  return Explanation{fmt::format("{} is tied to {} and was saved once", escape_unprintable(first.name),
                                 escape_unprintable(saved.at(group(first)))),
                     "tie the weights before loading (model.tie_weights()), or save both names"};
}

/// Classes of a YOLOv3 head of that many channels: 3 anchors of 4 coordinates, 1 objectness and the classes.
std::optional<std::int64_t> yolo_classes(std::int64_t channels) {
  const auto classes = channels / 3 - 5;
  if (channels % 3 != 0 || classes < 1) return std::nullopt;
  return classes;
}

/// True where the shapes differ in the first dimension alone.
bool differs_in_first(const KeyMismatch& mismatch, const Case& c) {
  const auto& have = c.have[mismatch.have].shape;
  const auto& want = c.want[mismatch.want].shape;
  return mismatch.shape && !have.empty() && have.size() == want.size() && have[0] != want[0] &&
         std::equal(have.begin() + 1, have.end(), want.begin() + 1);
}

std::string shapes(const KeyMismatch& mismatch, const Case& c) {
  return fmt::format("{} is {}, {} wanted", escape_unprintable(c.want[mismatch.want].name),
                     format_shape(c.have[mismatch.have].shape), format_shape(c.want[mismatch.want].shape));
}

/// The same sizes in another order: a layer that keeps its weight the other way round.
Guess exchanged_axes(const Case& c) {
  const KeyMismatch* first = nullptr;
  std::size_t count = 0;
  for (const auto& mismatch : c.match.mismatched) {
    if (!mismatch.shape) continue;
    if (!std::ranges::is_permutation(c.have[mismatch.have].shape, c.want[mismatch.want].shape)) return std::nullopt;
    if (count++ == 0) first = &mismatch;
  }
  if (first == nullptr) return std::nullopt;
  return Explanation{
      fmt::format("{} tensors have their axes in another order: {}", count, shapes(*first, c)),
      "write them as the network keeps them, w.t().contiguous() of a matrix: GPT-2's Conv1D, TensorFlow and Flax keep "
      "weights the other way round than nn.Linear"};
}

Guess class_count(const Case& c) {
  std::set<std::pair<std::int64_t, std::int64_t>> sizes;
  const KeyMismatch* first = nullptr;
  for (const auto& mismatch : c.match.mismatched) {
    if (!mismatch.shape) continue;
    if (!differs_in_first(mismatch, c)) return std::nullopt;
    if (first == nullptr) first = &mismatch;
    sizes.emplace(c.have[mismatch.have].shape[0], c.want[mismatch.want].shape[0]);
  }
  // One head, or several of the same size; a wider network differs in many places.
  if (first == nullptr || sizes.size() != 1) return std::nullopt;
  const auto [have, want] = *sizes.begin();
  const auto have_classes = yolo_classes(have);
  const auto want_classes = yolo_classes(want);
  if (have_classes && want_classes) {
    return Explanation{
        fmt::format("another number of classes: {}; {} = 3*(5+{} classes), {} = 3*(5+{} classes)", shapes(*first, c),
                    have, *have_classes, want, *want_classes),
        fmt::format(
            "build the network for {} classes: in a Darknet cfg, classes={} in each [yolo] and filters={} in the "
            "[convolutional] before it",
            *have_classes, *have_classes, have)};
  }
  return Explanation{fmt::format("the last layer has another size: {}", shapes(*first, c)),
                     fmt::format("build the network for {} outputs, the number of classes it was trained for", have)};
}

Guess other_shapes(const Case& c) {
  const auto shape = std::ranges::find_if(c.match.mismatched, &KeyMismatch::shape);
  if (shape == c.match.mismatched.end()) return std::nullopt;
  const auto count = std::ranges::count_if(c.match.mismatched, &KeyMismatch::shape);
  return Explanation{
      fmt::format("{} tensors have another shape: {}", count, shapes(*shape, c)),
      "the network is built with other sizes than the one that was trained: compare their configurations"};
}

/// A few of another type than the rest: what was left in float32 on purpose, or converted by chance.
Guess odd_types(const Case& c) {
  const auto all = c.match.pairs.size() + c.match.mismatched.size();
  if (c.match.mismatched.empty() || c.match.mismatched.size() * 4 > all) return std::nullopt;
  std::vector<std::string> odd;
  for (const auto& mismatch : c.match.mismatched) {
    if (odd.size() == k_named) break;
    odd.push_back(fmt::format("{} is {}, {} wanted", escape_unprintable(c.want[mismatch.want].name),
                              to_string(c.have[mismatch.have].dtype), to_string(c.want[mismatch.want].dtype)));
  }
  std::map<DType, std::size_t> types;
  for (const auto& [have, want] : c.match.pairs) ++types[c.have[have].dtype];
  const auto rest = std::ranges::max_element(types, {}, [](const auto& entry) { return entry.second; });
  return Explanation{
      fmt::format("{} of {} tensors have another element type: {}{}; the rest is {}", c.match.mismatched.size(), all,
                  fmt::join(odd, "; "), c.match.mismatched.size() > k_named ? " …" : "", to_string(rest->first)),
      "build these layers in the file's type, as they were when it was saved; `goldseal convert --dtype` writes all "
      "tensors in one"};
}

Guess element_types(const Case& c) {
  if (c.match.mismatched.empty()) return std::nullopt;
  const auto& first = c.match.mismatched.front();
  const auto have = c.have[first.have].dtype;
  const auto want = c.want[first.want].dtype;
  if (have == DType::float16 || have == DType::bfloat16) {
    return Explanation{
        fmt::format("saved in half precision: {} tensors are {}, {} wanted", c.match.mismatched.size(), to_string(have),
                    to_string(want)),
        fmt::format("build the network in {}, or widen the file with `goldseal convert --dtype {}`; on a CPU "
                    "run it as float32",
                    to_string(have), to_string(want))};
  }
  return Explanation{fmt::format("{} tensors have another element type: {} is {}, {} wanted", c.match.mismatched.size(),
                                 escape_unprintable(c.want[first.want].name), to_string(have), to_string(want)),
                     fmt::format("build the network in {}, or rewrite the file with `goldseal convert --dtype {}`",
                                 to_string(have), to_string(want))};
}

Guess another_family(const Case& c) {
  const auto have = naming_family(c.have);
  const auto want = naming_family(c.want);
  if (have.empty() || have == want || c.met() * 2 > c.want.size()) return std::nullopt;
  const auto other = want.empty() ? fmt::format("the network's begin {}",
                                                escape_unprintable(c.want.empty() ? "" : c.want.front().name))
                                  : fmt::format("the network's are of {}", want);
  return Explanation{fmt::format("the names are those of {}; {}", have, other),
                     "build the network with the code that the checkpoint was trained with"};
}

/// A prefix that all names of `longer` have before those of `shorter`, wholly outside of the known ones.
std::optional<std::string> added_prefix(const std::vector<std::string_view>& longer,
                                        const std::vector<std::string_view>& shorter) {
  if (longer.empty() || shorter.empty()) return std::nullopt;
  const std::set<std::string_view> names(shorter.begin(), shorter.end());
  const auto& sample = longer.front();
  for (auto dot = sample.find('.'); dot != std::string_view::npos; dot = sample.find('.', dot + 1)) {
    const auto prefix = sample.substr(0, dot + 1);
    const auto fits = [&](std::string_view name) {
      return name.starts_with(prefix) && names.contains(name.substr(prefix.size()));
    };
    if (std::ranges::all_of(longer, fits)) return std::string(sample.substr(0, dot));
  }
  return std::nullopt;
}

Guess another_prefix(const Case& c) {
  std::vector<std::string_view> missing;
  std::vector<std::string_view> unexpected;
  for (std::size_t i = 0; i < c.match.missing.size(); ++i) missing.push_back(c.missing(i));
  for (std::size_t i = 0; i < c.match.unexpected.size(); ++i) unexpected.push_back(c.unexpected(i));
  if (const auto prefix = added_prefix(unexpected, missing)) {
    return Explanation{
        fmt::format("the checkpoint's names begin with `{}.`, the network's do not", escape_unprintable(*prefix)),
        fmt::format("rewrite it: goldseal convert FILE -o OUT --strip-prefix {}", escape_unprintable(*prefix))};
  }
  if (const auto prefix = added_prefix(missing, unexpected)) {
    return Explanation{
        fmt::format("the network's names begin with `{}.`, the checkpoint's do not", escape_unprintable(*prefix)),
        fmt::format("the checkpoint holds the part `{0}` of the network: build that part alone, or load it with "
                    "model.{0}.load_state_dict",
                    escape_unprintable(*prefix))};
  }
  return std::nullopt;
}

/// Whether the file has each name of the network behind the prefix, in its shape.
bool holds_network(const Case& c, const std::map<std::string_view, const Key*, std::less<>>& have, std::string_view prefix) {
  return std::ranges::all_of(c.want, [&](const Key& key) {
    if (!key.required || !key.alias_of.empty() || key.value) return true;
    const auto found = have.find(fmt::format("{}{}", prefix, key.name));
    return found != have.end() && found->second->shape == key.shape;
  });
}

/// What `convert` leaves out so that one copy stays, by first segments.
std::string drop_options(const Case& c, std::string_view kept) {
  constexpr std::size_t k_most = 6;
  std::set<std::string> patterns;
  for (const auto& key : c.have) {
    if (key.name.starts_with(kept)) continue;
    const auto dot = key.name.find('.');
    patterns.insert(escape_unprintable(dot == std::string::npos ? key.name : key.name.substr(0, dot) + ".*"));
  }
  if (patterns.size() > k_most) return " --drop … for each of the others";
  std::string text;
  for (const auto& pattern : patterns) text += fmt::format(" --drop '{}'", pattern);
  return text;
}

/// The network as a part of what was saved: a student beside its teacher, an average beside what it is of, a backbone
/// beside the heads that it was trained with.
Guess part_of_more(const Case& c) {
  const auto plain = std::ranges::find_if(c.want, [](const Key& key) { return key.required && !key.value; });
  if (c.met() > 0 || plain == c.want.end()) return std::nullopt;
  std::map<std::string_view, const Key*, std::less<>> have;
  for (const auto& key : c.have) have.emplace(key.name, &key);
  std::vector<std::string> prefixes;
  for (const auto& key : c.have) {
    const auto before = key.name.size() - std::min(key.name.size(), plain->name.size());
    if (before < 2 || !key.name.ends_with(plain->name) || key.name[before - 1] != '.') continue;
    const auto prefix = key.name.substr(0, before);
    if (prefixes.size() < k_named && holds_network(c, have, prefix)) prefixes.push_back(prefix);
  }
  if (prefixes.empty()) return std::nullopt;
  std::vector<std::string> shown;
  for (const auto& prefix : prefixes) shown.push_back(fmt::format("`{}`", escape_unprintable(prefix)));
  const auto own = static_cast<std::size_t>(
      std::ranges::count_if(c.have, [&](const Key& key) { return key.name.starts_with(prefixes.front()); }));
  const auto& first = prefixes.front();
  const auto part = escape_unprintable(first.substr(0, first.size() - 1));
  return Explanation{
      fmt::format("the network is a part of what was saved: all of its names are there behind {}, beside {} others",
                  fmt::join(shown, " and behind "), c.have.size() - own),
      fmt::format("{}write that part alone: goldseal convert FILE -o OUT{} --strip-prefix {}",
                  prefixes.size() > 1 ? "make sure which copy is meant to answer, and " : "", drop_options(c, first), part)};
}

/// One module that was renamed, put in or taken out, or a few.
Guess renamed_segments(const Case& c) {
  const auto& found = c.match.renaming;
  // Each name by a change of its own is chance, unless the rest of the names is the same.
  const bool telling = found.renames.size() * 2 <= found.pairs.size() || c.met() > 0;
  const auto most = std::max(c.match.missing.size(), c.match.unexpected.size());
  if (found.pairs.empty() || !telling || found.pairs.size() * 2 < most) return std::nullopt;
  if (found.pairs.size() == 1 && !c.match.nearest.empty()) return std::nullopt;  // a slip of the hand
  const bool whole = found.pairs.size() == c.match.missing.size() && found.pairs.size() == c.match.unexpected.size();
  if (!whole && found.pairs.size() == 1) return std::nullopt;
  const auto changes = found.renames.size() == 1 ? std::string("one segment")
                                                 : fmt::format("{} segments", found.renames.size());
  const auto names = !whole                     ? fmt::format("{} of {} missing names differ", found.pairs.size(),
                                                                    c.match.missing.size())
                     : found.pairs.size() == 1 ? std::string("the missing name may differ")
                                               : fmt::format("all {} missing names differ", found.pairs.size());
  auto cause = fmt::format("{} by {}: {}; the shapes agree", names, changes, tell(found.renames, "the network"));
  if (!whole)
    cause += fmt::format("; beyond that {} are missing and {} unexpected", c.match.missing.size() - found.pairs.size(),
                         c.match.unexpected.size() - found.pairs.size());
  return Explanation{
      std::move(cause),
      fmt::format("build the network with the version of the library that saved the file; or rename: goldseal convert "
                  "FILE -o OUT {}",
                  rename_options(found.renames))};
}

Guess flattened_ema(const Case& c) {
  std::set<std::string> flat;
  for (const auto& key : c.want) {
    auto name = key.name;
    std::erase(name, '.');
    flat.insert(std::move(name));
  }
  std::size_t hits = 0;
  for (std::size_t i = 0; i < c.match.unexpected.size(); ++i) {
    auto name = c.unexpected(i);
    const auto dot = name.rfind('.');
    if (dot != std::string::npos) name.erase(0, dot + 1);
    hits += flat.contains(name) ? 1U : 0U;
  }
  if (hits == 0 || hits * 2 < c.match.unexpected.size()) return std::nullopt;
  return Explanation{"an EMA's copy whose names lost their dots (LitEma): " + escape_unprintable(c.unexpected(0)),
                     "choose the network's own weights beside it, or write the average back into the network before "
                     "saving (ema.copy_to)"};
}

Guess nothing_in_common(const Case& c) {
  if (c.met() > 0) return std::nullopt;
  if (c.have.empty()) return Explanation{"the checkpoint holds no tensors", "save model.state_dict()"};
  if (c.want.empty()) {
    return Explanation{"the network has no tensors: either it is built without weights, or torch.jit.freeze made them "
                       "constants of its code, into which no checkpoint can be loaded",
                       "check how it is built; export a TorchScript archive unfrozen"};
  }
  return Explanation{fmt::format("not one name in common: the checkpoint has {} …, the network {} …",
                                 escape_unprintable(c.have.front().name), escape_unprintable(c.want.front().name)),
                     "this is another network's checkpoint, or another code base's naming: check --model"};
}

Guess some_names(const Case& c) {
  std::string cause = fmt::format("{} of {} names are missing, {} are unexpected", c.match.missing.size(),
                                  c.want.size(), c.match.unexpected.size());
  if (!c.match.nearest.empty()) {
    const auto [missing, unexpected] = c.match.nearest.front();
    cause += fmt::format("; {} may be {}", escape_unprintable(c.have[unexpected].name),
                         escape_unprintable(c.want[missing].name));
  } else {
    if (!c.match.missing.empty()) cause += fmt::format("; missing is {}", escape_unprintable(c.missing(0)));
    if (!c.match.unexpected.empty()) cause += fmt::format("; unexpected is {}", escape_unprintable(c.unexpected(0)));
  }
  return Explanation{
      std::move(cause),
      "the network is not the one that was trained: check --model and its options against the training code's"};
}

}  // namespace

std::string_view naming_family(std::span<const Key> keys) {
  struct Family {
    std::string_view pattern;
    std::string_view name;
  };
  // As public YOLOv3 repositories name their layers; more exact patterns come first.
  static constexpr std::array k_families{
      Family{R"(module_list\.\d+\.conv_\d+\.weight)",
             "PyTorch-YOLOv3 (eriklindernoren) or ultralytics yolov3 of 2018 to 2019"},
      Family{R"(module_list\.\d+\.Conv2d\.weight)", "ultralytics yolov3 up to v8"},
      Family{R"(model\.\d+\.(.+\.)?(conv|cv1)\.(conv\.)?weight)", "ultralytics yolov3 since v9, or yolov5"},
      Family{R"(module_list\.\d+\.(module_list\..+\.)?conv\.weight)", "PyTorch_YOLOv3 (DeNA)"},
      Family{R"(darknet\.cr_block\d+\..+)", "PyTorch-YOLOv3 of westerndigital"},
      Family{R"(backbone\.conv_res_block\d+\..+)", "mmdetection"},
  };
  constexpr std::size_t k_sample = 200;
  for (const auto& family : k_families) {
    const std::regex pattern{std::string(family.pattern)};
    for (const auto& key : keys.first(std::min(keys.size(), k_sample))) {
      const auto name = without_wrappers(key.name);
      if (name.size() < 200 && std::regex_match(name, pattern)) return family.name;
    }
  }
  return {};
}

void explain(std::span<const Key> have, std::span<const Key> want, KeyMatch& match) {
  if (match.complete()) return;
  // The first that knows an answer gives it: from the particular to the general.
  constexpr std::array k_rules{placeholders,   extra_states,   wrapped_network,  batches_tracked,   tied_weights,
                               batch_norm_built_otherwise, numbers_for_names,
                               flattened_ema,  part_of_more,   patterned,        another_family,    another_prefix,   renamed_segments,
                               nothing_in_common, exchanged_axes, class_count,   other_shapes};
  const Case c{have, want, match};
  Guess guess;
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
