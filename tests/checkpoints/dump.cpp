// SPDX-License-Identifier: Apache-2.0
// What goldseal's checkpoint library does, as JSON, for scripts that compare it with PyTorch. Each prints its result,
// or the error with exit code 1.
//   checkpoint_dump FILE [ENTRY]                    the tensor table with digests
//   checkpoint_dump --show FILE [ENTRY]             the same as `inspect` opens it, with what no state dict holds
//   checkpoint_dump --convert IN OUT STRIP [DTYPE]
//   checkpoint_dump --match FILE NETWORK            the names of FILE matched with those of NETWORK's state dict
//   checkpoint_dump --diff A B
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/contents/difference.hpp>
#include <goldseal/checkpoint/contents/summary.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/checkpoint/keys/key_table.hpp>
#include <goldseal/checkpoint/keys/keys.hpp>
#include <goldseal/checkpoint/write/convert.hpp>

#include <nlohmann/json.hpp>

#include <iostream>
#include <string>
#include <vector>

namespace {

using nlohmann::json;

json describe(const goldseal::Checkpoint& checkpoint, const goldseal::Digests& digests) {
  json result = {{"container", to_string(checkpoint.container)}, {"entry", checkpoint.entry},
                 {"candidates", checkpoint.candidates}, {"notes", json::object()},
                 {"tensors", json::object()},           {"order", json::array()}};
  for (const auto& note : checkpoint.notes) result["notes"][note.rule] = note.message;
  for (std::size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const auto& tensor = checkpoint.tensors[i];
    result["order"].push_back(tensor.name);
    result["tensors"][tensor.name] = {
        {"dtype", to_string(tensor.dtype)}, {"shape", tensor.shape},
        {"strides", tensor.strides},        {"offset", tensor.offset},
        {"storage", tensor.storage},        {"location", checkpoint.storages[tensor.storage].location},
        {"parameter", tensor.parameter},    {"sha256", to_hex(digests.tensors[i])}};
  }
  const auto summary = summarize(checkpoint);
  result["needs"] = summary.needs;
  for (const auto& advice : summary.advice) result["advice"][advice.rule] = advice.message;
  result["whole"] = to_hex(digests.files.at(0).whole);
  return result;
}

json convert(const std::vector<std::string>& arguments) {
  const auto input = goldseal::open_checkpoint(arguments.at(1));
  goldseal::ConvertOptions options{.output = arguments.at(2), .strip_prefix = arguments.at(3), .replace = true};
  if (arguments.size() > 4) options.dtype = goldseal::parse_dtype(arguments[4]);
  const auto result = convert_checkpoint(input, options);
  return {{"tensors", result.tensors}, {"renamed", result.renamed}, {"converted", result.converted}};
}

json match(const std::vector<std::string>& arguments) {
  const auto have = key_table(goldseal::open_checkpoint(arguments.at(1)));
  const auto want = key_table(goldseal::open_checkpoint(arguments.at(2)));
  const auto match = goldseal::match_keys(have, want);
  return {{"complete", match.complete()},
          {"removed", match.removed_segments},
          {"missing", match.missing.size()},
          {"unexpected", match.unexpected.size()},
          {"mismatched", match.mismatched.size()},
          {"cause", match.cause},
          {"remedy", match.remedy},
          {"saved_from", goldseal::explain_removed(match.removed_segments)}};
}

json diff(const std::vector<std::string>& arguments) {
  const auto a = goldseal::open_checkpoint(arguments.at(1));
  const auto b = goldseal::open_checkpoint(arguments.at(2));
  const auto difference = compare_checkpoints(a, goldseal::digest_all(a), b, goldseal::digest_all(b));
  json changed = json::object();
  for (const auto& row : difference.changed) {
    changed[row.name] = {{"shape", row.shape}, {"dtype", row.dtype}};
    if (!row.values) continue;
    changed[row.name].update(
        {{"differing", row.values->differing}, {"max_absolute", row.values->max_absolute}, {"rms", row.values->rms}});
    if (row.values->max_ulp) changed[row.name]["max_ulp"] = *row.values->max_ulp;
  }
  return {
      {"equal", difference.equal}, {"only_a", difference.only_a}, {"only_b", difference.only_b}, {"changed", changed}};
}

json show(const std::vector<std::string>& arguments) {
  const auto checkpoint = goldseal::open_checkpoint(
      arguments.at(1), {.entry = arguments.size() > 2 ? arguments[2] : "", .show_all = true});
  auto result = describe(checkpoint, goldseal::digest_everything(checkpoint));
  result["subclasses"] = json::object();
  for (const auto& tensor : checkpoint.subclass_tensors) {
    result["subclasses"][tensor.name] = {
        {"class", tensor.type}, {"what", tensor.what}, {"shape", tensor.shape}, {"parts", tensor.parts}};
  }
  result["objects"] = json::object();
  for (const auto& object : checkpoint.objects)
    result["objects"][object.path] = {{"class", object.type}, {"what", object.what}};
  result["extra_state"] = json::object();
  for (const auto& state : checkpoint.extra_states) result["extra_state"][state.name] = state.what;
  result["packed"] = json::object();
  for (const auto& weight : summarize(checkpoint).packed) {
    json entries = json::array();
    for (const auto part : weight.parts) entries.push_back(checkpoint.tensors[part].name);
    result["packed"][weight.name] = {{"scheme", weight.scheme->id}, {"entries", entries}};
  }
  result["metadata"] = checkpoint.metadata;
  return result;
}

json run(const std::vector<std::string>& arguments) {
  if (arguments.at(0) == "--show") return show(arguments);
  if (arguments.at(0) == "--convert") return convert(arguments);
  if (arguments.at(0) == "--match") return match(arguments);
  if (arguments.at(0) == "--diff") return diff(arguments);
  const auto checkpoint =
      goldseal::open_checkpoint(arguments.at(0), {.entry = arguments.size() > 1 ? arguments[1] : ""});
  return describe(checkpoint, goldseal::digest_everything(checkpoint));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  try {
    std::cout << run({argv + 1, argv + argc}).dump() << '\n';
  } catch (const goldseal::Error& error) {
    std::cout << json{{"error",
                       {{"kind", to_string(error.kind())},
                        {"where", error.where()},
                        {"message", error.message()},
                        {"remedy", error.remedy()}}}}
                     .dump()
              << '\n';
    return 1;
  }
}
