// SPDX-License-Identifier: Apache-2.0
// `--model` and the manifest say in one line how a network is built. This file parses that line and
// resolves its path relative to a seal. Building is left to architecture.hpp and the workers.
#pragma once

#include <goldseal/base/kinds/builder.hpp>
#include <goldseal/base/kinds/container.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace goldseal {

/// How the network is built: `--model BUILDER:SOURCE[?key=value&…]`.
struct ModelSpec {
  Builder builder = Builder::torchscript;
  std::string source;  ///< a file, or a reference in the builder's own language
  std::map<std::string, std::string> options;

  /// True where the source is a file, which is then sealed by its digest.
  [[nodiscard]] bool is_file() const { return traits(builder).is_file; }
  /// The Darknet cfg, without which `.weights` cannot be read; empty for another builder.
  [[nodiscard]] std::filesystem::path darknet_cfg() const;
  /// Adds the options that a checkpoint of this container needs: Darknet's weights have no `num_batches_tracked`.
  void adapt_to_container(const Container& container);
};

/// Throws Error{usage} for a builder that does not exist, with those that do.
[[nodiscard]] ModelSpec parse_model_spec(std::string_view text);

/// `path` as a seal records it: relative to the seal's directory, with `/`; absolute where no relative path leads
/// there.
[[nodiscard]] std::string path_from_seal(const std::filesystem::path& path, const std::filesystem::path& seal);

/// The way back.
[[nodiscard]] std::filesystem::path resolve_from_seal(const std::string& recorded, const std::filesystem::path& seal);

}  // namespace goldseal
