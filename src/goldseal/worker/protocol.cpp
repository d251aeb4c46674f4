// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/protocol.hpp>

#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>

#include <nlohmann/json.hpp>

namespace goldseal {

std::string protocol_path(const std::filesystem::path& path) {
  if (is_utf8(path.string())) return path.string();
  throw Error(ErrorKind::io, path.string(), "expected a path in UTF-8, which alone a worker can be told, found other bytes",
              "rename it, or name it by a link whose path is in UTF-8");
}

std::string write_placements(const Checkpoint& checkpoint, std::span<const Assignment> assignments) {
  using Json = nlohmann::json;
  auto files = Json::array();
  for (const auto& file : checkpoint.files) files.push_back(protocol_path(std::filesystem::absolute(file->path())));
  auto tensors = Json::array();
  for (const auto& assignment : assignments) {
    const auto& tensor = checkpoint.tensors[assignment.tensor];
    const auto& storage = checkpoint.storages[tensor.storage];
    tensors.push_back({{"state_entry", assignment.state_entry},
                       {"file", storage.file},
                       {"begin", storage.begin},
                       {"bytes", storage.bytes},
                       {"dtype", to_string(tensor.dtype)},
                       {"shape", tensor.shape},
                       {"strides", tensor.strides},
                       {"offset", tensor.offset}});
  }
  return Json{{"files", std::move(files)}, {"tensors", std::move(tensors)}}.dump();
}

}  // namespace goldseal
