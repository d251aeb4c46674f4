// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/model_spec.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace goldseal {
namespace {

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; }) &&
         std::isdigit(static_cast<unsigned char>(text.front())) == 0;
}

bool is_dotted(std::string_view text) { return std::ranges::all_of(split(text, '.'), is_name); }

// What the source alone says of its form: a file by its ending, Python by `package.module:callable`.
std::string form_meant(std::string_view text) {
  struct Ending {
    std::string_view end, form;
  };
  constexpr std::array k_endings{Ending{".cfg", "darknet"}, Ending{".pt2", "export"}, Ending{".so", "plugin"},
                                 Ending{".pt", "torchscript"}};
  const auto source = text.substr(0, text.find('?'));
  for (const auto& [end, form] : k_endings)
    if (source.ends_with(end)) return fmt::format("{}:{}", form, text);
  const auto colon = source.find(':');
  if (colon != std::string_view::npos) {
    auto module = std::string(source.substr(0, colon));
    if (module.ends_with(".py")) module.resize(module.size() - 3);
    std::ranges::replace(module, '/', '.');
    if (is_dotted(module) && is_dotted(source.substr(colon + 1)))
      return fmt::format("python:{}{}", module, text.substr(colon));
    return {};
  }
  const auto dot = source.rfind('.');
  if (dot == std::string_view::npos || !is_dotted(source) || source.ends_with(".py")) return {};
  return fmt::format("python:{}:{}", source.substr(0, dot), text.substr(dot + 1));
}

[[noreturn]] void refuse(std::string_view text) {
  std::vector<std::string> names;
  std::string forms;
  for (const auto& builder : k_builders) {
    names.emplace_back(builder.name);
    forms += fmt::format("{}{}:{}", forms.empty() ? "" : ", ", builder.name, builder.source);
  }
  const auto near = did_you_mean(text.substr(0, text.find(':')), names);
  const auto meant = near ? fmt::format("{}:…", *near) : escape_unprintable(form_meant(text));
  throw Error(ErrorKind::usage, "--model", fmt::format("expected one of {}; found {}", forms, escape_unprintable(text)),
              meant.empty() ? "a Python network is given as python:package.module:callable" : fmt::format("did you mean {}?", meant));
}

}  // namespace

std::filesystem::path ModelSpec::darknet_cfg() const { return builder == Builder::darknet ? source : std::string(); }

void ModelSpec::adapt_to_container(const Container& container) {
  if (builder == Builder::darknet && container == Container::Kind::darknet_weights) options.emplace("counters", "none");
}

ModelSpec parse_model_spec(std::string_view text) {
  const auto colon = text.find(':');
  const auto builder = parse_builder(text.substr(0, colon));
  if (colon == std::string_view::npos || colon + 1 == text.size() || !builder) refuse(text);
  ModelSpec spec;
  spec.builder = *builder;
  auto rest = text.substr(colon + 1);
  const auto question = rest.find('?');
  spec.source = rest.substr(0, question);
  if (question == std::string_view::npos) return spec;
  for (const auto part : split(rest.substr(question + 1), '&')) {
    const auto equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      throw Error(ErrorKind::usage, "--model",
                  fmt::format("expected key=value after `?`, found {}", escape_unprintable(part)));
    }
    spec.options.emplace(part.substr(0, equals), part.substr(equals + 1));
  }
  return spec;
}

std::string path_from_seal(const std::filesystem::path& path, const std::filesystem::path& seal) {
  namespace fs = std::filesystem;
  const auto base = fs::weakly_canonical(fs::absolute(seal));
  auto whole = fs::absolute(path);
  // A way up out of a link leads elsewhere than it reads.
  if (std::ranges::find(whole, fs::path("..")) != whole.end()) whole = fs::weakly_canonical(whole.parent_path()) / whole.filename();
  whole = whole.lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  for (auto place = whole.parent_path();; place = place.parent_path()) {
    const auto real = fs::weakly_canonical(place);
    const auto below = base.lexically_relative(real);
    if (!below.empty() && *below.begin() != "..")
      return (real.lexically_relative(base) / whole.lexically_relative(place)).lexically_normal().generic_string();
    if (place == place.parent_path()) return whole.generic_string();
  }
}

std::filesystem::path resolve_from_seal(const std::string& recorded, const std::filesystem::path& seal) {
  namespace fs = std::filesystem;
  const fs::path path(recorded);
  if (path.is_absolute()) return path;
  const auto base = fs::absolute(seal);
  // Shown to people, so without the detour through the seal where that leads to the same place.
  const auto plain = (base / path).lexically_normal();
  std::error_code ignored;
  return fs::exists(plain, ignored) ? plain : base / path;
}

}  // namespace goldseal
