// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/kinds/kind_table.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace goldseal {

/// How a network is built: BUILDER of `--model BUILDER:SOURCE`, `builder` in a seal and in the protocol.
enum class Builder : std::uint8_t {
  darknet,      ///< from a Darknet cfg
  torchscript,  ///< from an archive of torch.jit.save
  exported,     ///< from a program of torch.export; printed `export`
  aoti,         ///< from a package that AOTInductor compiled
  plugin,       ///< by a shared library
  python,       ///< by a callable
  program,      ///< by the program that calls the hook, which holds it
};

struct BuilderTraits {
  Builder kind;
  std::string_view name;
  std::string_view source;    ///< what SOURCE is: `FILE.cfg`
  bool is_file;               ///< the source is a file, which is sealed by its digest
  bool is_native;             ///< machine code, which fits one LibTorch
  bool runs_in_python;        ///< the Python worker builds it
  bool runs_in_libtorch;      ///< a LibTorch session builds it, the worker's or the hook's
  bool is_program_form;       ///< what a network's code can be written down as
  std::string_view embedded;  ///< its file in a seal, without the weights; empty: a seal never holds it
  std::string_view detail;    ///< what it is, for messages

  /// A file of a seal may be built so: it is interpreted, never loaded as native code or imported.
  [[nodiscard]] constexpr bool may_be_embedded() const { return !embedded.empty(); }
};

inline constexpr std::array k_builders{
    BuilderTraits{Builder::darknet, "darknet", "FILE.cfg", true, false, true, true, false, "architecture.cfg",
                  "a Darknet cfg"},
    BuilderTraits{Builder::torchscript, "torchscript", "FILE.pt", true, false, true, true, true, "architecture.pt",
                  "a TorchScript archive"},
    BuilderTraits{Builder::exported, "export", "FILE.pt2", true, false, true, true, true, "architecture.pt2",
                  "a program of torch.export"},
    BuilderTraits{Builder::aoti, "aoti", "FILE.pt2", true, true, false, true, false, "", "a package of AOTInductor"},
    BuilderTraits{Builder::plugin, "plugin", "LIB.so", true, true, false, true, false, "", "a shared library"},
    BuilderTraits{Builder::python, "python", "package.module:callable", false, false, true, false, false, "",
                  "Python code"},
    BuilderTraits{Builder::program, "program", "NAME", false, false, false, true, false, "", "a network of a program"},
};
static_assert(is_indexed_by_kind(k_builders));

[[nodiscard]] constexpr const BuilderTraits& traits(Builder builder) { return row_of(k_builders, builder); }
[[nodiscard]] constexpr std::string_view to_string(Builder builder) { return traits(builder).name; }
[[nodiscard]] constexpr std::optional<Builder> parse_builder(std::string_view name) {
  return kind_named(k_builders, name);
}

}  // namespace goldseal
