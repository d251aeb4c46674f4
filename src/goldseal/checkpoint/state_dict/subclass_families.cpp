// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/state_dict/subclass_families.hpp>

#include <algorithm>
#include <array>

namespace goldseal::pickle {
namespace {

constexpr std::string_view k_dequantize =
    "with the class's package at hand: torch.save({k: v.dequantize() if hasattr(type(v), '__tensor_flatten__') else v "
    "for k, v in {}.items()}, OUT) gives plain weights; a network with the quantized ones cannot be sealed";
constexpr std::string_view k_full_tensor =
    "on the ranks that saved it: v.full_tensor() of each DTensor, or torch.distributed.checkpoint.state_dict."
    "get_model_state_dict(model, options=StateDictOptions(full_state_dict=True)), and torch.save on rank 0; or save "
    "with torch.distributed.checkpoint, whose directories goldseal reads";
constexpr std::string_view k_plain_class =
    "with the class's package at hand: torch.save({k: v.as_subclass(torch.Tensor) for k, v in {}.items()}, OUT)";

constexpr std::array k_families{
    SubclassFamily{"torch.distributed.", "AsyncCollectiveTensor", "a collective's result that was not waited for",
                   "wait for it before saving: v.wait()"},
    SubclassFamily{"torch.distributed.", "", "one rank's part of a tensor", k_full_tensor},
    SubclassFamily{"torchao.", "", "quantized by torchao", k_dequantize},
    SubclassFamily{"bitsandbytes.", "", "packed by bitsandbytes, its scales in attributes",
                   "save the module's state dict, which holds the scales as entries (model.state_dict()), not its "
                   "parameters; or dequantise: bitsandbytes.functional.dequantize_4bit(p.data, p.quant_state)"},
    SubclassFamily{"optimum.quanto.", "", "quantized by optimum-quanto", k_dequantize},
    SubclassFamily{"quanto.", "", "quantized by quanto", k_dequantize},
    SubclassFamily{"transformer_engine.", "", "an 8-bit tensor of Transformer Engine",
                   "where Transformer Engine is: torch.save({k: v.dequantize() if hasattr(v, '_scale_inv') else v for "
                   "k, v in {}.items()}, OUT)"},
    SubclassFamily{"diffusers.", "GGUF", "a GGUF-quantized weight of diffusers",
                   "where diffusers is: dequantise each weight (diffusers.quantizers.gguf.utils."
                   "dequantize_gguf_tensor(v)), and save plain tensors"},
    SubclassFamily{"", "GGUF", "a GGUF-quantized weight",
                   "dequantise each weight with the package that defines the class, and save plain tensors"},
    SubclassFamily{"torch.nested.", "", "a nested (jagged) tensor", "save its v.values() and v.offsets() as tensors"},
    SubclassFamily{"torch._subclasses.", "", "a fake tensor, which has no values",
                   "save the real network's state dict, outside of FakeTensorMode"},
    SubclassFamily{"torch.sparse.", "", "a semi-structured (2:4) sparse tensor",
                   "torch.save({k: v.to_dense() if v.layout != torch.strided or 'sparse' in type(v).__module__ else v "
                   "for k, v in {}.items()}, OUT)"},
    SubclassFamily{"torch.masked.", "", "a masked tensor", "save its v.get_data() and v.get_mask() as tensors"},
    SubclassFamily{"torchvision.", "", "a plain tensor under torchvision's name for what it shows", k_plain_class},
    SubclassFamily{"fastai.", "", "a plain tensor under fastai's name for what it shows", k_plain_class},
    SubclassFamily{"fastcore.", "", "a plain tensor under fastcore's name", k_plain_class},
    SubclassFamily{"monai.", "", "a plain tensor with MONAI's record of where it comes from", k_plain_class},
    SubclassFamily{"", "", "a tensor of a class that only its own package understands",
                   "with the class's package at hand, make plain tensors of them (dequantize(), or the class's own "
                   "way; v.as_subclass(torch.Tensor) where it adds a name alone) in {}, and save these"},
};

}  // namespace

const SubclassFamily& family_of(std::string_view type) {
  const auto suits = [&](const SubclassFamily& family) {
    return type.starts_with(family.prefix) && type.find(family.part) != std::string_view::npos;
  };
  return *std::ranges::find_if(k_families, suits);
}

std::string remedy_for(const SubclassFamily& family, std::string_view state_dict) {
  constexpr std::string_view k_place = "{}";
  std::string text(family.remedy);
  if (const auto at = text.find(k_place); at != std::string::npos) text.replace(at, k_place.size(), state_dict);
  return text;
}

}  // namespace goldseal::pickle
