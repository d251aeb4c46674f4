# SPDX-License-Identifier: Apache-2.0
"""Pictures, video, and pictures beside text of transformers: the class, what its configuration has beside the small sizes, its inputs."""

import torch
from kind_inputs import numbers, padded, picture, picture_and_text, tokens, video

PICTURES = {
    "siglip": ("SiglipModel", {"text_config__projection_size": 32}, picture_and_text),
    "siglip2": (
        "Siglip2VisionModel",
        {"num_patches": 16},
        lambda: {"pixel_values": numbers(1, 16, 192), "pixel_attention_mask": padded(1, 16, 4), "spatial_shapes": torch.tensor([[3, 4]])},
    ),
    "blip": ("BlipForConditionalGeneration", {}, picture_and_text),
    "git": ("GitModel", {"num_image_with_embedding": None}, picture_and_text),
    "flava": ("FlavaModel", {}, picture_and_text),
    "llava": (
        "LlavaForConditionalGeneration",
        {"image_token_id": 99, "image_token_index": 99, "vision_feature_layer": -1},
        lambda: {**picture(), "input_ids": torch.cat([torch.full((1, 16), 99), tokens(1, high=98)], 1)},
    ),
    "idefics3": (
        "Idefics3ForConditionalGeneration",
        {"scale_factor": 2, "image_token_id": 99},
        lambda: {"pixel_values": numbers(1, 1, 3, 32, 32), "input_ids": torch.cat([torch.full((1, 4), 99), tokens(1, high=98)], 1)},
    ),
    "internvl": (
        "InternVLForConditionalGeneration",
        {"image_token_id": 99, "downsample_ratio": 0.5, "vision_config__image_size": [32, 32], "vision_config__patch_size": [8, 8]},
        lambda: {**picture(), "input_ids": torch.cat([torch.full((1, 4), 99), tokens(1, high=98)], 1)},
    ),
    "kosmos2": (
        "Kosmos2Model",
        {"latent_query_num": 4, "text_config__layers": 2, "text_config__attention_heads": 4},
        lambda: {**picture(), "input_ids": tokens(1, 9), "image_embeds_position_mask": torch.tensor([[0, 1, 1, 1, 1, 0, 0, 0, 0]])},
    ),
    "owlvit": (
        "OwlViTForObjectDetection",
        {"projection_dim": 32},
        lambda: {**picture(), "input_ids": tokens(2), "attention_mask": padded()},
    ),
    "mgp_str": (
        "MgpstrModel",
        {"image_size": [32, 64], "patch_size": 4, "max_token_length": 5},
        lambda: {"pixel_values": numbers(1, 3, 32, 64)},
    ),
    "layoutlmv3": (
        "LayoutLMv3Model",
        {"input_size": 32, "coordinate_size": 6, "shape_size": 4, "max_2d_position_embeddings": 64},
        lambda: {
            "input_ids": tokens(1),
            "bbox": torch.randint(0, 30, (1, 7, 2), generator=torch.Generator().manual_seed(1)).repeat(1, 1, 2),
            **picture(),
        },
    ),
    "segformer": (
        "SegformerForSemanticSegmentation",
        {
            "hidden_sizes": [8, 8, 16, 16],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 2],
            "decoder_hidden_size": 16,
            "num_encoder_blocks": 4,
        },
        lambda: picture(64),
    ),
    "yolos": ("YolosForObjectDetection", {"image_size": [32, 32], "num_detection_tokens": 5}, picture),
    "detr": ("DetrForObjectDetection", {"use_timm_backbone": False, "backbone": None, "_backbone": "resnet"}, lambda: picture(64)),
    "conditional_detr": ("ConditionalDetrForObjectDetection", {"_backbone": "resnet"}, lambda: picture(64)),
    "maskformer": ("MaskFormerForInstanceSegmentation", {}, lambda: picture(64)),
    "depth_anything": (
        "DepthAnythingForDepthEstimation",
        {
            "backbone_config__out_indices": [1, 2],
            "reassemble_factors": [2, 1],
            "neck_hidden_sizes": [8, 16],
            "fusion_hidden_size": 8,
            "reassemble_hidden_size": 32,
        },
        picture,
    ),
    "glpn": (
        "GLPNForDepthEstimation",
        {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2], "decoder_hidden_size": 16},
        lambda: picture(64),
    ),
    "swin2sr": (
        "Swin2SRForImageSuperResolution",
        {"image_size": 16, "patch_size": 1, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4},
        lambda: picture(16),
    ),
    "superpoint": (
        "SuperPointForKeypointDetection",
        {"encoder_hidden_sizes": [8, 8, 16, 16], "decoder_hidden_size": 16, "descriptor_decoder_dim": 16, "keypoint_decoder_dim": 65},
        lambda: picture(32),
    ),
    "swinv2": (
        "Swinv2Model",
        {"embed_dim": 16, "depths": [1, 2], "num_heads": [2, 4], "window_size": 4, "image_size": 32, "patch_size": 4},
        picture,
    ),
    "donut_swin": (
        "DonutSwinModel",
        {"embed_dim": 16, "depths": [1, 2], "num_heads": [2, 4], "window_size": 4, "image_size": 32, "patch_size": 4},
        picture,
    ),
    "focalnet": (
        "FocalNetModel",
        {"embed_dim": 16, "depths": [1, 1], "hidden_sizes": [16, 32], "focal_levels": [1, 1], "focal_windows": [3, 3], "patch_size": 4},
        picture,
    ),
    "bit": ("BitModel", {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "num_groups": 1}, picture),
    "pvt": (
        "PvtModel",
        {
            "hidden_sizes": [8, 8, 16, 16],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 2],
            "num_encoder_blocks": 4,
            "image_size": 32,
            "patch_sizes": [4, 2, 2, 2],
        },
        picture,
    ),
    "poolformer": ("PoolFormerModel", {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}, picture),
    "dinov3_vit": ("DINOv3ViTModel", {}, picture),
    "seggpt": (
        "SegGptModel",
        {
            "image_size": [32, 16],
            "pretrain_image_size": 16,
            "patch_size": 4,
            "mlp_dim": 64,
            "decoder_hidden_size": 8,
            "merge_index": 0,
            "intermediate_hidden_state_indices": [0, 1],
        },
        lambda: {
            "pixel_values": numbers(1, 3, 16, 16),
            "prompt_pixel_values": numbers(1, 3, 16, 16, seed=2),
            "prompt_masks": numbers(1, 3, 16, 16, seed=6),
        },
    ),
    "clipseg": (
        "CLIPSegForImageSegmentation",
        {"extract_layers": [0, 1], "reduce_dim": 16, "decoder_intermediate_size": 32, "decoder_num_attention_heads": 2},
        picture_and_text,
    ),
    "videomae": ("VideoMAEModel", {"num_frames": 4}, video),
    "timesformer": ("TimesformerModel", {"num_frames": 4}, video),
    "vivit": ("VivitModel", {"num_frames": 4, "tubelet_size": [2, 8, 8]}, video),
    "vjepa2": (
        "VJEPA2Model",
        {"crop_size": 32, "frames_per_clip": 4, "pred_hidden_size": 24, "pred_num_hidden_layers": 2, "pred_num_attention_heads": 2},
        lambda: {"pixel_values_videos": numbers(1, 4, 3, 32, 32)},
    ),
}
