// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/told_environment.hpp>

#include <goldseal/environment/libraries/python_packages.hpp>

#include <string>

namespace goldseal {
namespace {

constexpr std::string_view k_package = "python.package.";

}  // namespace

void add_told(Environment& machine, const Environment& told, std::string_view runtime) {
  // An older worker does not describe its interpreter. The facts from files are then the best that is known.
  const bool other_python = told.has("python.version") && told.shown("python.prefix") != machine.shown("python.prefix");
  if (runtime == "libtorch" || told.has("python.version")) machine.forget("python.");
  if (other_python) machine.forget("conda.");
  Environment kept;
  for (const auto& [name, fact] : told.facts()) {
    const bool package = name.starts_with(k_package);
    if (!package || is_captured_package(std::string_view(name).substr(k_package.size())))
      kept.set(name, fact.value, fact.origin);
  }
  machine.merge(kept);
}

}  // namespace goldseal
