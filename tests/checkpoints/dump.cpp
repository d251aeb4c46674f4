// SPDX-License-Identifier: Apache-2.0
// Prints what goldseal reads from a checkpoint as JSON, for scripts that compare it with PyTorch: the tensor table
// with digests, or the error. checkpoint_dump FILE [ENTRY]
#include <goldseal/base/error.hpp>
#include <goldseal/checkpoint/checkpoint.hpp>

#include <nlohmann/json.hpp>

#include <iostream>
#include <string_view>

namespace {

using nlohmann::json;

json describe(const goldseal::Checkpoint& checkpoint, const goldseal::Digests& digests) {
  json result = {{"container", checkpoint.container},   {"entry", checkpoint.entry},
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
  result["whole"] = to_hex(digests.files.at(0).whole);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  try {
    const auto checkpoint = goldseal::open_checkpoint(argv[1], {.entry = argc > 2 ? argv[2] : ""});
    std::cout << describe(checkpoint, goldseal::digest_everything(checkpoint)).dump() << '\n';
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
