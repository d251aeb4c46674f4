// SPDX-License-Identifier: Apache-2.0
// A DTensor's attributes (torch/distributed/tensor/_api.py, _dtensor_spec.py, device_mesh.py):
//
//   _local_tensor   what this rank holds
//   _spec           DTensorSpec{mesh, placements: (Shard{dim} | Replicate | Partial …, one for each dimension of the mesh)}
//   mesh            DeviceMesh{_layout (2.9 and newer) or mesh, its ranks as a tensor; _coordinate_on_dim, this rank's}
#include <goldseal/checkpoint/state_dict/distributed_tensor.hpp>

#include <goldseal/base/kinds/dtype.hpp>
#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <vector>

namespace goldseal::pickle {
namespace {

using Sizes = std::vector<std::int64_t>;

/// An attribute of an object, among (attributes, slots) too, or an entry of a dict.
std::optional<Id> field(const Document& document, std::optional<Id> object, std::string_view name) {
  if (!object) return std::nullopt;
  const auto table = document.kind(*object) == Kind::call ? document.state(*object) : object;
  if (table && document.kind(*table) == Kind::tuple) {
    for (const auto part : document.items(*table)) {
      if (document.kind(part) != Kind::dict) continue;
      if (const auto found = field(document, part, name)) return found;
    }
  }
  if (!table || document.kind(*table) != Kind::dict) return std::nullopt;
  const auto items = document.items(*table);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (document.kind(items[i]) == Kind::text && document.text(items[i]) == name) return items[i + 1];
  }
  return std::nullopt;
}

/// The numbers of a tuple, a list or a torch.Size; nothing for another value.
std::optional<Sizes> numbers(const Document& document, std::optional<Id> id) {
  if (!id) return std::nullopt;
  if (document.kind(*id) == Kind::integer) return Sizes{document.integer(*id)};
  if (document.kind(*id) == Kind::call && document.items(document.arguments(*id)).size() == 1)
    return numbers(document, document.items(document.arguments(*id))[0]);
  if (document.kind(*id) != Kind::tuple && document.kind(*id) != Kind::list) return std::nullopt;
  Sizes result;
  for (const auto item : document.items(*id)) {
    if (document.kind(item) != Kind::integer) return std::nullopt;
    result.push_back(document.integer(item));
  }
  return result;
}

/// The shape that a tensor is rebuilt with: (storage, offset, size, …).
std::optional<Sizes> tensor_shape(const Document& document, std::optional<Id> id) {
  if (!id || !is_tensor(document, *id)) return std::nullopt;
  const auto arguments = document.items(document.arguments(*id));
  if (document.is_call(*id, Role::rebuild_parameter) && !arguments.empty())
    return tensor_shape(document, arguments[0]);
  return arguments.size() > 2 ? numbers(document, arguments[2]) : std::nullopt;
}

/// The sizes of the mesh's dimensions.
Sizes mesh_sizes(const Document& document, std::optional<Id> mesh) {
  Sizes result;
  const auto layout = field(document, mesh, "_layout");
  if (const auto axes = field(document, layout, "axes"); axes && document.kind(*axes) == Kind::tuple) {
    for (const auto axis : document.items(*axes)) {
      std::int64_t size = 1;
      for (const auto part : numbers(document, field(document, axis, "shape")).value_or(Sizes{1})) size *= part;
      result.push_back(size);
    }
    return result;
  }
  if (const auto shape = numbers(document, field(document, layout, "shape"))) return *shape;
  for (const auto* const name : {"mesh", "_mesh"}) {
    if (const auto shape = tensor_shape(document, field(document, mesh, name))) return *shape;
  }
  return {};
}

std::string describe_placement(const Document& document, Id placement, std::optional<std::int64_t> at,
                               std::optional<std::int64_t> of) {
  if (document.kind(placement) != Kind::call) return "a custom placement";
  const auto name = document.global(document.callee(placement)).name;
  const auto rank = at ? fmt::format("{}", *at) : std::string("one");
  const auto count = of ? fmt::format("{}", *of) : std::string("several");
  if (name.find("Shard") != std::string_view::npos) {
    auto dim = numbers(document, field(document, placement, "dim"));
    if (!dim) dim = numbers(document, document.arguments(placement));
    return fmt::format("shard {} of {} on dim {}", rank, count, dim && !dim->empty() ? dim->front() : 0);
  }
  if (name.find("Replicate") != std::string_view::npos) return fmt::format("replica {} of {}", rank, count);
  if (name.find("Partial") != std::string_view::npos) return fmt::format("summand {} of {}", rank, count);
  return fmt::format("{} {} of {}", name, rank, count);
}

std::string describe_dtensor(const Document& document, Id state, std::span<const std::int64_t> global) {
  const auto spec = field(document, state, "_spec");
  const auto mesh = field(document, spec, "mesh");
  const auto sizes = mesh_sizes(document, mesh);
  const auto place = numbers(document, field(document, mesh, "_coordinate_on_dim"));
  std::vector<std::string> texts;
  if (const auto placements = field(document, spec, "placements");
      placements && (document.kind(*placements) == Kind::tuple || document.kind(*placements) == Kind::list)) {
    for (std::size_t i = 0; i < document.items(*placements).size(); ++i) {
      const auto nth = [&](const Sizes& all) { return i < all.size() ? std::optional(all[i]) : std::nullopt; };
      texts.push_back(describe_placement(document, document.items(*placements)[i],
                                         place ? nth(*place) : std::nullopt, nth(sizes)));
    }
  }
  const auto local = tensor_shape(document, field(document, state, "_local_tensor"));
  return fmt::format("one rank's part: {}; local {} of global {}",
                     texts.empty() ? "its placement is not told" : fmt::format("{}", fmt::join(texts, ", ")),
                     local ? format_shape(*local) : "part", format_shape(global));
}

}  // namespace

std::string describe_distributed(const Document& document, std::string_view type, Id state,
                                 std::span<const std::int64_t> global) {
  if (!type.starts_with("torch.distributed.")) return {};
  if (type.ends_with(".DTensor")) return describe_dtensor(document, state, global);
  if (type.ends_with("ShardedTensor"))
    return fmt::format("one rank's part of a ShardedTensor of global {}", format_shape(global));
  return {};
}

}  // namespace goldseal::pickle
