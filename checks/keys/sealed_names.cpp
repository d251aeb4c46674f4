// SPDX-License-Identifier: Apache-2.0
#include <checks/keys/sealed_names.hpp>

#include <checks/check.hpp>
#include <checks/tensors/tensor_finding.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/keys/key_patterns.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {
namespace {

using Names = std::vector<std::string>;

Names lacking(const Names& wanted, const Names& there) {
  const std::set<std::string_view> known(there.begin(), there.end());
  Names names;
  for (const auto& name : wanted)
    if (!known.contains(name)) names.push_back(name);
  return names;
}

Names sealed_names(const ModelRecord& sealed, const RunFindings& run) {
  Names names;
  for (const auto& tensor : loadable(sealed, run)) names.push_back(tensor.name);
  return names;
}

Names network_names(const RunFindings& run) {
  Names names;
  for (const auto& key : run.network_keys->want) names.push_back(key.name);
  return names;
}

// What stands before every one of the longer names and makes them of the shorter ones; empty for nothing.
std::string prefix_between(const Names& longer, const Names& shorter) {
  const std::set<std::string_view> known(shorter.begin(), shorter.end());
  const std::string_view first = longer.front();
  for (auto dot = first.find('.'); dot != std::string_view::npos; dot = first.find('.', dot + 1)) {
    const auto prefix = first.substr(0, dot + 1);
    const auto fits = [&](const std::string& name) {
      return name.starts_with(prefix) && known.contains(std::string_view(name).substr(prefix.size()));
    };
    if (std::ranges::all_of(longer, fits)) return std::string(prefix);
  }
  return {};
}

// What libraries call the same tensors: weight_norm's names of old and of today.
std::string naming_between(const Names& lost, const Names& here, const Names& sealed) {
  const auto besides = lacking(here, sealed);
  const std::vector<std::string_view> of_seal(lost.begin(), lost.end());
  const std::vector<std::string_view> of_network(besides.begin(), besides.end());
  const auto found = match_patterns(of_seal, of_network);
  return found.pattern == nullptr ? std::string() : found.cause;
}

}  // namespace

bool names_are_sealed(const ModelRecord& sealed, const RunFindings& run) {
  return !run.network_keys || lacking(sealed_names(sealed, run), network_names(run)).empty();
}

Finding other_names(const Observation& observed) {
  const auto sealed = sealed_names(observed.sealed.model, observed.run);
  const auto here = network_names(observed.run);
  const auto lost = lacking(sealed, here);
  const auto inner = prefix_between(sealed, here);
  const auto outer = here.empty() ? std::string() : prefix_between(here, sealed);
  const auto naming = naming_between(lost, here, sealed);
  const auto message =
      !inner.empty() ? fmt::format("the factory builds the inner network: `{}` is missing from its names", inner)
      : !outer.empty()
          ? fmt::format("the factory builds a network around the sealed one: `{}` stands before its names", outer)
      : !naming.empty()
          ? fmt::format("the network has the sealed tensors under other names (the file's are the sealed ones): {}", naming)
          : fmt::format("the network that was built here has other names than the sealed one: {} of {} are missing",
                        lost.size(), sealed.size());
  return failed(escape_unprintable(message), escape_unprintable(lost.front()),
                here.empty() ? "a network without tensors" : escape_unprintable(here.front()),
                "build the very network that was sealed: --model python:package.module:CLASS names the class that has it");
}

}  // namespace goldseal
