// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/name_causes.hpp>

#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/keys/key_causes.hpp>
#include <goldseal/checkpoint/keys/key_renames.hpp>
#include <goldseal/checkpoint/keys/key_segments.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

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

/// Whether the file has each name of the network behind the prefix, in its shape.
bool holds_network(const KeyCase& c, const std::map<std::string_view, const Key*, std::less<>>& have,
                   std::string_view prefix) {
  return std::ranges::all_of(c.want, [&](const Key& key) {
    if (!key.required || !key.alias_of.empty() || key.value) return true;
    const auto found = have.find(fmt::format("{}{}", prefix, key.name));
    return found != have.end() && found->second->shape == key.shape;
  });
}

/// What `convert` leaves out so that one copy stays, by first segments.
std::string drop_options(const KeyCase& c, std::string_view kept) {
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

/// The longest list of a network's parts that a name stands in, beyond the entries that others have: `blocks.3.weight`
/// gives `blocks` and 4 where no other name has a `blocks.` of 3 or more.
struct ListEntry {
  std::string list;
  std::size_t length = 0;  // of the list with this entry
  std::size_t there = 0;   // without it
};

/// How long a list is at least that has an entry of this name; nothing for names of other things.
std::optional<std::size_t> length_with(std::string_view segment) {
  constexpr std::size_t k_most_digits = 6;
  if (!is_all_digits(segment) || segment.size() > k_most_digits) return std::nullopt;
  return static_cast<std::size_t>(std::stoul(std::string(segment))) + 1;
}

std::optional<ListEntry> entry_beyond(std::string_view name, const std::map<std::string, std::size_t, std::less<>>& lengths) {
  for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
    const auto list = name.substr(0, dot);
    const auto end = std::min(name.find('.', dot + 1), name.size());
    const auto found = lengths.find(list);
    const auto length = length_with(name.substr(dot + 1, end - dot - 1));
    if (found != lengths.end() && length > found->second) return ListEntry{std::string(list), *length, found->second};
  }
  return std::nullopt;
}

/// One more than the greatest number that follows each name: `blocks` has 3 where `blocks.2.weight` is the last.
std::map<std::string, std::size_t, std::less<>> lengths_of_lists(std::span<const Key> keys) {
  std::map<std::string, std::size_t, std::less<>> lengths;
  for (const auto& key : keys) {
    std::string list;
    for (const auto& segment : split(key.name, '.')) {
      if (const auto length = length_with(segment); length && !list.empty())
        lengths[list] = std::max(lengths[list], *length);
      list += list.empty() ? std::string(segment) : "." + std::string(segment);
    }
  }
  return lengths;
}

}  // namespace

KeyGuess length_of_list(const KeyCase& c) {
  if (!c.match.mismatched.empty() || c.match.missing.empty() == c.match.unexpected.empty()) return std::nullopt;
  const bool longer_in_file = c.match.missing.empty();
  const auto names = longer_in_file ? c.unexpected_names() : c.missing_names();
  const auto lengths = lengths_of_lists(longer_in_file ? c.want : c.have);
  std::optional<ListEntry> longest;
  for (const auto name : names) {
    const auto beyond = entry_beyond(name, lengths);
    if (!beyond || (longest && longest->list != beyond->list)) return std::nullopt;
    if (!longest || beyond->length > longest->length) longest = beyond;
  }
  const auto in_file = longer_in_file ? longest->length : longest->there;
  const auto in_network = longer_in_file ? longest->there : longest->length;
  return KeyExplanation{fmt::format("{0} has {1} entries in the checkpoint and {2} in the network", escape_unprintable(longest->list),
                                    in_file, in_network),
                        fmt::format("build the network with {} (depth, num_layers), as it was trained", in_file)};
}

KeyGuess computed_buffers(const KeyCase& c) {
  if (!c.match.mismatched.empty() || !c.match.unexpected.empty() || c.match.missing.empty()) return std::nullopt;
  constexpr std::array k_tables{"inv_freq", "attn_mask", "causal_mask", "masked_bias", "relative_coords_table"};
  const auto is_computed = [&](std::size_t place) {
    const auto& key = c.want[place];
    const auto last = split(key.name, '.').back();
    const bool counts = key.dtype == DType::int64 || key.dtype == DType::int32 || key.dtype == DType::boolean;
    return !key.value && last != "num_batches_tracked" && (counts || std::ranges::find(k_tables, last) != k_tables.end());
  };
  if (!std::ranges::all_of(c.match.missing, is_computed)) return std::nullopt;
  const auto first = escape_unprintable(c.missing(0));
  return KeyExplanation{
      fmt::format("{} tables that the network's code computes are missing ({}): the file was saved by code that does not "
                  "keep them (persistent=False)",
                  c.match.missing.size(), first),
      fmt::format("where the network's constructor computes them alike, admit that with --allow-missing '{}'; or build the "
                  "network with the version of the code that saved the file",
                  first)};
}

KeyGuess another_family(const KeyCase& c) {
  const auto have = naming_family(c.have);
  const auto want = naming_family(c.want);
  if (have.empty() || have == want || c.met() * 2 > c.want.size()) return std::nullopt;
  const auto other = want.empty() ? fmt::format("the network's begin {}",
                                                escape_unprintable(c.want.empty() ? "" : c.want.front().name))
                                  : fmt::format("the network's are of {}", want);
  return KeyExplanation{fmt::format("the names are those of {}; {}", have, other),
                        "build the network with the code that the checkpoint was trained with"};
}

KeyGuess another_prefix(const KeyCase& c) {
  const auto missing = c.missing_names();
  const auto unexpected = c.unexpected_names();
  if (const auto prefix = added_prefix(unexpected, missing)) {
    return KeyExplanation{
        fmt::format("the checkpoint's names begin with `{}.`, the network's do not", escape_unprintable(*prefix)),
        fmt::format("rewrite it: goldseal convert FILE -o OUT --strip-prefix {}", escape_unprintable(*prefix))};
  }
  if (const auto prefix = added_prefix(missing, unexpected)) {
    return KeyExplanation{
        fmt::format("the network's names begin with `{}.`, the checkpoint's do not", escape_unprintable(*prefix)),
        fmt::format("the checkpoint holds the part `{0}` of the network: build that part alone, or load it with "
                    "model.{0}.load_state_dict",
                    escape_unprintable(*prefix))};
  }
  return std::nullopt;
}

KeyGuess part_of_more(const KeyCase& c) {
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
  const auto others = c.have.size() - own;
  return KeyExplanation{
      fmt::format("the network is a part of what was saved: all of its names are there behind {}{}",
                  fmt::join(shown, " and behind "),
                  others == 0 ? ", and nothing else is" : fmt::format(", beside {} others", others)),
      fmt::format("{}write that part alone: goldseal convert FILE -o OUT{} --strip-prefix {}",
                  prefixes.size() > 1 ? "make sure which copy is meant to answer, and " : "", drop_options(c, first),
                  part)};
}

KeyGuess renamed_segments(const KeyCase& c) {
  const auto& found = c.match.renaming;
  // Each name by a change of its own is chance, unless the rest of the names is the same.
  const bool telling = found.renames.size() * 2 <= found.pairs.size() || c.met() > 0;
  const auto most = std::max(c.match.missing.size(), c.match.unexpected.size());
  if (found.pairs.empty() || !telling || found.pairs.size() * 2 < most) return std::nullopt;
  if (found.pairs.size() == 1 && !c.match.nearest.empty()) return std::nullopt;  // a slip of the hand
  const bool whole = found.pairs.size() == c.match.missing.size() && found.pairs.size() == c.match.unexpected.size();
  if (!whole && found.pairs.size() == 1) return std::nullopt;
  const auto changes =
      found.renames.size() == 1 ? std::string("one segment") : fmt::format("{} segments", found.renames.size());
  const auto names = !whole ? fmt::format("{} of {} missing names differ", found.pairs.size(), c.match.missing.size())
                     : found.pairs.size() == 1 ? std::string("the missing name may differ")
                                               : fmt::format("all {} missing names differ", found.pairs.size());
  auto cause = fmt::format("{} by {}: {}; the shapes agree", names, changes, tell(found.renames, "the network"));
  if (!whole)
    cause += fmt::format("; beyond that {} are missing and {} unexpected", c.match.missing.size() - found.pairs.size(),
                         c.match.unexpected.size() - found.pairs.size());
  return KeyExplanation{
      std::move(cause),
      fmt::format("build the network with the version of the library that saved the file; or rename: goldseal convert "
                  "FILE -o OUT {}",
                  rename_options(found.renames))};
}

KeyGuess flattened_ema(const KeyCase& c) {
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
  return KeyExplanation{"an EMA's copy whose names lost their dots (LitEma): " + escape_unprintable(c.unexpected(0)),
                        "choose the network's own weights beside it, or write the average back into the network before "
                        "saving (ema.copy_to)"};
}

KeyGuess other_separators(const KeyCase& c) {
  if (c.met() > 0 || c.have.empty()) return std::nullopt;
  std::set<std::string_view> wanted;
  for (const auto& key : c.want) wanted.insert(key.name);
  for (const char separator : {'/', ':', '|'}) {
    const auto is_one = [&](const Key& key) {
      auto name = key.name;
      std::ranges::replace(name, separator, '.');
      return name != key.name && wanted.contains(name);
    };
    const auto fit = static_cast<std::size_t>(std::ranges::count_if(c.have, is_one));
    if (fit * 2 <= c.have.size()) continue;
    return KeyExplanation{
        fmt::format("{} of {} names are the network's, with `{}` in place of `.` ({}), as TensorFlow, JAX and flat "
                    "dicts have them",
                    fit, c.have.size(), separator, escape_unprintable(std::ranges::find_if(c.have, is_one)->name)),
        fmt::format("save it under the network's names: torch.save({{name.replace('{}', '.'): tensor for name, tensor in "
                    "state.items()}}, FILE)",
                    separator)};
  }
  return std::nullopt;
}

KeyGuess nothing_in_common(const KeyCase& c) {
  if (c.met() > 0) return std::nullopt;
  if (c.have.empty()) return KeyExplanation{"the checkpoint holds no tensors", "save model.state_dict()"};
  if (c.want.empty()) {
    return KeyExplanation{
        "the network has no tensors: either it is built without weights, or torch.jit.freeze made them "
        "constants of its code, into which no checkpoint can be loaded",
        "check how it is built; export a TorchScript archive unfrozen"};
  }
  return KeyExplanation{fmt::format("not one name in common: the checkpoint has {} …, the network {} …",
                                    escape_unprintable(c.have.front().name), escape_unprintable(c.want.front().name)),
                        "this is another network's checkpoint, or another code base's naming: check --model"};
}

KeyGuess some_names(const KeyCase& c) {
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
  return KeyExplanation{
      std::move(cause),
      "the network is not the one that was trained: check --model and its options against the training code's"};
}

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

}  // namespace goldseal
