// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/keys/admission.hpp>
#include <goldseal/checkpoint/keys/key_patterns.hpp>
#include <goldseal/checkpoint/keys/key_renames.hpp>
#include <goldseal/checkpoint/keys/keys.hpp>

#include <catch.hpp>

#include <algorithm>
#include <array>
#include <set>

using namespace goldseal;

namespace {

using Names = std::vector<std::string>;

std::vector<Key> keys(const Names& names, const std::vector<std::int64_t>& shape = {2},
                      DType dtype = DType::float32) {
  std::vector<Key> result;
  for (const auto& name : names) result.push_back({name, dtype, shape});
  return result;
}

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// Names that the file has alone, that the network has alone, and what is said of them.
struct Example {
  std::string_view id;
  Names file;
  Names network;
  std::string_view cause;
  std::string_view remedy;
};

// B03, B12, B13, B16, B42, B63, B64 and others of their kinds, with the names that the libraries write.
const std::vector<Example> k_examples{
    {"fsdp.flat", {"_fsdp_wrapped_module._flat_param"}, {"a.weight"}, "flat FSDP shards", "FULL_STATE_DICT"},
    {"fsdp.flat", {"layers.0._flat_param_0", "x"}, {"a.weight"}, "layers.0._flat_param_0", "FULL_STATE_DICT"},
    {"gguf.names",
     {"token_embd.weight", "blk.0.attn_q.weight", "blk.0.ffn_up.weight", "output_norm.weight"},
     {"model.layers.0.self_attn.q_proj.weight"},
     "GGUF",
     "gguf_file"},
    {"bnb.4bit",
     {"fc.weight", "fc.weight.absmax", "fc.weight.quant_map", "fc.weight.quant_state.bitsandbytes__nf4"},
     {"fc.weight"},
     "4-bit weights packed by bitsandbytes, with 3 tensors beside them",
     "same quantization"},
    {"bnb.4bit", {"fc.weight.nested_absmax"}, {}, "bitsandbytes", "dequantize"},
    {"bnb.8bit", {"fc.SCB", "fc.weight_format"}, {}, "8-bit weights of bitsandbytes", "load_in_8bit"},
    {"gptq", {"q.qweight", "q.qzeros", "q.scales", "q.g_idx"}, {"q.weight"}, "GPTQ", "GPTQ library"},
    {"awq", {"q.qweight", "q.qzeros", "q.scales"}, {"q.weight"}, "AWQ", "quantized"},
    {"compressed_tensors", {"q.weight_packed", "q.weight_shape"}, {"q.weight"}, "compressed-tensors", "quantization"},
    {"fp8.scales", {"q.weight_scale_inv"}, {}, "8 bits with a scale", "multiply the scales in"},
    {"fp8.scales", {"q.scale_weight", "scaled_fp8"}, {}, "8 bits with a scale", "multiply the scales in"},
    {"torch.quantized.scales", {"fc.scale", "fc.zero_point"}, {"fc.weight", "fc.bias"}, "keep their weights packed",
     "quantize_dynamic"},
    {"torch.quantized.scales.network", {"fc.weight"}, {"fc.scale", "fc.zero_point"}, "the network was converted",
     "quantize it then"},
    {"packed.network", {"q.weight"}, {"q.qweight", "q.qzeros", "q.scales"}, "the network's weights are packed",
     "without quantization"},
    {"fp8.network", {}, {"q.weight_scale_inv"}, "the network's weights have 8 bits", "without quantization"},
    {"lora.kohya",
     {"lora_unet_down_0_to_q.lora_down.weight", "lora_unet_down_0_to_q.lora_up.weight", "lora_unet_down_0_to_q.alpha"},
     {"down.0.to_q.weight"},
     "a LoRA adapter alone, in the naming of diffusers or kohya",
     "fuse_lora"},
    {"lora.kohya", {"unet.to_q.lora.down.weight", "unet.to_q.lora.up.weight"}, {"to_q.weight"}, "a LoRA adapter alone",
     "load_lora_weights"},
    {"peft.other_adapter", {"base_model.model.q.ia3_l"}, {"q.weight"}, "of another kind than LoRA", "PeftModel"},
    {"peft.other_adapter", {"prompt_embeddings"}, {"q.weight"}, "of another kind than LoRA", "PeftModel"},
    {"spectral_norm.file", {"fc.weight_orig", "fc.weight_u", "fc.weight_v"}, {"fc.weight"}, "saved with spectral_norm",
     "remove_spectral_norm"},
    {"spectral_norm.network", {}, {"fc.weight_orig", "fc.weight_u", "fc.weight_v"}, "built with spectral_norm",
     "without spectral_norm"},
    {"pruned.network", {}, {"fc.weight_orig", "fc.weight_mask"}, "the network is pruned", "prune then"},
    {"weight_norm.network", {}, {"fc.weight_g", "fc.weight_v"}, "built with weight_norm", "without weight_norm"},
    {"computed.file", {"text_model.embeddings.position_ids"}, {}, "tables that the code computes",
     "--allow-unexpected 'text_model.embeddings.position_ids'"},
    {"computed.file", {"l.0.attn.relative_position_index", "l.0.attn_mask", "l.1.attn.rotary_emb.inv_freq"}, {}, "3 tables", "--drop"},
    {"torch.quantized", {"fc._packed_params._packed_params", "fc.scale"}, {"fc.weight"}, "torch.ao.quantization",
     "prepare and convert"},
    {"torch.quantized", {"conv.activation_post_process.min_val"}, {}, "torch.ao.quantization", "prepare"},
    {"torch.quantized.network", {"fc.weight"}, {"fc._packed_params._packed_params"}, "the network was prepared",
     "quantize it then"},
    {"bnb.network", {"fc.bias"}, {"fc.weight.absmax"}, "packed by bitsandbytes", "without quantization"},
    {"peft.adapter_name",
     {"base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight"},
     {"base_model.model.q.lora_A.default.weight", "base_model.model.q.lora_B.default.weight"},
     "adapter's name",
     "set_peft_model_state_dict"},
    {"peft.adapter",
     {"base_model.model.model.layers.0.q.lora_A.weight", "base_model.model.model.layers.0.q.lora_B.weight",
      "base_model.model.model.layers.1.q.lora_A.weight", "base_model.model.model.layers.1.q.lora_B.weight"},
     {"model.layers.0.q.weight"},
     "a PEFT adapter alone: 2 lora_A/lora_B pairs",
     "merge_and_unload"},
    {"peft.adapter",
     {"q.lora_A.weight", "q.lora_B.weight", "q.lora_magnitude_vector"},
     {"q.weight"},
     "a PEFT adapter alone: 1 lora_A/lora_B pair",
     "merge"},
    // The head of a task is in the adapter's file whole, whether the network has the adapter or not.
    {"peft.adapter",
     {"base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight", "base_model.model.classifier.weight"},
     {"q.weight", "classifier.weight"},
     "a PEFT adapter alone: 1 lora_A/lora_B pair",
     "merge"},
    {"textual_inversion", {"<cat-toy>"}, {"text_model.embeddings.token_embedding.weight"}, "a textual inversion: 1 tensors", "load_textual_inversion"},
    {"textual_inversion", {"emb_params"}, {"token_embedding.weight", "norm.bias"}, "new words (emb_params)", "a seal of its own"},
    {"peft.adapter_alone",
     {"base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight", "base_model.model.classifier.weight"},
     {"base_model.model.embeddings.weight", "base_model.model.q.base_layer.weight", "base_model.model.q.lora_A.default.weight",
      "base_model.model.q.lora_B.default.weight", "base_model.model.classifier.modules_to_save.default.weight"},
     "the base model's weights are not in this file",
     "goldseal.save(model.state_dict()"},
    {"peft.adapter_alone",
     {"base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight"},
     {"base_model.model.embeddings.weight", "base_model.model.q.base_layer.weight", "base_model.model.q.lora_A.default.weight"},
     "a PEFT adapter alone: 2 of its tensors",
     "merge_and_unload"},
    {"peft.other_adapter",
     {"base_model.model.k.ia3_l", "base_model.model.score.weight"},
     {"base_model.model.k.base_layer.weight"},
     "of another kind than LoRA",
     "state_dict()"},
    {"peft.unmerged",
     {"base_model.model.q.base_layer.weight", "base_model.model.q.lora_A.default.weight"},
     {"q.weight"},
     "was not merged",
     "merge_and_unload"},
    {"peft.network", {"q.weight"}, {"q.base_layer.weight", "q.lora_A.default.weight"}, "the network has a PEFT adapter",
     "base model alone"},
    {"weight_norm.old_file",
     {"conv.weight_g", "conv.weight_v"},
     {"conv.parametrizations.weight.original0", "conv.parametrizations.weight.original1"},
     "weight_norm under its old names (weight_g, weight_v) against parametrizations",
     "--rename weight_g=parametrizations.weight.original0"},
    {"weight_norm.new_file",
     {"conv.parametrizations.weight.original0", "conv.parametrizations.weight.original1"},
     {"conv.weight_g", "conv.weight_v"},
     "weight_norm",
     "--rename parametrizations.weight.original1=weight_v"},
    {"spectral_norm.old_file",
     {"conv.weight_orig", "conv.weight_u", "conv.weight_v"},
     {"conv.parametrizations.weight.original", "conv.parametrizations.weight.0._u"},
     "spectral_norm",
     "torch.nn.utils.spectral_norm"},
    {"spectral_norm.new_file",
     {"conv.parametrizations.weight.original", "conv.parametrizations.weight.0._u"},
     {"conv.weight_orig", "conv.weight_u", "conv.weight_v"},
     "spectral_norm",
     "parametrizations.spectral_norm"},
    {"pruned.file", {"fc.weight_orig", "fc.weight_mask"}, {"fc.weight"}, "pruned", "prune.remove"},
    {"weight_norm.file", {"conv.weight_g", "conv.weight_v"}, {"conv.weight"}, "saved with weight_norm",
     "remove_weight_norm"},
    {"weight_norm.network", {"conv.weight"}, {"conv.weight_g", "conv.weight_v"}, "the network is built with weight_norm",
     "without weight_norm"},
    {"parametrized.file", {"fc.parametrizations.bias.original"}, {"fc.bias"}, "saved with a parametrization",
     "remove_parametrizations"},
    {"parametrized.network", {"fc.bias"}, {"fc.parametrizations.bias.original"}, "the network has a parametrization",
     "register"},
    {"averaged", {"n_averaged"}, {}, "AveragedModel", "--allow-unexpected 'n_averaged'"},
    {"optimizer", {"state.0.exp_avg", "state.0.exp_avg_sq"}, {}, "optimizer", "--entry"},
    {"training.entries",
     {"criterion.pos_weight", "normalization_metrics.min", "normalization_metrics.max"},
     {},
     "3 entries belong to training alone",
     "--allow-unexpected 'criterion.*' --allow-unexpected 'normalization_metrics.*'"},
    {"training.entries", {"loss.logvar", "val_acc.total"}, {}, "training alone", "--drop 'loss.*' --drop 'val_acc.*'"},
    {"second_copy", {"teacher.conv.weight", "teacher.conv.bias"}, {}, "second copy", "--allow-unexpected 'teacher.*'"},
    {"training_and_copies", {"criterion.w", "teacher.w", "odd.w"}, {}, "most of what the network lacks", "the table"},
    {"qkv.fused_network",
     {"attn.q_proj.weight", "attn.k_proj.weight", "attn.v_proj.weight"},
     {"attn.qkv_proj.weight"},
     "query, key and value are apart in the file",
     "join the three"},
    {"qkv.fused_file", {"attn.in_proj_weight"}, {"attn.q.weight", "attn.k.weight", "attn.v.weight"},
     "query, key and value are one tensor in the file", "split"},
    {"gate_up.fused_network", {"mlp.gate_proj.weight", "mlp.up_proj.weight"}, {"mlp.gate_up_proj.weight"},
     "gate and up projection are apart in the file", "join the two"},
    {"gate_up.fused_file", {"mlp.gate_up_proj.weight"}, {"mlp.gate_proj.weight", "mlp.up_proj.weight"},
     "one tensor in the file", "split"},
    {"experts.stacked_network", {"mlp.experts.0.fc.weight"}, {"mlp.experts.gate_up"}, "each expert has tensors",
     "version of the library"},
    {"experts.stacked_file", {"mlp.experts.down"}, {"mlp.experts.0.fc.weight"}, "the experts are stacked",
     "version of the library"},
    {"gamma_beta.file",
     {"LayerNorm.gamma", "LayerNorm.beta"},
     {"LayerNorm.weight", "LayerNorm.bias"},
     "gamma, beta",
     "--rename gamma=weight --rename beta=bias"},
    {"gamma_beta.network", {"LayerNorm.weight", "LayerNorm.bias"}, {"LayerNorm.gamma", "LayerNorm.beta"},
     "the network names its normalisation gamma and beta", "version of its code"},
    {"flax.names", {"dense.kernel", "dense.bias"}, {"dense.weight", "dense.b"}, "Flax or TensorFlow", "converter"},
    {"densenet.names",
     {"denseblock1.denselayer1.norm.1.weight", "denseblock1.denselayer1.conv.1.weight"},
     {"denseblock1.denselayer1.norm1.weight", "denseblock1.denselayer1.conv1.weight"},
     "DenseNet",
     "torchvision"},
};

std::vector<std::string_view> views(const Names& names) { return {names.begin(), names.end()}; }

}  // namespace

TEST_CASE("B03 B12 B13 B42 B63 B64: names tell how a file was made, by the table's row and no other") {
  for (const auto& example : k_examples) {
    INFO(example.id << " " << (example.file.empty() ? "" : example.file.front()));
    const auto found = match_patterns(views(example.file), views(example.network));
    REQUIRE(found.pattern != nullptr);
    CHECK(found.pattern->id == example.id);
    CHECK(mentions(found.cause, example.cause));
    CHECK(mentions(found.remedy, example.remedy));
  }
}

TEST_CASE("every row of the table of patterns has an example, an own id, a cause and a remedy") {
  std::set<std::string_view> seen;
  for (const auto& row : key_patterns()) {
    INFO(row.id);
    CHECK(seen.insert(row.id).second);
    CHECK(std::ranges::any_of(k_examples, [&](const Example& example) { return example.id == row.id; }));
    CHECK_FALSE(row.cause.empty());
    CHECK_FALSE(row.remedy.empty());
  }
}

TEST_CASE("ordinary names of two networks match no row") {
  const Names file{"stem.conv.weight", "head.fc.bias", "layers.0.norm.weight"};
  const Names network{"backbone.stem.weight", "classifier.bias"};
  CHECK(match_patterns(views(file), views(network)).pattern == nullptr);
  CHECK(match_patterns(views(file), {}).pattern == nullptr);
  CHECK(match_patterns({}, views(network)).pattern == nullptr);
}

TEST_CASE("a pattern matches whole segments, globs within one, numbers, and both ends") {
  CHECK(matches_pattern("a.lora_A.weight", "lora_A"));
  CHECK_FALSE(matches_pattern("a.xlora_A.weight", "lora_A"));
  CHECK(matches_pattern("blk.12.attn_q.weight", "^blk.#"));
  CHECK_FALSE(matches_pattern("x.blk.12.weight", "^blk.#"));
  CHECK_FALSE(matches_pattern("blk.one.weight", "^blk.#"));
  CHECK(matches_pattern("fc.weight_g", "weight_g$ weight_v$"));
  CHECK_FALSE(matches_pattern("fc.weight_g.x", "weight_g$"));
  CHECK(matches_pattern("train_metrics.min", "*_metrics"));
  CHECK(matches_pattern("hada_w1_a", "hada_*"));
  CHECK(matches_pattern("experts.w13", "experts.w#"));
}

TEST_CASE("B14: a segment that was put in, taken out or changed is found, and its names come together by it") {
  struct Row {
    Names file;
    Names network;
    SegmentRename rename;
  };
  const Names inner{"model.layers.0.q.weight", "model.layers.0.k.weight", "model.norm.weight"};
  const Names outer{"model.language_model.layers.0.q.weight", "model.language_model.layers.0.k.weight",
                    "model.language_model.norm.weight"};
  for (const auto& row : std::vector<Row>{
           {outer, inner, {"model.language_model", "model", 3}},
           {inner, outer, {"model", "model.language_model", 3}},
           {{"enc.embedding.weight", "enc.embedding.bias"}, {"enc.embeddings.weight", "enc.embeddings.bias"},
            {"embedding", "embeddings", 2}},
           {{"text.a.w", "text.b.w"}, {"language.tower.a.w", "language.tower.b.w"}, {"text", "language.tower", 2}},
           {{"a.core.w", "b.core.w", "c.core.w"}, {"a.w", "b.w", "c.w"}, {"core.w", "w", 3}},
       }) {
    INFO(row.rename.from << " " << row.rename.to);
    const auto match = match_keys(keys(row.file), keys(row.network));
    REQUIRE(match.renaming.renames.size() == 1);
    CHECK(match.renaming.renames.front() == row.rename);
    CHECK(match.renaming.pairs.size() == row.file.size());
    for (std::size_t i = 0; i < row.file.size(); ++i)
      CHECK(rename_segments(row.file[i], row.rename.from, row.rename.to) == row.network[i]);
    CHECK(mentions(match.cause, "differ"));
    CHECK(mentions(match.remedy, "--rename " + row.rename.from + "=" + row.rename.to));
  }
}

TEST_CASE("B14: several renamed modules are told together, and shapes have to agree") {
  const Names rest{"a.w", "b.w", "c.w"};
  auto file = keys({"a.w", "b.w", "c.w", "stem.conv.weight", "stem.conv.bias", "top.fc.weight", "top.fc.bias"});
  auto network = keys({"a.w", "b.w", "c.w", "root.conv.weight", "root.conv.bias", "head.fc.weight", "head.fc.bias"});
  const auto match = match_keys(file, network);
  REQUIRE(match.renaming.renames.size() == 2);
  CHECK(match.renaming.pairs.size() == 4);
  CHECK(mentions(match.cause, "`stem` in the file is `root` in the network"));
  CHECK(mentions(match.cause, "`top` in the file is `head` in the network"));
  for (auto& key : network) key.shape = {3};
  CHECK(match_keys(file, network).renaming.pairs.empty());
}

TEST_CASE("B14: names without anything in common are not called renamed") {
  const auto match = match_keys(keys({"a.x", "b.y", "c.z"}), keys({"d.u", "e.v", "f.w"}));
  CHECK(mentions(match.cause, "not one name in common"));
}

TEST_CASE("B18: placeholders of no size are told from other sizes") {
  auto have = keys({"a.weight", "b.weight"}, {0});
  const auto want = keys({"a.weight", "b.weight"}, {4, 4});
  const auto match = match_keys(have, want);
  CHECK(mentions(match.cause, "ZeRO-3"));
  CHECK(mentions(match.remedy, "zero_to_fp32.py"));
  have[0].shape = {4, 4};
  CHECK(mentions(match_keys(have, want).cause, "ZeRO-3"));
}

TEST_CASE("one odd element type among many is named with its tensors") {
  auto have = keys({"a", "b", "c", "d", "e", "f"}, {2}, DType::bfloat16);
  const auto want = keys({"a", "b", "c", "d", "e", "f"}, {2}, DType::bfloat16);
  have[2].dtype = DType::float32;
  const auto match = match_keys(have, want);
  CHECK(mentions(match.cause, "1 of 6"));
  CHECK(mentions(match.cause, "c is float32"));
  CHECK_FALSE(mentions(match.cause, "half precision"));
}

TEST_CASE("B27: another element type than the network's is named with both, whichever is the wider") {
  const auto names = Names{"w", "b"};
  const auto wide = match_keys(keys(names), keys(names, {2}, DType::bfloat16));
  CHECK(mentions(wide.cause, "w is float32, bfloat16 wanted"));
  const auto narrow = match_keys(keys(names, {2}, DType::bfloat16), keys(names));
  CHECK(mentions(narrow.cause, "saved in half precision"));
  CHECK(mentions(narrow.cause, "bfloat16, float32 wanted"));
}

TEST_CASE("B15: shapes whose axes are exchanged are told from other sizes") {
  auto have = keys({"a.weight", "b.weight"}, {4, 8});
  const auto want = keys({"a.weight", "b.weight"}, {8, 4});
  const auto match = match_keys(have, want);
  CHECK(mentions(match.cause, "axes in another order"));
  CHECK(mentions(match.remedy, ".t().contiguous()"));
}

TEST_CASE("B42 F06: what the patterns name is admitted and nothing else, under a prefix too") {
  const auto have = keys({"model.a.w", "model.b.w", "criterion.weight", "metrics.x"});
  const auto want = keys({"a.w", "b.w", "b.num_batches_tracked", "head.w"});
  const auto plain = match_keys(have, want);
  CHECK_FALSE(plain.complete());
  const auto some = match_keys(have, want, {{"*num_batches_tracked"}, {"criterion.*"}});
  CHECK(some.left_out == std::vector<std::size_t>{2});
  CHECK_FALSE(some.complete());
  const auto all = match_keys(have, want, {{"*num_batches_tracked", "head.*"}, {"criterion.*", "metrics.*"}});
  CHECK(all.complete());
  CHECK(all.pairs.size() == 2);
  CHECK(all.not_loaded == std::vector<std::size_t>{2, 3});
  CHECK(all.left_out == std::vector<std::size_t>{2, 3});
  CHECK(all.removed_segments == std::vector<std::string>{"model"});
  CHECK(all.renamed == std::vector<std::string>{"a.w", "b.w", "criterion.weight", "metrics.x"});
  CHECK(all.cause.empty());
  CHECK(idle_options({{"*num_batches_tracked"}, {}}, std::array{not_loaded_names(all, want)}, {}).empty());
  CHECK(idle_options({{"nothing.*"}, {"other.*"}}, std::array{not_loaded_names(all, want)},
                     std::array{left_out_names(all, have)}) ==
        std::vector<std::string>{"--allow-missing 'nothing.*'", "--allow-unexpected 'other.*'"});
}

TEST_CASE("F06: a pattern that names everything takes nothing away that finds its place") {
  const auto names = Names{"a.w", "b.w"};
  const auto match = match_keys(keys({"a.w", "b.w", "c.w"}), keys(names), {{"*"}, {"*"}});
  CHECK(match.complete());
  CHECK(match.pairs.size() == 2);
  CHECK(match.left_out.size() == 1);
  const auto prefixed = match_keys(keys({"model.a.w", "model.b.w"}), keys({"a.w", "b.w", "c.w"}), {{"c.*"}, {"*"}});
  CHECK(prefixed.pairs.size() == 2);
  CHECK(prefixed.left_out.empty());
}

TEST_CASE("F06: another shape is never admitted") {
  const auto match = match_keys(keys({"a.w"}, {3}), keys({"a.w"}), {{"*"}, {"*"}});
  CHECK_FALSE(match.complete());
}
