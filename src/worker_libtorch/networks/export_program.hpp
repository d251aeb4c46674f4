// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/export_operand.hpp"
#include "networks/network.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace goldseal::worker {

/// Where a result of an operator goes: one value, or a list of tensors to `count` values that follow each other.
struct ExportResult {
  std::optional<std::size_t> value;  ///< nothing for a result that is None
  std::optional<std::size_t> count;  ///< of a list
};

/// One call of an operator, as torch.export wrote it; the graphs of nested calls are already in line.
struct ExportNode {
  std::string name;    ///< `conv2d_3`
  std::string target;  ///< `torch.ops.aten.conv2d.default`, `_operator.mul`
  std::string module;  ///< the dotted path of the module that called it; empty for the outermost
  std::vector<std::pair<std::string, Operand>> arguments;  ///< by the operator's own names
  std::vector<ExportResult> results;                       ///< in the operator's order
};

struct ExportEntry {
  StateEntry entry;
  std::size_t value;
};

/// An input that the caller gives. A number among forward()'s arguments is a tensor without dimensions here.
struct ExportInput {
  InputSpec spec;
  std::size_t value;
  bool is_number;
};

struct ExportOutput {
  std::string name;
  std::optional<std::size_t> value;
  at::Tensor constant;  ///< where there is no value: a number that forward() returns whatever it is given
};

/// A program of torch.export: what PyTorch 2.8 and newer write as `models/NAME.json` into a .pt2 archive.
struct ExportProgram {
  std::vector<ExportEntry> state_entries;  ///< parameters, buffers, constants; the last two in the order of the program
  std::vector<ExportInput> inputs;
  std::vector<ExportOutput> outputs;
  std::vector<ExportNode> nodes;
  std::size_t values = 0;
  std::string torch_version;  ///< that wrote it
};

/// Throws Refusal: `malformed` for another file, `unsupported` for a program that uses what is not known here
/// (operators on graphs, objects as inputs), with its name.
ExportProgram read_export_program(const std::string& path);

}  // namespace goldseal::worker
