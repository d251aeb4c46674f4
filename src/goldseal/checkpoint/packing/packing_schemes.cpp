// SPDX-License-Identifier: Apache-2.0
// Names as the libraries' own state dicts have them: bitsandbytes (functional.py, QuantState.as_dict; nn/modules.py),
// AutoGPTQ and GPTQModel, AutoAWQ, exllamav2 and 3, HQQ, AQLM, VPTQ, QuIP#, SqueezeLLM, Marlin, compressed-tensors
// (compressors/*/base.py), ModelOpt, gpt-oss, DeepSeek-V3, FBGEMM, optimum-quanto, torchao (prototype/safetensors), MLX.
#include <goldseal/checkpoint/packing/packing_schemes.hpp>

namespace goldseal {
namespace {

using enum TypeClass;

constexpr PackingPart none() { return {{}, any, false}; }
constexpr PackingPart part(std::string_view suffix, TypeClass type = any) { return {suffix, type, true}; }
constexpr PackingPart maybe(std::string_view suffix, TypeClass type = any) { return {suffix, type, false}; }

template <class... Parts>
constexpr PackingRow row(PackingScheme scheme, std::string_view weight, std::size_t anchor, Parts... parts) {
  PackingRow result{scheme, weight, anchor, {}};
  result.parts.fill(none());
  std::size_t i = 0;
  ((result.parts[i++] = parts), ...);
  return result;
}

constexpr std::string_view k_bitsandbytes =
    "build the network with the same quantization (BitsAndBytesConfig), or dequantise it where bitsandbytes is "
    "(model.dequantize() of transformers, or bitsandbytes.functional.dequantize_4bit) and save its state dict";
constexpr std::string_view k_bitsandbytes8 =
    "build the network with the same quantization (Linear8bitLt, BitsAndBytesConfig(load_in_8bit=True)), or dequantise "
    "it where bitsandbytes is (model.dequantize() of transformers) and save its state dict";
constexpr std::string_view k_same_library =
    "build the network with the library that packed it, or take the checkpoint that was quantized";
constexpr std::string_view k_compressed =
    "build the network with compressed-tensors (the checkpoint's config.json names the scheme), or decompress it there "
    "(ModelCompressor.decompress_model) and save its state dict";
constexpr std::string_view k_scaled =
    "build the network with the same quantization, or multiply each weight by its scale and save plain weights";

constexpr std::array k_rows{
    row({"bitsandbytes-nf4", "4-bit weights (nf4) of bitsandbytes", k_bitsandbytes}, "", 1, part("", byte),
        part(".quant_state.bitsandbytes__nf4", byte), part(".absmax"), part(".quant_map"), maybe(".nested_absmax"),
        maybe(".nested_quant_map")),
    row({"bitsandbytes-fp4", "4-bit weights (fp4) of bitsandbytes", k_bitsandbytes}, "", 1, part("", byte),
        part(".quant_state.bitsandbytes__fp4", byte), part(".absmax"), part(".quant_map"), maybe(".nested_absmax"),
        maybe(".nested_quant_map")),
    row({"bitsandbytes-int8", "8-bit weights (LLM.int8) of bitsandbytes", k_bitsandbytes8}, ".weight", 1,
        part(".weight", narrow), part(".SCB"), maybe(".weight_format", byte)),
    row({"gptq", "weights packed by GPTQ", k_same_library}, ".weight", 0, part(".qweight", int32),
        maybe(".qzeros", int32), part(".scales"), part(".g_idx", int32)),
    row({"squeezellm", "weights packed by SqueezeLLM", k_same_library}, ".weight", 1, part(".qweight", int32),
        part(".lookup_table"), maybe(".rows"), maybe(".cols"), maybe(".vals")),
    row({"awq", "weights packed by AWQ", k_same_library}, ".weight", 0, part(".qweight", int32), part(".qzeros", int32),
        part(".scales")),
    row({"exl2", "weights packed by exllamav2 (EXL2)", k_same_library}, ".weight", 0, part(".q_weight", int32),
        part(".q_scale"), part(".q_scale_max"), maybe(".q_groups"), maybe(".q_group_map"), maybe(".q_invperm"),
        maybe(".q_perm")),
    row({"exl3", "weights packed by exllamav3 (EXL3)", k_same_library}, ".weight", 0, part(".trellis"), part(".suh"),
        part(".svh"), maybe(".mcg"), maybe(".mul1")),
    row({"hqq", "weights packed by HQQ", k_same_library}, ".weight", 0, part(".W_q"), maybe(".scale"), maybe(".zero"),
        maybe(".meta"), maybe(".shape"), maybe(".group_size"), maybe(".nbits")),
    row({"aqlm", "weights packed by AQLM", k_same_library}, ".weight", 1, part(".codes"), part(".codebooks"),
        part(".scales")),
    row({"vptq", "weights packed by VPTQ", k_same_library}, ".weight", 1, part(".indices"), part(".centroids.weight"),
        maybe(".weight_scale"), maybe(".weight_bias"), maybe(".perm"), maybe(".res_centroids.weight")),
    row({"quip", "weights packed by QuIP#", k_same_library}, ".weight", 0, part(".Qidxs"), part(".SU"), part(".SV"),
        maybe(".Wscale"), maybe(".codebook_id")),
    row({"marlin", "weights packed by Marlin", k_same_library}, ".weight", 0, part(".B", int32), part(".s"),
        maybe(".meta"), maybe(".workspace")),
    row({"compressed-tensors-pack", "packed weights of compressed-tensors", k_compressed}, ".weight", 0,
        part(".weight_packed", integer), part(".weight_scale"), maybe(".weight_shape"), maybe(".weight_zero_point"),
        maybe(".weight_g_idx"), maybe(".weight_global_scale"), maybe(".input_global_scale")),
    row({"compressed-tensors-sparse", "sparse weights of compressed-tensors", k_compressed}, "", 1,
        part(".compressed"), part(".bitmask"), maybe(".shape"), maybe(".row_offsets")),
    row({"nvfp4", "4-bit weights (NVFP4) of ModelOpt", k_same_library}, ".weight", 2, part(".weight", narrow),
        part(".weight_scale"), part(".weight_scale_2"), maybe(".input_scale")),
    row({"mxfp4", "4-bit weights (MXFP4: blocks and their scales)",
         "build the network with MXFP4 (Mxfp4Config), or dequantise it (Mxfp4Config(dequantize=True) of transformers) "
         "and save its state dict"},
        "", 0, part("_blocks", byte), part("_scales", byte)),
    row({"fp8-block", "8-bit float weights with a scale for each block (weight_scale_inv)", k_scaled}, ".weight", 1,
        part(".weight", narrow), part(".weight_scale_inv"), maybe(".input_scale")),
    row({"fp8-block-expert", "8-bit float weights with a scale for each block (_scale_inv)", k_scaled}, "", 1,
        part("", float8), part("_scale_inv")),
    row({"scaled", "8-bit weights with scales (weight_scale)", k_scaled}, ".weight", 1, part(".weight", narrow),
        part(".weight_scale"), maybe(".weight_zero_point"), maybe(".input_scale"), maybe(".input_scale_ub"),
        maybe(".input_zero_point"), maybe(".output_scale")),
    row({"scaled-expert", "8-bit weights with scales (_weight_scale)", k_scaled}, "", 1, part("", float8),
        part("_scale"), maybe("_bias"), maybe("_input_scale")),
    row({"fp8-scale", "8-bit float weights with scales", k_scaled}, ".weight", 0, part(".weight", float8),
        part(".scale"), maybe(".input_scale")),
    row({"quanto-packed", "packed weights of optimum-quanto", k_same_library}, "", 0, part("._data._data", integer),
        part("._scale"), maybe("._shift"), maybe("._zeropoint")),
    row({"quanto", "quantized weights of optimum-quanto", k_same_library}, "", 0, part("._data", narrow),
        part("._scale"), maybe("._shift")),
    row({"torchao", "quantized weights of torchao, flattened for safetensors",
         "build the network with the same torchao quantization, and load with unflatten_tensor_state_dict of torchao; "
         "or dequantise each weight (.dequantize()) and save plain weights"},
        ".weight", 0, part("._weight_qdata"), part("._weight_scale"), maybe("._weight_zero_point"),
        maybe("._weight_tensor_data_scale"), maybe("._weight_act_pre_scale"), maybe("._weight_per_tensor_scale")),
    row({"mlx", "packed weights of MLX", k_same_library}, ".weight", 0, part(".weight", uint32), part(".scales"),
        maybe(".biases")),
};

}  // namespace

std::span<const PackingRow> packing_rows() { return k_rows; }

}  // namespace goldseal
