// SPDX-License-Identifier: Apache-2.0
#include "networks/export_program.hpp"

#include "darknet/files.hpp"
#include "networks/export_pytree.hpp"
#include "protocol/error.hpp"

#include <ATen/Functions.h>

#include <string_view>

namespace goldseal::worker {
namespace {

using nlohmann::json;

constexpr std::size_t k_max_bytes = 256U << 20U;
constexpr std::size_t k_max_nodes = 1'000'000;
constexpr int k_schema_major = 8;
// A graph in a graph: `with torch.no_grad()` and the like, which change nothing where gradients are off anyway.
constexpr std::string_view k_no_grad = "torch.ops.higher_order.wrap_with_set_grad_enabled";

// The one member of a union: {"as_tensor": {…}}.
std::pair<std::string, json> only_member(const json& object) {
  if (!object.is_object() || object.size() != 1)
    throw Refusal(RefusalKind::malformed, "the program holds a union that does not name one kind");
  return {object.begin().key(), object.begin().value()};
}

// The last of "key,path,type;key,path,type": the path of the innermost module.
std::string module_of(const json& node) {
  const auto& metadata = node.at("metadata");
  const auto stack = metadata.find("nn_module_stack");
  if (stack == metadata.end() || !stack->is_string()) return {};
  const auto text = stack->get<std::string>();
  const auto last = text.substr(text.rfind(';') + 1);
  const auto first = last.find(',');
  const auto second = last.find(',', first + 1);
  if (first == std::string::npos || second == std::string::npos) return {};
  const auto path = last.substr(first + 1, second - first - 1);
  return path == "_empty_nn_module_stack_from_metadata_hook" ? std::string() : path;
}

// What torch.export inserts to guard its assumptions. They give nothing, and some compare the types of the export
// with those of a float64 run. Whether inputs fit is checked before a run.
bool is_assertion(std::string_view target) {
  return target.starts_with("torch.ops.aten._assert") || target.starts_with("torch.ops.aten.sym_constrain_range");
}

class ProgramReader {
 public:
  explicit ProgramReader(const json& document) : m_document(document) {}

  ExportProgram read() {
    const auto& module = m_document.at("graph_module");
    const auto& graph = module.at("graph");
    m_program.torch_version = m_document.value("torch_version", "");
    const auto& call = module.at("module_call_graph").at(0).at("signature");
    ValueNames names;
    read_inputs(module.at("signature").at("input_specs"), graph, call, names);
    read_nodes(graph, names);
    read_outputs(module.at("signature").at("output_specs"), call, names);
    return std::move(m_program);
  }

 private:
  std::size_t define(ValueNames& names, const std::string& name) {
    const auto value = m_program.values++;
    if (!names.emplace(name, value).second)
      throw Refusal(RefusalKind::malformed, "the program defines `" + name + "` twice");
    return value;
  }

  void read_inputs(const json& specs, const json& graph, const json& call, ValueNames& names) {
    std::vector<std::string> arguments;
    if (const auto& stated = call.at("forward_arg_names"); stated.is_array())
      arguments = stated.get<std::vector<std::string>>();
    const auto nested = input_names(call.at("in_spec").get<std::string>(), arguments);
    std::size_t place = 0;
    for (const auto& spec : specs) {
      const auto [kind, body] = only_member(spec);
      if (kind == "user_input") {
        const auto name = place < nested.size() ? nested[place] : std::string();
        ++place;
        read_user_input(body.at("arg"), name, graph, names);
      } else {
        read_entry(kind, body, graph, names);
      }
    }
  }

  void read_user_input(const json& argument, const std::string& name, const json& graph, ValueNames& names) {
    const auto [kind, body] = only_member(argument);
    const bool number = kind == "as_sym_int" || kind == "as_sym_float" || kind == "as_sym_bool";
    if (kind == "as_custom_obj" || kind == "as_graph")
      throw Refusal(RefusalKind::unsupported, "input `" + name + "` of the program is an object, not a tensor");
    if (kind != "as_tensor" && !number) return;  // a constant, fixed when the program was exported
    const auto placeholder = body.at(number ? "as_name" : "name").get<std::string>();
    InputSpec spec{name.empty() ? placeholder : name, std::nullopt, std::nullopt};
    if (number) {
      spec.shape.emplace();
    } else {
      const auto& meta = graph.at("tensor_values").at(placeholder);
      spec.dtype = export_scalar_type(meta.at("dtype").get<std::int64_t>());
      spec.shape.emplace();
      for (const auto& size : meta.at("sizes"))
        spec.shape->push_back(size.contains("as_int") ? std::optional(size.at("as_int").get<std::int64_t>())
                                                      : std::nullopt);
    }
    m_program.inputs.push_back({std::move(spec), define(names, placeholder), number});
  }

  void read_entry(const std::string& kind, const json& body, const json& graph, ValueNames& names) {
    static const std::map<std::string_view, const char*> k_name_members{
        {"parameter", "parameter_name"}, {"buffer", "buffer_name"}, {"tensor_constant", "tensor_constant_name"}};
    const auto member = k_name_members.find(kind);
    if (member == k_name_members.end())
      throw Refusal(RefusalKind::unsupported, "the program takes a `" + kind + "`, which is not known here");
    const auto placeholder = body.at("arg").at("name").get<std::string>();
    const auto& meta = graph.at("tensor_values").at(placeholder);
    const auto dtype = export_scalar_type(meta.at("dtype").get<std::int64_t>());
    StateEntry entry;
    entry.name = body.at(member->second).get<std::string>();
    if (!dtype) throw Refusal(RefusalKind::unsupported, "the type of `" + entry.name + "` is not known here");
    entry.dtype = *dtype;
    for (const auto& size : meta.at("sizes")) entry.shape.push_back(size.at("as_int").get<std::int64_t>());
    entry.parameter = kind == "parameter";
    entry.persistent = entry.parameter || (kind == "buffer" && body.at("persistent").get<bool>());
    m_program.state_entries.push_back({std::move(entry), define(names, placeholder)});
  }

  void read_nodes(const json& graph, ValueNames& names) {
    for (const auto& node : graph.at("nodes")) {
      const auto target = node.at("target").get<std::string>();
      if (target == k_no_grad)
        read_nested(node, names);
      else if (!is_assertion(target))
        read_node(node, target, names);
    }
  }

  // The nested graph's inputs are the call's remaining arguments, its outputs the call's results.
  void read_nested(const json& node, ValueNames& names) {
    const auto& arguments = node.at("inputs");
    const auto& nested = arguments.at(1).at("arg").at("as_graph").at("graph");
    const auto& inputs = nested.at("inputs");
    ValueNames inner;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      inner.emplace(name_in(inputs[i]), value_named(names, name_in(arguments.at(i + 2).at("arg"))));
    read_nodes(nested, inner);
    std::vector<std::string> results;
    for (const auto& output : node.at("outputs")) append_names(output, results);
    const auto& outputs = nested.at("outputs");
    for (std::size_t i = 0; i < results.size(); ++i)
      if (!names.emplace(results[i], value_named(inner, name_in(outputs.at(i)))).second)
        throw Refusal(RefusalKind::malformed, "the program defines `" + results[i] + "` twice");
  }

  static std::string name_in(const json& argument) {
    const auto [kind, body] = only_member(argument);
    if (kind == "as_tensor") return body.at("name").get<std::string>();
    return body.at("as_name").get<std::string>();
  }

  static void append_names(const json& output, std::vector<std::string>& names) {
    const auto [kind, body] = only_member(output);
    if (kind != "as_tensors") return names.push_back(name_in(output));
    for (const auto& tensor : body) names.push_back(tensor.at("name").get<std::string>());
  }

  void read_node(const json& node, const std::string& target, ValueNames& names) {
    if (target.starts_with("torch.ops.higher_order."))
      throw Refusal(RefusalKind::unsupported,
                    "the program uses " + target + ", an operator on graphs that is not interpreted here", {},
                    "export a model without it (torch.cond, while_loop, autocast and the like), or use TorchScript");
    if (m_program.nodes.size() >= k_max_nodes) throw Refusal(RefusalKind::unsupported, "the program is too long");
    ExportNode read{node.value("name", target), target, module_of(node), {}, {}};
    if (read.name.empty()) read.name = target;
    for (const auto& input : node.at("inputs"))
      read.arguments.emplace_back(input.at("name").get<std::string>(), read_operand(input.at("arg"), names));
    for (const auto& output : node.at("outputs")) {
      const auto [kind, body] = only_member(output);
      if (kind == "as_none")
        read.results.push_back({std::nullopt, std::nullopt});
      else if (kind == "as_tensors")
        read.results.push_back({define_list(body, names), body.size()});
      else
        read.results.push_back({define(names, name_in(output)), std::nullopt});
    }
    m_program.nodes.push_back(std::move(read));
  }

  std::size_t define_list(const json& tensors, ValueNames& names) {
    const auto first = m_program.values;
    for (const auto& tensor : tensors) define(names, tensor.at("name").get<std::string>());
    return first;
  }

  void read_outputs(const json& specs, const json& call, const ValueNames& names) {
    const auto nested = output_names(call.at("out_spec").get<std::string>());
    std::size_t place = 0;
    for (const auto& spec : specs) {
      const auto [kind, body] = only_member(spec);
      if (kind != "user_output") continue;  // a buffer's new value, which ends with the run
      if (place >= nested.size())
        throw Refusal(RefusalKind::malformed, "the program has more outputs than it describes");
      read_output(nested[place++], body.at("arg"), names);
    }
  }

  void read_output(const std::string& name, const json& argument, const ValueNames& names) {
    const auto [kind, body] = only_member(argument);
    if (kind == "as_none") return;
    ExportOutput output{name, std::nullopt, {}};
    if (kind == "as_int")
      output.constant = at::scalar_tensor(body.get<std::int64_t>(), at::kLong);
    else if (kind == "as_float")
      output.constant = at::scalar_tensor(body.get<double>(), at::kDouble);
    else if (kind == "as_bool")
      output.constant = at::scalar_tensor(body.get<bool>(), at::kBool);
    else if (kind == "as_tensor" || body.contains("as_name"))
      output.value = value_named(names, name_in(argument));
    else
      throw Refusal(RefusalKind::unsupported, "output `" + name + "` of the program is neither tensor nor number");
    m_program.outputs.push_back(std::move(output));
  }

  const json& m_document;
  ExportProgram m_program;
};

}  // namespace

ExportProgram read_export_program(const std::string& path) {
  const auto document = json::parse(read_text_file(path, k_max_bytes), nullptr, /*allow_exceptions=*/false);
  try {
    const auto major = document.at("schema_version").at("major").get<int>();
    if (major != k_schema_major)
      throw Refusal(RefusalKind::unsupported,
                    "the program is written in version " + std::to_string(major) +
                        " of torch.export's schema, known is " + std::to_string(k_schema_major),
                    path, "export the model again with a PyTorch from 2.8 to 2.13");
    return ProgramReader(document).read();
  } catch (const json::exception& error) {
    throw Refusal(RefusalKind::malformed, std::string("is not a program of torch.export: ") + error.what(), path,
                  "save it with torch.export.save");
  } catch (const Refusal& refusal) {
    throw Refusal(refusal.kind, refusal.what(), refusal.where.empty() ? path : refusal.where, refusal.remedy);
  }
}

}  // namespace goldseal::worker
