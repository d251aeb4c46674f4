// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/kinds/kind_table.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace goldseal {

/// What kind of file a checkpoint is, or several of a kind with an index.
struct Container {
  enum class Kind : std::uint8_t {
    safetensors,
    torch_zip,       ///< of torch.save since PyTorch 1.6
    torch_legacy,    ///< of torch.save before
    torchscript,     ///< of torch.jit.save
    pt2,             ///< of torch.export.save since PyTorch 2.8
    pt2_before_2_8,  ///< of torch.export.save before
    npz,
    darknet_weights,
    distcp,  ///< of torch.distributed.checkpoint
  };

  constexpr Container() = default;
  constexpr Container(Kind of, bool in_shards = false) : kind(of), sharded(in_shards) {}  // NOLINT: a kind is one

  Kind kind = Kind::safetensors;
  bool sharded = false;
  friend constexpr bool operator==(const Container&, const Container&) = default;
};

struct ContainerTraits {
  Container::Kind kind;
  std::string_view name;
  std::string_view read_by;  ///< what loads it, at least; empty where any version does
};

// What loads them: caffe2/serialize/versions.h and the histories of torch.save and torch.export.
inline constexpr std::array k_containers{
    ContainerTraits{Container::Kind::safetensors, "safetensors", ""},
    ContainerTraits{Container::Kind::torch_zip, "torch-zip", "torch 1.6 or newer"},
    ContainerTraits{Container::Kind::torch_legacy, "torch-legacy", "any torch"},
    ContainerTraits{Container::Kind::torchscript, "torchscript", "torch.jit.load of torch 1.6 or newer"},
    ContainerTraits{Container::Kind::pt2, "pt2", "torch 2.8 or newer"},
    ContainerTraits{Container::Kind::pt2_before_2_8, "pt2-before-2.8", "torch.export.load of torch 2.1 or newer"},
    ContainerTraits{Container::Kind::npz, "npz", ""},
    ContainerTraits{Container::Kind::darknet_weights, "darknet-weights",
                    "Darknet, or a script that knows the cfg (convert makes a state dict)"},
    ContainerTraits{Container::Kind::distcp, "distcp", "torch.distributed.checkpoint of torch 2.0 or newer"},
};
static_assert(is_indexed_by_kind(k_containers));

[[nodiscard]] constexpr const ContainerTraits& traits(Container::Kind kind) { return row_of(k_containers, kind); }

/// `torch-zip`, `sharded-safetensors`: the word in seals, reports and messages, and back.
[[nodiscard]] std::string to_string(const Container& container);
[[nodiscard]] std::optional<Container> parse_container(std::string_view name);

}  // namespace goldseal
