// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/settings/setting.hpp>

#include <goldseal/cli/verb.hpp>

#include <algorithm>
#include <array>

namespace goldseal::cli {
namespace {

using Kind = SettingKind;

constexpr std::array k_settings{Setting{"format", Kind::text, false},    Setting{"report", Kind::list, true},
                                Setting{"color", Kind::text, false},     Setting{"quiet", Kind::flag, false},
                                Setting{"verbose", Kind::flag, false},   Setting{"policy", Kind::text, true},
                                Setting{"target", Kind::list, true},     Setting{"runtime", Kind::text, true},
                                Setting{"depth", Kind::text, false},     Setting{"timeout", Kind::number, false},
                                Setting{"threads", Kind::number, false}, Setting{"jobs", Kind::number, false},
                                Setting{"anonymous", Kind::flag, false},
                                Setting{"embed", Kind::flag, false},     Setting{"device", Kind::text, false},
                                Setting{"trust-code", Kind::flag, false}, Setting{"signature", Kind::text, false},
                                Setting{"signed-by", Kind::list, true},  Setting{"identity", Kind::list, false},
                                Setting{"batch", Kind::number, false},   Setting{"pad", Kind::list, false},
                                Setting{"pad-side", Kind::text, false},  Setting{"pad-mask", Kind::text, false},
                                Setting{"batch-dim", Kind::list, false}};

}  // namespace

const Setting* find_setting(std::string_view key) {
  const auto* const found = std::ranges::find(k_settings, key, &Setting::key);
  return found == k_settings.end() ? nullptr : found;
}

std::span<const Setting> all_settings() { return k_settings; }

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const auto& verb : verbs()) names.emplace_back(verb.name);
  return names;
}

bool takes(std::string_view verb, std::string_view key) {
  const auto found = std::ranges::find(verbs(), verb, &Verb::name);
  return found != verbs().end() && DeclaredVerb(*found).app.get_option_no_throw("--" + std::string(key)) != nullptr;
}

}  // namespace goldseal::cli
