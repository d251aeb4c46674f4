// SPDX-License-Identifier: Apache-2.0
#include "pass_request.hpp"

#include "darknet/refusal.hpp"
#include "protocol/fields.hpp"
#include "protocol/paths.hpp"
#include "protocol/tensor_file.hpp"

#include <cmath>

namespace goldseal::worker {
namespace {

using nlohmann::json;

double finite_field(const json& object, const char* name) {
  const auto& number = field(object, name);
  if (!number.is_number() || !std::isfinite(number.get<double>()))
    throw Refusal(RefusalKind::usage, std::string("`") + name + "` is a finite number");
  return number.get<double>();
}

std::optional<Perturbation> read_perturbation(const json& request) {
  const auto* stated = optional_field(request, "perturb");
  if (!stated) return std::nullopt;
  Perturbation perturbation{natural_field(*stated, "seed"), finite_field(*stated, "relative")};
  perturbation.tile = stated->value("tile", false);
  if (optional_field(*stated, "zero")) perturbation.zero = finite_field(*stated, "zero");
  if (const auto* only = optional_field(*stated, "only")) {
    if (!only->is_array()) throw Refusal(RefusalKind::usage, "`only` is a list of names");
    for (const auto& name : *only) perturbation.only.insert(name.get<std::string>());
  }
  if (perturbation.tile && perturbation.zero != 0)
    throw Refusal(RefusalKind::usage, "`tile` moves no zeros: `zero` is not for it");
  return perturbation;
}

Conversion read_conversion(const json& request, const RunSettings& settings) {
  Conversion conversion;
  const auto compute = text_field(request, "compute");
  if (compute == "float64") conversion.dtype = at::kDouble;
  if (compute == "float32") conversion.dtype = at::kFloat;
  if (compute != "native" && !conversion.dtype)
    throw Refusal(RefusalKind::usage, "`compute` is native, float32 or float64; found `" + compute + "`");
  conversion.perturbation = read_perturbation(request);
  conversion.device = settings.device;
  return conversion;
}

}  // namespace

Pass read_pass(const nlohmann::json& request, const std::string& directory) {
  const auto* stated = optional_field(request, "settings");
  Pass pass;
  pass.settings = read_settings(stated ? *stated : json::object());
  pass.conversion = read_conversion(request, pass.settings);
  pass.settings.plain = pass.conversion.dtype == at::kDouble;
  pass.inputs = read_tensor_file(resolved(text_field(request, "inputs"), directory));
  return pass;
}

std::optional<Draws> read_draws(const nlohmann::json& request) {
  const auto* stated = optional_field(request, "draws");
  if (!stated) return std::nullopt;
  return Draws{natural_field(*stated, "seed"), stated->value("anew", false)};
}

std::optional<LayerPart> read_part(const nlohmann::json& request) {
  const auto* stated = optional_field(request, "part");
  if (!stated) return std::nullopt;
  const auto rows = natural_field(*stated, "rows");
  const auto row = natural_field(*stated, "row");
  if (row >= rows || rows > INT32_MAX) throw Refusal(RefusalKind::usage, "`row` is one of `rows`");
  LayerPart part({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(row),
                  optional_bool(*stated, "interleaved").value_or(false), optional_bool(*stated, "left").value_or(false)});
  for (const auto& layer : list_field(*stated, "layers"))
    part.expect(text_field(layer, "module"), text_field(layer, "op"), sizes_field(layer, "shape"));
  return part;
}

}  // namespace goldseal::worker
