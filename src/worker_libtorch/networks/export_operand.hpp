// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace goldseal::worker {

/// The values of a program by the names that its nodes use. A value's index is its place in a run's frame.
using ValueNames = std::map<std::string, std::size_t, std::less<>>;

/// The value of that name. Throws Refusal (`malformed`) where the program has none.
std::size_t value_named(const ValueNames& names, const std::string& name);

/// torch.export's own numbers for element types (torch/_export/serde/schema.py, ScalarType).
std::optional<at::ScalarType> export_scalar_type(std::int64_t number);

/// An argument of a call: a constant, a value that the program has computed by then, or a list of such.
struct Operand {
  enum class Kind { constant, value, list, device, dtype };  // an element type is a constant that a run may widen
  Kind kind = Kind::constant;
  c10::IValue constant;
  std::size_t value = 0;
  std::vector<Operand> items;
};

/// Reads an argument as torch.export writes it ({"as_ints": [1, 1]}). `names` are the values that it may refer to.
/// A device is read as `device`: the program runs where its inputs are. Throws Refusal for a kind that is not known.
Operand read_operand(const nlohmann::json& argument, const ValueNames& names);

/// The values that an operand refers to are added to `values`.
void append_values(const Operand& operand, std::vector<std::size_t>& values);

/// The argument of `schema` that `value` is to be: Python's arguments are more liberal than the dispatcher's (a number
/// for a tensor, an int for a float or for a list of ints).
c10::IValue fit_argument(c10::IValue value, const c10::Argument& argument);

/// A list of any items, to be fitted.
c10::IValue make_list(std::vector<c10::IValue> items);

}  // namespace goldseal::worker
