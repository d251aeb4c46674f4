# SPDX-License-Identifier: Apache-2.0
"""Networks of transformers that take more than tokens or a picture (speech, several inputs, boxes, time series), and networks
written by hand as such libraries write them."""

import hand_forms
import hand_kinds
import networks
import torch
from kinds_of_libraries import LIBRARIES
from kinds_of_pictures import PICTURES
from kinds_of_words import WORDS_AND_SOUNDS

# What configurations call the same sizes; those of parts (text_config, vision_config …) are set as well.
SIZES = {
    "hidden_size": 32,
    "d_model": 32,
    "n_embd": 32,
    "dim": 32,
    "embed_dim": 32,
    "embedding_size": 32,
    "d_embed": 32,
    "emb_dim": 32,
    "num_hidden_layers": 2,
    "n_layer": 2,
    "n_layers": 2,
    "num_layers": 2,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "num_blocks": 2,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "encoder_num_layers": 2,
    "decoder_num_layers": 2,
    "speech_encoder_layers": 2,
    "encoder_num_hidden_layers": 2,
    "decoder_num_hidden_layers": 2,
    "encoder_num_attention_heads": 4,
    "decoder_num_attention_heads": 4,
    "text_encoder_layers": 2,
    "num_attention_heads": 4,
    "n_head": 4,
    "n_heads": 4,
    "num_heads": 4,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "d_head": 8,
    "d_kv": 8,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "intermediate_size": 64,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "n_inner": 64,
    "d_ff": 64,
    "ffn_dim": 64,
    "d_inner": 64,
    "ffn_hidden_size": 64,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
    "hidden_dim": 64,
    "mlp_dim": 64,
    "vocab_size": 101,
    "max_position_embeddings": 64,
    "n_positions": 64,
    "max_seq_len": 64,
    "num_local_experts": 4,
    "num_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "image_size": 32,
    "patch_size": 8,
    "num_labels": 3,
    "decoder_start_token_id": 1,
    "n_group": 1,
    "topk_group": 1,
    "sliding_window": 4,
    "projection_dim": 16,
    "encoder_hidden_size": 32,
    "decoder_hidden_size": 32,
    "encoder_intermediate_size": 64,
    "decoder_intermediate_size": 64,
    "num_queries": 5,
    "mamba_d_state": 8,
    "state_size": 8,
    "mamba_expand": 2,
    "use_cache": False,
    "text_hidden_size": 32,
    "vision_hidden_size": 32,
    "prediction_length": 4,
    "context_length": 8,
}


def shrunk(config, layers=2, **other):
    """The configuration with small sizes, its parts' too; `other` goes to it alone, `part__key` to a part."""
    sizes = {**SIZES, **{key: layers for key, size in SIZES.items() if "layer" in key or key == "num_blocks"}}
    for key, size in sizes.items():
        if getattr(config, key, None) is not None and not isinstance(getattr(config, key), (list, tuple, dict)):
            put(config, key, size)
    for key in list(getattr(config, "sub_configs", None) or {}):
        part = getattr(config, key, None)
        if hasattr(part, "to_dict"):
            shrunk(part, layers)
    if getattr(config, "layer_types", None):
        put(config, "layer_types", list(config.layer_types)[:layers])
    for key, value in other.items():
        *parts, key = key.split("__")
        place = config
        for part in parts:
            place = getattr(place, part)
        put(place, key, value)
    return config


def put(config, key, value):
    try:
        setattr(config, key, value)
    except (AttributeError, NotImplementedError, ValueError):
        pass


TRANSFORMERS = {**WORDS_AND_SOUNDS, **PICTURES}


def names():
    return [*hand_kinds.HAND, *hand_forms.FORMS, *LIBRARIES, *TRANSFORMERS]


def network(kind, **edited):
    """The network in evaluation mode and its inputs. `edited`: keys of the configuration, as `part__key`, that are then otherwise."""
    if kind not in TRANSFORMERS:
        return made({**hand_kinds.HAND, **hand_forms.FORMS, **LIBRARIES}[kind])
    import transformers

    name, other, inputs = TRANSFORMERS[kind]
    model_class = getattr(transformers, name)
    module = of_configuration(model_class, configuration(model_class, other), edited)
    networks._settle(module)
    return module, inputs()


def made(kind):
    torch.manual_seed(11)
    make, inputs = kind
    module = make()
    networks._settle(module)
    return module.eval(), inputs()


def configuration(model_class, other):
    other = dict(other)
    backbone = other.pop("_backbone", None)
    config = model_class.config_class(**other.pop("_given", {}))
    if backbone:
        from transformers import ResNetConfig

        config.backbone_config = ResNetConfig(
            embedding_size=8,
            hidden_sizes=[8, 16, 16, 32],
            depths=[1, 1, 1, 1],
            layer_type="basic",
            out_features=["stage2", "stage3", "stage4"][-max(1, other.get("num_feature_levels", 2) - 1) :],
        )
        config.use_timm_backbone, config.use_pretrained_backbone, config.backbone = False, False, None
    return shrunk(config, **other)


def of_configuration(model_class, config, edited):
    import copy

    config = copy.deepcopy(config)
    for key, value in edited.items():
        *parts, last = key.split("__")
        place = config
        for part in parts:
            place = getattr(place, part)
        setattr(place, last, value)
    torch.manual_seed(11)
    return model_class(config).eval()
