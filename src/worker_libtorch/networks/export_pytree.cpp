// SPDX-License-Identifier: Apache-2.0
#include "networks/export_pytree.hpp"

#include "networks/nesting.hpp"
#include "protocol/error.hpp"

#include <utility>

namespace goldseal::worker {
namespace {

using nlohmann::json;

// torch.utils._pytree.treespec_dumps: [version, {"type", "context", "children_spec"}]; a leaf's type is null.
json parse_spec(const std::string& text) {
  auto document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_array() || document.size() != 2 || document[0] != 1 || !document[1].is_object())
    throw Refusal(RefusalKind::unsupported, "the program describes its arguments in a way that is not known", {},
                  "export the model again with a PyTorch from 2.8 to 2.13");
  return std::move(document[1]);
}

std::string joined(const std::string& name, const std::string& part) { return name.empty() ? part : name + "." + part; }

std::string text_of_key(const json& key) { return key.is_string() ? key.get<std::string>() : key.dump(); }

// A dict's context lists its keys; a defaultdict's is the factory and then the keys.
std::vector<std::string> keys_of(const json& node) {
  std::vector<std::string> keys;
  const auto& context = node.at("context");
  auto list = context.is_string() ? json::parse(context.get<std::string>(), nullptr, false) : json();
  if (list.is_array() && list.size() == 2 && list[1].is_array()) list = json(list[1]);
  if (list.is_array())
    for (const auto& key : list) keys.push_back(text_of_key(key));
  return keys;
}

void visit(const json& node, const std::string& name, int depth, std::vector<std::string>& names) {
  require_shallow(depth, "the program's arguments");
  if (node.at("type").is_null()) return names.push_back(name);
  const auto& children = node.at("children_spec");
  const auto keys = keys_of(node);
  for (std::size_t i = 0; i < children.size(); ++i)
    visit(children[i], joined(name, keys.size() == children.size() ? keys[i] : std::to_string(i)), depth + 1, names);
}

}  // namespace

std::vector<std::string> output_names(const std::string& spec) {
  std::vector<std::string> names;
  visit(parse_spec(spec), "", 0, names);
  for (auto& name : names)
    if (name.empty()) name = "output";
  return names;
}

std::vector<std::string> input_names(const std::string& spec, const std::vector<std::string>& arguments) {
  const auto root = parse_spec(spec);  // ((positional …), {keyword: …})
  std::vector<const json*> values;
  for (const auto& group : root.at("children_spec"))
    for (const auto& value : group.at("children_spec")) values.push_back(&value);
  std::vector<std::string> names;
  if (values.size() != arguments.size()) return names;
  for (std::size_t i = 0; i < values.size(); ++i) visit(*values[i], arguments[i], 1, names);
  return names;
}

std::vector<std::string> call_names(const std::string& spec, const std::vector<std::string>& positional) {
  const auto root = parse_spec(spec);
  auto arguments = positional;
  const auto& groups = root.at("children_spec");
  for (auto i = arguments.size(); i < groups.at(0).at("children_spec").size(); ++i)
    arguments.push_back(std::to_string(i));
  for (const auto& keyword : keys_of(groups.at(1))) arguments.push_back(keyword);
  return input_names(spec, arguments);
}

}  // namespace goldseal::worker
