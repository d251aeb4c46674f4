// SPDX-License-Identifier: Apache-2.0
// How PyTorch pickles a tensor of a subclass (torch/_tensor.py, __reduce_ex__; torch/nn/parameter.py):
//
//   _rebuild_from_type_v2(FUNCTION, CLASS, ARGUMENTS, STATE)   any subclass; STATE is its __dict__, or (it, its slots)
//     FUNCTION = _rebuild_wrapper_subclass, ARGUMENTS = (CLASS, dtype, size, stride, offset, layout, device, grad)
//                                                              made of the tensors in STATE (torchao, DTensor)
//     FUNCTION = _rebuild_tensor_v2 …                          a storage of its own under another class
//   _rebuild_parameter_with_state(DATA, grad, hooks, STATE)    any nn.Parameter with attributes; its class is lost
#include <goldseal/checkpoint/state_dict/tensor_subclass.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/state_dict/distributed_tensor.hpp>
#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>
#include <goldseal/checkpoint/state_dict/subclass_families.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace goldseal::pickle {
namespace {

constexpr int k_depth_limit = 12;
constexpr std::size_t k_part_limit = 10'000;

bool has_role(const Document& document, Id id, Role role) {
  if (document.kind(id) != Kind::global) return false;
  const auto* const known = document.global(id).known;
  return known != nullptr && known->role == role;
}

bool is_parameter_call(const Document& document, Id id) {
  return document.is_call(id, Role::rebuild_parameter) || document.is_call(id, Role::rebuild_parameter_with_state);
}

/// True for (attributes, slots): two dicts, one of them perhaps None.
bool has_slots(const Document& document, Id state) {
  if (document.kind(state) != Kind::tuple || document.items(state).size() != 2) return false;
  const auto fits = [&](Id part) {
    return document.kind(part) == Kind::dict || document.kind(part) == Kind::none;
  };
  return std::ranges::all_of(document.items(state), fits);
}

/// The attributes that an object's state sets: a dict, or the first of (attributes, slots).
std::optional<Id> attributes_of(const Document& document, Id state) {
  if (document.kind(state) == Kind::dict) return state;
  if (!has_slots(document, state)) return std::nullopt;
  const auto first = document.items(state)[0];
  return document.kind(first) == Kind::dict ? std::optional(first) : std::nullopt;
}

/// A parameter whose numbers mean nothing without its attributes: Params4bit and Int8Params of bitsandbytes.
bool is_packed_parameter(const Document& document, Id call) {
  static constexpr std::array<std::string_view, 4> k_names{"quant_state", "SCB", "CB", "bnb_quantized"};
  const auto arguments = document.items(document.arguments(call));
  if (arguments.size() < 4) return false;
  const auto attributes = attributes_of(document, arguments[3]);
  if (!attributes) return false;
  const auto items = document.items(*attributes);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const auto name = document.kind(items[i]) == Kind::text ? document.text(items[i]) : std::string_view{};
    if (std::ranges::find(k_names, name) != k_names.end()) return true;
  }
  return false;
}

class SubclassReader {
 public:
  SubclassReader(const Document& document, TensorRebuilder& tensors, std::vector<Tensor>& parts)
      : m_document(document), m_tensors(tensors), m_parts(parts) {}

  SubclassTensor run(const std::string& name, Id call) {
    SubclassTensor result;
    result.name = name;
    const auto first = m_parts.size();
    describe(result, call);
    for (auto i = first; i < m_parts.size(); ++i) result.parts.push_back(m_parts[i].name);
    return result;
  }

 private:
  void describe(SubclassTensor& result, Id call) {
    const auto arguments = m_document.items(m_document.arguments(call));
    if (is_parameter_call(m_document, call)) return describe_parameter(result, call, arguments);
    if (m_document.is_call(call, Role::rebuild_wrapper_subclass)) return describe_wrapper(result, arguments);
    if (arguments.size() < 4 || m_document.kind(arguments[1]) != Kind::global) return;
    result.type = dotted(m_document.global(arguments[1]));
    result.what = family_of(result.type).what;
    if (has_role(m_document, arguments[0], Role::rebuild_wrapper_subclass)) {
      if (m_document.kind(arguments[2]) == Kind::tuple) describe_wrapper(result, m_document.items(arguments[2]));
    } else if (m_document.kind(arguments[0]) == Kind::global && m_document.global(arguments[0]).known != nullptr) {
      add_data(result, m_tensors.rebuild(result.name, m_document.global(arguments[0]), arguments[2]));
    }
    if (const auto part = describe_distributed(m_document, result.type, arguments[3], result.shape); !part.empty())
      result.what = part;
    walk(arguments[3], result.name, 0);
  }

  /// (CLASS, dtype, size, …)
  void describe_wrapper(SubclassTensor& result, std::span<const Id> arguments) {
    if (arguments.size() < 3) return;
    if (m_document.kind(arguments[0]) == Kind::global) result.type = dotted(m_document.global(arguments[0]));
    if (has_role(m_document, arguments[1], Role::dtype)) result.dtype = m_document.global(arguments[1]).known->dtype;
    if (m_document.kind(arguments[2]) == Kind::tuple) {
      for (const auto size : m_document.items(arguments[2]))
        result.shape.push_back(m_document.kind(size) == Kind::integer ? m_document.integer(size) : 0);
    }
    if (result.what.empty()) result.what = family_of(result.type).what;
  }

  void describe_parameter(SubclassTensor& result, Id call, std::span<const Id> arguments) {
    if (!arguments.empty() && is_tensor(m_document, arguments[0])) {
      if (is_subclass(m_document, arguments[0])) return describe(result, arguments[0]);
      add_data(result, m_tensors.rebuild(result.name, call));
    }
    result.type = "bitsandbytes.nn.Params4bit";
    if (result.dtype == DType::int8) result.type = "bitsandbytes.nn.Int8Params";
    result.what = family_of(result.type).what;
    if (arguments.size() > 3) walk(arguments[3], result.name, 0);
  }

  void add_data(SubclassTensor& result, std::optional<Tensor> tensor) {
    if (!tensor) return;
    result.dtype = tensor->dtype;
    result.shape = tensor->shape;
    m_parts.push_back(std::move(*tensor));
  }

  /// Every tensor below the value, under the names of the attributes on the way.
  void walk(Id id, const std::string& name, int depth) {
    if (depth > k_depth_limit || m_parts.size() > k_part_limit) return;
    const auto kind = m_document.kind(id);
    if (is_tensor(m_document, id)) return add_part(id, name);
    if (kind == Kind::dict) return walk_items(id, name, depth);
    if (kind == Kind::list) {
      for (std::size_t i = 0; i < m_document.items(id).size(); ++i)
        walk(m_document.items(id)[i], fmt::format("{}.{}", name, i), depth + 1);
    }
    if (kind == Kind::tuple) {
      const bool with_slots = has_slots(m_document, id);
      for (std::size_t i = 0; i < m_document.items(id).size(); ++i)
        walk(m_document.items(id)[i], with_slots ? name : fmt::format("{}.{}", name, i), depth + 1);
    }
    // An object among the attributes, such as bitsandbytes' QuantState; once, whoever else refers to it.
    if (kind != Kind::call || !m_seen.insert(id).second) return;
    if (const auto state = m_document.state(id)) walk(*state, name, depth + 1);
    if (m_document.is_mapping(id)) walk_items(id, name, depth);
  }

  void walk_items(Id id, const std::string& name, int depth) {
    const auto items = m_document.items(id);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (m_document.kind(items[i]) != Kind::text) continue;
      const auto key = m_document.text(items[i]);
      // A module that a parameter points back to has parameters of its own.
      if (key == "module" || key == "_modules" || key == "_parameters") continue;
      walk(items[i + 1], fmt::format("{}.{}", name, key), depth + 1);
    }
  }

  void add_part(Id call, const std::string& name) {
    if (!m_seen.insert(call).second) return;
    if (is_subclass(m_document, call)) {
      SubclassTensor inner;
      inner.name = name;
      describe(inner, call);
    } else if (auto tensor = m_tensors.rebuild(name, call)) {
      m_parts.push_back(std::move(*tensor));
    }
  }

  static std::string dotted(const Global& global) { return fmt::format("{}.{}", global.module, global.name); }

  const Document& m_document;
  TensorRebuilder& m_tensors;
  std::vector<Tensor>& m_parts;
  std::unordered_set<Id> m_seen;
};

/// Distinct classes of the tensors, each with how many there are of it.
std::string list_types(std::span<const SubclassTensor> found) {
  constexpr std::size_t k_most = 4;
  std::vector<std::pair<std::string, std::size_t>> counts;
  for (const auto& tensor : found) {
    const auto same = std::ranges::find(counts, tensor.type, &std::pair<std::string, std::size_t>::first);
    if (same == counts.end()) {
      counts.emplace_back(tensor.type, 1);
    } else {
      ++same->second;
    }
  }
  std::vector<std::string> texts;
  for (const auto& [type, count] : counts) {
    if (texts.size() < k_most) texts.push_back(fmt::format("{} {}", count, escape_unprintable(type)));
  }
  return fmt::format("{}{}", fmt::join(texts, ", "), counts.size() > k_most ? " …" : "");
}

std::string message_of(std::span<const SubclassTensor> found, std::size_t count) {
  const auto& first = found.front();
  auto text = fmt::format("{} of {} tensors are of a subclass of torch.Tensor ({}): {} is {}", found.size(), count,
                          list_types(found), escape_unprintable(first.name), first.what);
  std::vector<std::string> parts;
  for (const auto& part : first.parts) {
    const auto short_name = part == first.name ? std::string("its data") : part.substr(first.name.size() + 1);
    if (parts.size() < 8) parts.push_back(escape_unprintable(short_name));
  }
  if (!parts.empty()) text += fmt::format(", made of {}", fmt::join(parts, ", "));
  return text;
}

std::string remedy_of(std::span<const SubclassTensor> found, const std::string& subscript) {
  return remedy_for(family_of(found.front().type), fmt::format("torch.load(FILE, weights_only=False){}", subscript));
}

}  // namespace

bool is_subclass(const Document& document, Id call) {
  for (int depth = 0; depth < 4; ++depth) {
    const auto arguments = document.items(document.arguments(call));
    if (document.is_call(call, Role::rebuild_wrapper_subclass)) return true;
    if (document.is_call(call, Role::rebuild_from_type)) {
      if (arguments.size() != 4) return false;  // the rebuilder says what is wrong with it
      return has_role(document, arguments[0], Role::rebuild_wrapper_subclass) ||
             (document.kind(arguments[1]) == Kind::global && document.global(arguments[1]).known == nullptr) ||
             (document.kind(arguments[0]) == Kind::global && document.global(arguments[0]).known == nullptr);
    }
    if (!is_parameter_call(document, call) || arguments.empty() || !is_tensor(document, arguments[0])) return false;
    if (is_packed_parameter(document, call)) return true;
    call = arguments[0];
  }
  return false;
}

SubclassTensor read_subclass(const Document& document, TensorRebuilder& tensors, const std::string& name, Id call,
                             std::vector<Tensor>& parts) {
  return SubclassReader(document, tensors, parts).run(name, call);
}

void refuse_subclasses(const std::string& where, std::span<const SubclassTensor> found, std::size_t count,
                       const std::string& subscript) {
  throw Error(ErrorKind::unsupported, where, message_of(found, count), remedy_of(found, subscript));
}

std::string describe_subclasses(std::span<const SubclassTensor> found, std::size_t count,
                                const std::string& subscript) {
  return fmt::format("{}; no seal is made of them: {}", message_of(found, count), remedy_of(found, subscript));
}

}  // namespace goldseal::pickle
