// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/reply_values.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/worker/entry_json.hpp>

namespace goldseal {
namespace {

using Json = nlohmann::json;

// Of a sketch: eight projections, the root mean square, and how many elements are not finite.
constexpr std::size_t k_sketch_width = 10;

}  // namespace

FactValue fact_value(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_array()) return value.get<std::vector<std::string>>();
  return value.get<std::string>();
}

DeclaredInput declared_input(const Json& input) {
  // A TorchScript archive does not say its inputs' type.
  const auto dtype = input.value("dtype", Json());
  DeclaredInput declared{.name = input.at("name").get<std::string>(),
                         .dtype = dtype.is_string() ? parse_dtype(dtype.get<std::string>()) : std::nullopt,
                         .shape = {},
                         .required = input.value("required", true)};
  const auto shape = input.value("shape", Json());
  if (!shape.is_array()) return declared;
  for (const auto& size : shape) declared.shape.push_back(size.is_null() ? -1 : size.get<std::int64_t>());
  return declared;
}

ExtraStateRecord extra_state(const Json& state) {
  return {state.at("name").get<std::string>(), state.at("kind").get<std::string>(), read_sha256(state.at("sha256"))};
}

OutsideRecord outside_tensor(const Json& tensor) {
  OutsideRecord record{tensor.at("name").get<std::string>(),
                       tensor.at("kind").get<std::string>(),
                       tensor.at("dtype").get<std::string>(),
                       tensor.at("shape").get<std::vector<std::int64_t>>(),
                       read_sha256(tensor.at("sha256")),
                       tensor.value("read", true),
                       tensor.value("sketch", std::vector<double>{}),
                       tensor.value("remade", false)};
  if (record.sketch.size() != k_sketch_width) record.sketch.clear();
  return record;
}

RunWitness witness_of(const Json& reply) {
  RunWitness witness;
  for (const auto& op : reply.value("random", Json::array()))
    witness.random.push_back({op.at("module").get<std::string>(), op.at("op").get<std::string>()});
  witness.generators = reply.value("generators", std::vector<std::string>{});
  witness.reads = reply.value("reads", std::vector<std::string>{});
  witness.writes = reply.value("writes", std::vector<std::string>{});
  return witness;
}

std::vector<Device> devices_of(const Json& hello) {
  const auto names = hello.value("devices", std::vector<std::string>{});
  if (names.empty()) return {Device()};  // a worker that names none runs there
  return {names.begin(), names.end()};
}

std::vector<Builder> builders_of(const Json& hello) {
  std::vector<Builder> builders;
  for (const auto& name : hello.value("builders", std::vector<std::string>{}))
    if (const auto builder = parse_builder(name)) builders.push_back(*builder);
  return builders;
}

Builder builder_of(const Json& value) {
  const auto builder = parse_builder(value.get<std::string>());
  if (!builder)
    throw Error(ErrorKind::worker, "worker", "in step `program`: the reply names a builder that does not exist");
  return *builder;
}

std::optional<DType> dtype_if_told(const Json& holder) {
  const auto found = holder.find("dtype");
  return found == holder.end() ? std::nullopt : parse_dtype(found->get<std::string>());
}

}  // namespace goldseal
