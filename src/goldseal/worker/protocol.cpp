// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/protocol.hpp>

#include <goldseal/base/bytes/base64.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <nlohmann/json.hpp>

namespace goldseal {
namespace {

using Json = nlohmann::json;

Json place_of(const Checkpoint& checkpoint, const Tensor& tensor, const std::string& state_entry) {
  const auto& storage = checkpoint.storages[tensor.storage];
  return {{"state_entry", state_entry},
          {"file", storage.file},
          {"begin", storage.begin},
          {"bytes", storage.bytes},
          {"dtype", to_string(tensor.dtype)},
          {"shape", tensor.shape},
          {"strides", tensor.strides},
          {"offset", tensor.offset}};
}

Json written(const PlainValue& value);

Json written_all(const PlainValue& value) {
  auto items = Json::array();
  for (const auto& item : value.items) items.push_back(written(item));
  return items;
}

Json written_pairs(const PlainValue& value) {
  auto items = Json::array();
  for (std::size_t i = 0; i + 1 < value.items.size(); i += 2)
    items.push_back(Json::array({written(value.items[i]), written(value.items[i + 1])}));
  return items;
}

Json content_of(const PlainValue& value) {
  using Kind = PlainValue::Kind;
  switch (value.kind) {
    case Kind::none:
      return nullptr;
    case Kind::boolean:
      return value.text == "1";
    case Kind::bytes:
    case Kind::byte_array:
    case Kind::stream:
      return base64({reinterpret_cast<const std::uint8_t*>(value.text.data()), value.text.size()});
    case Kind::tensor:
      return value.tensor;
    case Kind::tuple:
    case Kind::list:
    case Kind::set:
      return written_all(value);
    case Kind::dict:
    case Kind::ordered_dict:
      return written_pairs(value);
    case Kind::integer:
    case Kind::real:
    case Kind::complex:
    case Kind::text:
    case Kind::dtype:
    case Kind::device:
      break;
  }
  return value.text;
}

Json written(const PlainValue& value) { return Json::array({to_string(value.kind), content_of(value)}); }

Json written(const Checkpoint& checkpoint, const ExtraStateAssignment& assignment) {
  auto tensors = Json::array();
  for (const auto& tensor : assignment.state.tensors)
    tensors.push_back(place_of(checkpoint, tensor, assignment.state_entry));
  return {{"state_entry", assignment.state_entry},
          {"value", written(assignment.state.value)},
          {"tensors", std::move(tensors)}};
}

}  // namespace

std::string protocol_path(const std::filesystem::path& path) {
  if (is_utf8(path.string())) return path.string();
  throw Error(ErrorKind::io, path.string(), "expected a path in UTF-8, which alone a worker can be told, found other bytes",
              "rename it, or name it by a link whose path is in UTF-8");
}

std::string write_placements(const Checkpoint& checkpoint, std::span<const Assignment> assignments,
                             std::span<const ExtraStateAssignment> extra_states) {
  auto files = Json::array();
  for (const auto& file : checkpoint.files) files.push_back(protocol_path(std::filesystem::absolute(file->path())));
  auto tensors = Json::array();
  for (const auto& assignment : assignments) {
    tensors.push_back(place_of(checkpoint, checkpoint.tensors[assignment.tensor], assignment.state_entry));
    if (!assignment.file_name.empty()) tensors.back()["name"] = assignment.file_name;
  }
  auto states = Json::array();
  for (const auto& state : extra_states) states.push_back(written(checkpoint, state));
  return Json{{"files", std::move(files)}, {"tensors", std::move(tensors)}, {"extra_state", std::move(states)}}.dump();
}

}  // namespace goldseal
