# SPDX-License-Identifier: Apache-2.0
"""Public networks of the installed torchvision, timm and transformers, at small sizes and with random weights: nothing is
downloaded. A network's name is `library:name`."""
import importlib.util
import inspect

import torch
from torch import nn

# What the configurations of transformers call the same sizes.
_SIZES = {
    "hidden_size": 32, "d_model": 32, "n_embd": 32, "dim": 32, "embed_dim": 32, "embedding_size": 32, "d_embed": 32, "emb_dim": 32,
    "num_hidden_layers": 2, "n_layer": 2, "n_layers": 2, "num_layers": 2, "encoder_layers": 2, "decoder_layers": 2,
    "num_attention_heads": 4, "n_head": 4, "n_heads": 4, "num_heads": 4, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "d_head": 8, "d_kv": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8,
    "q_lora_rank": 16, "kv_lora_rank": 16, "intermediate_size": 64, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "n_inner": 64,
    "d_ff": 64, "ffn_dim": 64, "d_inner": 64, "ffn_hidden_size": 64, "moe_intermediate_size": 32, "hidden_dim": 64,
    "vocab_size": 101, "max_position_embeddings": 64, "n_positions": 64, "max_seq_len": 64, "num_local_experts": 4, "num_experts": 4,
    "n_routed_experts": 4, "num_experts_per_tok": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "image_size": 32,
    "patch_size": 8, "num_labels": 3, "decoder_start_token_id": 1, "n_group": 1, "topk_group": 1, "sliding_window": 4,
}
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers")
_TOKENS = 7

TORCHVISION = ("alexnet convnext_tiny densenet121 efficientnet_b0 googlenet mnasnet0_5 mobilenet_v2 mobilenet_v3_small regnet_y_400mf "
               "resnet18 resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_1 swin_t vgg11_bn").split()
TIMM = ("beit_base_patch16_224 botnet26t_256 coatnet_nano_rw_224 convmixer_768_32 cait_xxs24_224 deit3_small_patch16_224 "
        "dm_nfnet_f0 eca_resnet33ts edgenext_xx_small efficientformer_l1 efficientvit_b0 eva02_tiny_patch14_224 ghostnet_050 "
        "gmlp_ti16_224 hardcorenas_a hrnet_w18_small lcnet_050 levit_128s mixer_s32_224 mobilevit_xxs nf_resnet26 nest_tiny "
        "pit_ti_224 poolformer_s12 pvt_v2_b0 regnetx_002 repvgg_a0 res2net50_14w_8s resmlp_12_224 resnest14d rexnet_100 "
        "sequencer2d_s skresnet18 tf_efficientnet_b0 tinynet_e visformer_tiny vit_tiny_patch16_224 xcit_nano_12_p16_224").split()
TRANSFORMERS = ("albert bart bert big_bird bloom blenderbot canine clip_vision_model codegen convbert convnext cohere ctrl data2vec-text "
                "deberta deberta-v2 deit dinov2 distilbert electra ernie falcon flaubert fnet funnel gemma gemma2 gemma3_text glm gpt2 "
                "gpt_bigcode gpt_neo gpt_neox gpt_oss gptj granite ibert layoutlm led llama longformer lxmert mamba marian mbart "
                "megatron-bert mistral mixtral mobilebert modernbert mpnet mpt mvp nystromformer olmo olmo2 openai-gpt opt pegasus "
                "persimmon phi phi3 plbart prophetnet qwen2 qwen2_moe qwen3 qwen3_moe rembert roberta roformer rwkv splinter squeezebert "
                "stablelm starcoder2 t5 umt5 vit vit_mae xglm xlm xlm-roberta xlnet yoso").split()

# Ten small ones of different kinds, as the test runs them.
TEN = ("torchvision:resnet18 torchvision:shufflenet_v2_x0_5 timm:eva02_tiny_patch14_224 timm:nf_resnet26 transformers:bert "
       "transformers:aimv2_vision_model transformers:deberta transformers:gemma2 transformers:gpt2 transformers:qwen3").split()


def names():
    known = {"torchvision": TORCHVISION, "timm": TIMM, "transformers": TRANSFORMERS}
    return [f"{library}:{name}" for library, listed in known.items() if importlib.util.find_spec(library) for name in listed]


def _define_operators():
    """torchvision of another build than this torch lacks its compiled operators, which its own import asks for."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor", "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"):
        if not hasattr(torch.ops.torchvision, name.partition("(")[0]):
            library.define(name)
    return library


_OPERATORS = _define_operators() if importlib.util.find_spec("torchvision") else None


def build(name, layers=2):
    """The network in evaluation mode, and its inputs by name; `layers`: of transformers."""
    library, _, kind = name.partition(":")
    torch.manual_seed(11)
    module, inputs = _transformers(kind, layers) if library == "transformers" else {"torchvision": _torchvision, "timm": _timm}[library](kind)
    _settle(module)
    return module.eval(), inputs


def _settle(module):
    """Fresh networks hold ones and zeros: norms with statistics, scales and shifts of their own tell faults apart."""
    numbers = torch.Generator().manual_seed(12)
    with torch.no_grad():
        for part in module.modules():
            for name, tensor in [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]:
                if tensor.is_floating_point() and tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all()) and name != "inv_freq":
                    tensor.add_(torch.rand(tensor.shape, generator=numbers) * 0.2)


def _torchvision(name):
    from torchvision import models

    extra = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    return models.get_model(name, weights=None, num_classes=5, **extra), {"x": _picture(64)}


def _timm(name):
    import timm

    size = 64
    try:
        module = timm.create_model(name, num_classes=5, img_size=size)
    except (TypeError, AssertionError):
        module = timm.create_model(name, num_classes=5)
        size = module.default_cfg["input_size"][-1] if module.default_cfg.get("fixed_input_size") else 64
    return module, {"x": _picture(size)}


def _transformers(name, layers):
    import transformers

    kind = transformers.CONFIG_MAPPING[name]
    config = kind()
    for key, size in {**_SIZES, **dict.fromkeys(_LAYERS, layers)}.items():
        if hasattr(config, key) and getattr(config, key) is not None:
            try:
                setattr(config, key, size)
            except (AttributeError, NotImplementedError, ValueError):
                pass
    if getattr(config, "layer_types", None):
        config.layer_types = list(config.layer_types)[:layers]
    module = transformers.AutoModel.from_config(kind(**_plain(config)))
    numbers = torch.Generator().manual_seed(3)
    parameters = inspect.signature(module.forward).parameters
    if "pixel_values" in parameters:
        return _Named(module), {"pixel_values": _picture(getattr(module.config, "image_size", 32) or 32)}
    inputs = {"input_ids": torch.randint(3, 100, (2, _TOKENS), generator=numbers)}
    if module.config.is_encoder_decoder and "decoder_input_ids" in parameters:
        inputs["decoder_input_ids"] = torch.randint(3, 100, (2, _TOKENS), generator=numbers)
    return _Named(module), inputs


def _plain(config):
    described = config.to_dict()
    described.pop("transformers_version", None)
    described.pop("model_type", None)
    return {**described, "use_cache": False}


class _Named(nn.Module):
    """A model of transformers whose inputs are its own and whose first output is the answer."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids=None, decoder_input_ids=None, pixel_values=None):
        given = {"input_ids": input_ids, "decoder_input_ids": decoder_input_ids, "pixel_values": pixel_values}
        return self.model(**{name: value for name, value in given.items() if value is not None})[0]


def _picture(size):
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(5))
