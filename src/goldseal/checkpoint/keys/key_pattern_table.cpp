// SPDX-License-Identifier: Apache-2.0
// The rows of the table of traces; key_patterns.cpp matches them with names. A new library's trace is a new row here.
#include <goldseal/checkpoint/keys/key_patterns.hpp>

#include <array>

namespace goldseal {
namespace {

// Names are those of the libraries' own state dicts, where a row names one.
constexpr std::string_view k_lora =
    "lora_A lora_B lora_embedding_A lora_embedding_B lora_magnitude_vector lora_down lora_up ia3_l hada_* lokr_* "
    "oft_r oft_R vera_lambda_* modules_to_save prompt_encoder prompt_embeddings";
// What PEFT keeps whole in an adapter's file (modules_to_save, of a task's head by itself), under the base model's name.
constexpr std::string_view k_kept_whole =
    "classifier pre_classifier score qa_outputs lm_head embed_tokens embed_out embed_in wte word_embeddings "
    "shared fc head decoder_head";
constexpr std::string_view k_separate_qkv =
    "q_proj k_proj v_proj to_q to_k to_v wq wk wv q_lin k_lin v_lin query key value q k v q_proj_weight k_proj_weight "
    "v_proj_weight";
constexpr std::string_view k_fused_qkv =
    "qkv qkv_proj to_qkv Wqkv wqkv W_pack c_attn query_key_value in_proj_weight in_proj in_proj_bias attn_qkv";
constexpr std::string_view k_separate_gate = "gate_proj up_proj w1 w3 wi_0 wi_1";
constexpr std::string_view k_fused_gate = "gate_up_proj w12 w13 wi gate_up fc1_gate";
constexpr std::string_view k_stacked_experts =
    "experts.gate* experts.up* experts.down* experts.w# experts.mlp* experts.fc# experts.weight";
constexpr std::string_view k_training =
    "criterion* *_criterion loss losses loss_* *_loss metric metrics *_metric *_metrics *_acc *_accuracy *_f1 *_auroc "
    "confusion_matrix image_threshold pixel_threshold image_metrics lpips perceptual";
constexpr std::string_view k_copies =
    "teacher teacher_* *_teacher ema ema_* *_ema target_network target_encoder target_net momentum_encoder encoder_k "
    "key_encoder averaged_model average_model shadow shadow_params old_model";
constexpr std::string_view k_bnb_4bit = "absmax nested_absmax quant_map nested_quant_map quant_state nested_offset";
constexpr std::string_view k_bnb_8bit = "SCB$ weight_format$";
// What constructors compute, and old versions of a library saved.
constexpr std::string_view k_computed =
    "position_ids$ inv_freq$ relative_position_index$ relative_coords_table$ attn_mask$ causal_mask$ masked_bias$ "
    "attn.bias$ attention.bias$ freqs_cis$ cos_cached$ sin_cached$ anchor_grid$ stride$ token_type_ids$";
constexpr std::string_view k_observers =
    "activation_post_process* weight_fake_quant *_fake_quant _packed_params observer_enabled fake_quant_enabled";

constexpr std::array k_patterns{
    KeyPattern{.id = "fsdp.flat",
               .file = "_flat_param _flat_param_* flat_param flat_param_*",
               .network = {},
               .cause = "flat FSDP shards: {file} is a piece of many parameters laid end to end",
               .remedy = "renaming cannot help: save on the training machines with StateDictType.FULL_STATE_DICT, or "
                         "with torch.distributed.checkpoint.state_dict.get_model_state_dict(full_state_dict=True)"},
    KeyPattern{.id = "gguf.names",
               .file = "^blk.# ^token_embd.weight ^output_norm.weight",
               .file_share = Share::most,
               .network = {},
               .cause = "names of a GGUF file (llama.cpp): {file}; the network has {network}",
               .remedy = "use the checkpoint that the GGUF file was made of, or read it back with transformers: "
                         "from_pretrained(DIR, gguf_file=FILE).save_pretrained(OUT)"},
    KeyPattern{.id = "bnb.4bit",
               .file = k_bnb_4bit,
               .network = {},
               .cause = "4-bit weights packed by bitsandbytes, with {n} tensors beside them that say how ({file}); the "
                        "network takes plain ones",
               .remedy = "build the network with the same quantization (load_in_4bit), or write the weights "
                         "dequantized: model.dequantize() before it is saved"},
    KeyPattern{.id = "bnb.8bit",
               .file = k_bnb_8bit,
               .network = {},
               .cause = "8-bit weights of bitsandbytes with their scales ({file}); the network takes plain ones",
               .remedy = "build the network with the same quantization (load_in_8bit), or write the weights "
                         "dequantized: model.dequantize() before it is saved"},
    KeyPattern{.id = "gptq",
               .file = "g_idx$",
               .network = {},
               .cause = "weights packed by GPTQ (qweight, qzeros, scales and {file}); the network takes plain ones",
               .remedy = "build the network with the GPTQ library that packed it, or use the checkpoint that was "
                         "quantized"},
    KeyPattern{.id = "awq",
               .file = "qweight$ qzeros$",
               .network = {},
               .cause = "weights packed by AWQ ({file}, with scales); the network takes plain ones",
               .remedy = "build the network with the library that packed it, or use the checkpoint that was quantized"},
    KeyPattern{.id = "compressed_tensors",
               .file = "weight_packed$ weight_shape$",
               .network = {},
               .cause = "weights packed by compressed-tensors ({file}); the network takes plain ones",
               .remedy = "build the network with the same quantization, or use the checkpoint that was quantized"},
    KeyPattern{.id = "fp8.scales",
               .file = "weight_scale_inv$ weight_scale$ scale_weight$ scaled_fp8$ input_scale$ scale_input$ activation_scale$",
               .network = {},
               .cause = "weights in 8 bits with a scale beside each ({file}); the network has no place for the scales",
               .remedy = "build the network with the same quantization, or multiply the scales in before it is saved: "
                         "without them the weights have other values"},
    KeyPattern{.id = "torch.quantized.scales",
               .file = "zero_point$",
               .network = {},
               .cause = "saved from a network that torch.ao.quantization converted ({file} and a scale beside it): its "
                        "layers keep their weights packed, in objects without names of their own",
               .remedy = "build the network and convert it in the same way before it is loaded (quantize_dynamic, or "
                         "prepare and convert), or use the checkpoint that was quantized"},
    KeyPattern{.id = "torch.quantized.scales.network",
               .file = "zero_point$",
               .file_share = Share::none,
               .network = "zero_point$",
               .cause = "the network was converted by torch.ao.quantization ({network}); the checkpoint was saved before "
                        "that",
               .remedy = "load the checkpoint into the network as it was, and quantize it then"},
    KeyPattern{.id = "torch.quantized",
               .file = k_observers,
               .network = {},
               .cause = "saved from a network that torch.ao.quantization prepared or converted ({file}); this one is "
                        "not quantized",
               .remedy = "prepare and convert the network in the same way before it is loaded"},
    KeyPattern{.id = "torch.quantized.network",
               .file = k_observers,
               .file_share = Share::none,
               .network = k_observers,
               .cause = "the network was prepared or converted by torch.ao.quantization ({network}); the checkpoint "
                        "was saved before that",
               .remedy = "load the checkpoint into the network as it was, and quantize it then"},
    KeyPattern{.id = "bnb.network",
               .file = "absmax SCB$",
               .file_share = Share::none,
               .network = "absmax SCB$",
               .cause = "the network's weights are packed by bitsandbytes ({network}); the checkpoint holds plain ones",
               .remedy = "build the network without quantization, or seal what the quantized one saves"},
    KeyPattern{.id = "packed.network",
               .file = "qweight$ qzeros$ weight_packed$",
               .file_share = Share::none,
               .network = "qweight$ qzeros$ weight_packed$",
               .cause = "the network's weights are packed ({network}: GPTQ, AWQ or compressed-tensors); the checkpoint "
                        "holds plain ones",
               .remedy = "build the network without quantization, or seal the checkpoint that was quantized"},
    KeyPattern{.id = "fp8.network",
               .file = "weight_scale_inv$ weight_scale$ scale_weight$",
               .file_share = Share::none,
               .network = "weight_scale_inv$ weight_scale$ scale_weight$",
               .cause = "the network's weights have 8 bits and a scale beside each ({network}); the checkpoint has no "
                        "scales",
               .remedy = "build the network without quantization, or seal the checkpoint that was quantized"},
    KeyPattern{.id = "lora.kohya",
               .file = "lora_down lora_up alpha$ lora.down lora.up lora_linear_layer lora_mid hada_* lokr_* dora_scale$",
               .file_share = Share::all,
               .network = "lora_down lora_up lora.down lora.up",
               .network_share = Share::none,
               .cause = "a LoRA adapter alone, in the naming of diffusers or kohya ({file}); the base model's weights are "
                        "not in this file",
               .remedy = "load it into its pipeline and write it into the weights, pipeline.load_lora_weights(FILE) and "
                         "pipeline.fuse_lora(), and save that; or seal the base model alone"},
    KeyPattern{.id = "peft.adapter_name",
               .file = "lora_A.weight lora_B.weight lora_A lora_B",
               .file_share = Share::all,
               .network = "lora_A.*.weight lora_B.*.weight",
               .network_share = Share::all,
               .cause = "PEFT keeps the adapter's name in the network's names alone: {network} in the network is "
                        "{file} in the file",
               .remedy = "load the file with PeftModel.from_pretrained or peft.set_peft_model_state_dict, which put "
                         "the name in, and save what the network then has: torch.save(model.state_dict(), …)"},
    KeyPattern{.id = "peft.other_adapter",
               .file = "ia3_l prompt_encoder prompt_embeddings oft_r oft_R vera_lambda_*",
               .file_share = Share::all,
               .beside = k_kept_whole,
               .network = {},
               .cause = "a PEFT adapter alone, of another kind than LoRA ({file}); the base model's weights are not in "
                        "this file",
               .remedy = "build the network as base model and adapter (PeftModel.from_pretrained), and save its "
                         "state_dict(); where it can be merged, model.merge_and_unload() first"},
    KeyPattern{.id = "textual_inversion",
               .file = "emb_params string_to_param clip_l clip_g <*",
               .file_share = Share::all,
               .network = {},
               .cause = "a textual inversion: {n} tensors with the vectors of new words ({file}), and no weights of a network",
               .remedy = "name the text encoder's own checkpoint; the new words are added to it when it is loaded "
                         "(load_textual_inversion), and the network that serves with them has a seal of its own"},
    KeyPattern{.id = "peft.adapter_alone",
               .file = k_lora,
               .file_share = Share::all,
               .beside = k_kept_whole,
               .network = "base_layer",
               .cause = "a PEFT adapter alone: {n} of its tensors, such as {file}; the network has base model and "
                        "adapter ({network}), and the base model's weights are not in this file",
               .remedy = "seal what the network has, torch.save(model.state_dict(), …) or goldseal.save(model.state_dict(), "
                         "…); or merge the adapter and seal that: model.merge_and_unload()"},
    KeyPattern{.id = "peft.adapter",
               .file = k_lora,
               .file_share = Share::all,
               .beside = k_kept_whole,
               .network = "lora_A lora_B ia3_l",
               .network_share = Share::none,
               .cause = "a PEFT adapter alone: {first} lora_A/lora_B pairs, such as {file}; the base model's weights "
                        "are not in this file",
               .remedy = "merge it into its base model and save that: model.merge_and_unload().save_pretrained(DIR); "
                         "or build the network as base model and adapter"},
    KeyPattern{.id = "peft.unmerged",
               .file = k_lora,
               .network = "lora_A lora_B ia3_l",
               .network_share = Share::none,
               .cause = "saved from a PEFT model whose adapter was not merged ({file} beside the base weights)",
               .remedy = "merge it before it is saved: model.merge_and_unload(); or build the network with its "
                         "adapter (peft.get_peft_model)"},
    KeyPattern{.id = "peft.network",
               .file = "lora_A lora_B ia3_l",
               .file_share = Share::none,
               .network = "lora_A lora_B ia3_l base_layer",
               .cause = "the network has a PEFT adapter ({m} names such as {network}), the checkpoint has none",
               .remedy = "build the base model alone, or seal the checkpoint of base model and adapter"},
    KeyPattern{.id = "weight_norm.old_file",
               .file = "weight_g$ weight_v$",
               .network = "parametrizations.weight.original0 parametrizations.weight.original1",
               .cause = "weight_norm under its old names (weight_g, weight_v) against parametrizations.weight.*: "
                        "{file} holds the numbers of {network}",
               .remedy = "rename them: goldseal convert FILE -o OUT --rename "
                         "weight_g=parametrizations.weight.original0 --rename "
                         "weight_v=parametrizations.weight.original1; or build the network with "
                         "torch.nn.utils.weight_norm"},
    KeyPattern{.id = "weight_norm.new_file",
               .file = "parametrizations.weight.original0 parametrizations.weight.original1",
               .network = "weight_g$ weight_v$",
               .cause = "weight_norm under its names of today (parametrizations.weight.*) against weight_g and "
                        "weight_v: {file} holds the numbers of {network}; PyTorch renames in the other direction "
                        "alone",
               .remedy = "rename them: goldseal convert FILE -o OUT --rename "
                         "parametrizations.weight.original0=weight_g --rename "
                         "parametrizations.weight.original1=weight_v; or build the network with "
                         "torch.nn.utils.parametrizations.weight_norm"},
    KeyPattern{.id = "spectral_norm.old_file",
               .file = "weight_orig$ weight_u$",
               .network = "parametrizations.weight.original parametrizations.weight.0",
               .cause = "spectral_norm under its old names (weight_orig, weight_u) against parametrizations.weight.*: "
                        "{file} against {network}",
               .remedy = "build the network with torch.nn.utils.spectral_norm, or save it again from the network of "
                         "today after torch's load_state_dict"},
    KeyPattern{.id = "spectral_norm.new_file",
               .file = "parametrizations.weight.original$ parametrizations.weight.0._u",
               .network = "weight_orig$ weight_u$",
               .cause = "spectral_norm under its names of today (parametrizations.weight.*) against weight_orig and "
                        "weight_u: {file} against {network}",
               .remedy = "build the network with torch.nn.utils.parametrizations.spectral_norm"},
    KeyPattern{.id = "spectral_norm.file",
               .file = "weight_u$",
               .network = {},
               .cause = "saved with spectral_norm (weight_orig and {file}), the network is built without",
               .remedy = "build it with torch.nn.utils.spectral_norm, or take it off before it is saved: "
                         "torch.nn.utils.remove_spectral_norm(module)"},
    KeyPattern{.id = "spectral_norm.network",
               .file = "weight_u$",
               .file_share = Share::none,
               .network = "weight_u$",
               .cause = "the network is built with spectral_norm ({network}), the checkpoint was saved without",
               .remedy = "build it without spectral_norm, as inference code does after remove_spectral_norm"},
    KeyPattern{.id = "pruned.network",
               .file = "weight_mask$ bias_mask$",
               .file_share = Share::none,
               .network = "weight_mask$ bias_mask$",
               .cause = "the network is pruned ({network}), the checkpoint was saved before that, or after the pruning "
                        "was made permanent",
               .remedy = "load the weights first and prune then; or take the pruning's masks off: "
                         "torch.nn.utils.prune.remove(module, 'weight')"},
    KeyPattern{.id = "pruned.file",
               .file = "weight_mask$ bias_mask$",
               .network = {},
               .cause = "saved from a pruned network (weight_orig and {file}); this one is not pruned",
               .remedy = "make the pruning permanent before it is saved: torch.nn.utils.prune.remove(module, "
                         "'weight')"},
    KeyPattern{.id = "weight_norm.file",
               .file = "weight_g$ weight_v$ parametrizations.weight.original0",
               .network = "weight$",
               .cause = "saved with weight_norm ({file}), the network is built without ({network})",
               .remedy = "build it with weight_norm, or take it off before it is saved: remove_weight_norm, or "
                         "parametrize.remove_parametrizations"},
    KeyPattern{.id = "weight_norm.network",
               .file = "weight_g$ parametrizations.weight.original0",
               .file_share = Share::none,
               .network = "weight_g$ parametrizations.weight.original0",
               .cause = "the network is built with weight_norm ({network}), the checkpoint was saved without",
               .remedy = "build it without weight_norm, as inference code does after remove_weight_norm"},
    KeyPattern{.id = "parametrized.file",
               .file = "parametrizations",
               .network = "parametrizations",
               .network_share = Share::none,
               .cause = "saved with a parametrization in place ({file}), the network is built without",
               .remedy = "take it off before it is saved: torch.nn.utils.parametrize.remove_parametrizations"},
    KeyPattern{.id = "parametrized.network",
               .file = "parametrizations",
               .file_share = Share::none,
               .network = "parametrizations",
               .cause = "the network has a parametrization ({network}), the checkpoint was saved without",
               .remedy = "load the weights first and register the parametrization then"},
    KeyPattern{.id = "averaged",
               .file = "^n_averaged$ n_averaged$",
               .file_share = Share::all,
               .network = {},
               .fits = true,
               .cause = "saved from torch.optim.swa_utils.AveragedModel: {file} counts the models averaged; the "
                        "network has everything else",
               .remedy = "admit it: {allow}; or write the file without: goldseal convert FILE -o OUT {drop}"},
    KeyPattern{.id = "computed.file",
               .file = k_computed,
               .file_share = Share::all,
               .network = {},
               .fits = true,
               .cause = "{n} tables that the code computes are in the file alone ({file} …): it was saved by a version of "
                        "the code that kept them, the network's does not (persistent=False)",
               .remedy = "where the network computes them alike, admit them: {allow}; or write the file without: goldseal "
                         "convert FILE -o OUT {drop}; the golden answers then tell whether it does"},
    KeyPattern{.id = "optimizer",
               .file = "exp_avg exp_avg_sq momentum_buffer max_exp_avg_sq square_avg",
               .network = {},
               .cause = "entries of an optimizer's state ({file})",
               .remedy = "choose the model's state dict: --entry KEY, which `goldseal inspect` lists"},
    KeyPattern{.id = "training.entries",
               .file = k_training,
               .file_share = Share::all,
               .network = {},
               .fits = true,
               .cause = "{n} entries belong to training alone ({file} …): its loss or its metrics; the network has "
                        "everything else",
               .remedy = "admit them: {allow}; or write the file without: goldseal convert FILE -o OUT {drop}"},
    KeyPattern{.id = "second_copy",
               .file = k_copies,
               .file_share = Share::all,
               .network = {},
               .fits = true,
               .cause = "{n} entries are of a second copy of the network, a teacher's or an average's ({file} …); the "
                        "network has everything else",
               .remedy = "make sure which copy is meant to answer; then admit the other: {allow}; or write the file "
                         "without: goldseal convert FILE -o OUT {drop}"},
    KeyPattern{.id = "training_and_copies",
               .file = "criterion* *_criterion loss losses *_loss metric metrics *_metric *_metrics teacher teacher_* "
                       "ema ema_* *_ema momentum_encoder target_network",
               .file_share = Share::most,
               .network = {},
               .fits = true,
               .cause = "most of what the network lacks belongs to training alone ({file} …)",
               .remedy = "make sure of the rest, which the table names; then admit what it does not need: {allow}"},
    KeyPattern{.id = "qkv.fused_network",
               .file = k_separate_qkv,
               .network = k_fused_qkv,
               .cause = "query, key and value are apart in the file ({file}) and one tensor in the network ({network})",
               .remedy = "build the network with the version of the library that saved it, or join the three in the "
                         "order that the network takes and save that"},
    KeyPattern{.id = "qkv.fused_file",
               .file = k_fused_qkv,
               .network = k_separate_qkv,
               .cause = "query, key and value are one tensor in the file ({file}) and apart in the network ({network})",
               .remedy = "build the network with the version of the library that saved it, or split the tensor in the "
                         "order that it has and save that"},
    KeyPattern{.id = "experts.stacked_network",
               .file = "experts.#",
               .network = k_stacked_experts,
               .cause = "each expert has tensors of its own in the file ({file}); the network keeps them otherwise "
                        "({network})",
               .remedy = "build the network with the version of the library that saved it"},
    KeyPattern{.id = "experts.stacked_file",
               .file = k_stacked_experts,
               .network = "experts.#",
               .cause = "the experts are stacked in the file ({file}); in the network each has tensors of its own "
                        "({network})",
               .remedy = "build the network with the version of the library that saved it"},
    KeyPattern{.id = "gate_up.fused_network",
               .file = k_separate_gate,
               .network = k_fused_gate,
               .cause = "gate and up projection are apart in the file ({file}) and one tensor in the network "
                        "({network})",
               .remedy = "build the network with the version of the library that saved it, or join the two and save "
                         "that"},
    KeyPattern{.id = "gate_up.fused_file",
               .file = k_fused_gate,
               .network = k_separate_gate,
               .cause = "gate and up projection are one tensor in the file ({file}) and apart in the network "
                        "({network})",
               .remedy = "build the network with the version of the library that saved it, or split the tensor and "
                         "save that"},
    KeyPattern{.id = "gamma_beta.file",
               .file = "gamma$ beta$",
               .network = "weight$ bias$",
               .network_share = Share::all,
               .cause = "normalisation under its names of TensorFlow (gamma, beta) against weight and bias: {file}",
               .remedy = "rename them: goldseal convert FILE -o OUT --rename gamma=weight --rename beta=bias"},
    KeyPattern{.id = "gamma_beta.network",
               .file = "weight$ bias$",
               .file_share = Share::all,
               .network = "gamma$ beta$",
               .cause = "the network names its normalisation gamma and beta ({network}), the file weight and bias",
               .remedy = "build the network with the version of its code that saved the file"},
    KeyPattern{.id = "flax.names",
               .file = "kernel$ embedding$ moving_mean$ moving_variance$",
               .network = "weight$ running_mean$ running_var$",
               .cause = "names of Flax or TensorFlow ({file}), whose kernels also have their axes in another order",
               .remedy = "convert it with the library's own converter (from_flax=True, from_tf=True), not by renaming"},
    KeyPattern{.id = "densenet.names",
               .file = "norm.# conv.# relu.#",
               .network = "norm# conv#",
               .cause = "torchvision's old names of DenseNet (norm.1, conv.1) against norm1, conv1: {file}",
               .remedy = "load it once with torchvision's own densenet(weights=…), which renames, and save that"},
};

}  // namespace

std::span<const KeyPattern> key_patterns() { return k_patterns; }

}  // namespace goldseal
