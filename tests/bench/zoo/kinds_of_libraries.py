# SPDX-License-Identifier: Apache-2.0
"""Networks of torchvision (detectors, segmentation, video, optical flow), torchaudio, diffusers and timm at small sizes and with random
weights: what makes each, and its inputs by name."""

import importlib.util

import torch
from kind_inputs import numbers, waves
from torch import nn


class First(nn.Module):
    """A network whose answer is the first of several, or one attribute of what it gives."""

    def __init__(self, net, of="sample"):
        super().__init__()
        self.net, self.of = net, of

    def forward(self, *given, **named):
        told = self.net(*given, **named)
        return getattr(told, self.of) if self.of else told[0]


class Pictures(nn.Module):
    """A detector of torchvision takes a list of pictures and gives a list of detections."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        return self.net([image])[0]


def _vision(name, **other):
    from torchvision import models

    return models.get_model(name, weights=None, **other)


def _detector(name, **other):
    return Pictures(_vision(name, weights_backbone=None, num_classes=4, **other))


def _segment(name):
    return _vision(name, weights_backbone=None, num_classes=4, **({} if "lraspp" in name else {"aux_loss": True}))


_SMALL = {"min_size": 64, "max_size": 96}


def _film(name, frames=8, size=64):
    return (lambda: _vision(name, num_classes=5)), (lambda: {"x": numbers(1, 3, frames, size, size)})


def _detects(name, size=64, **other):
    return (lambda: _detector(name, **other)), (lambda: {"image": numbers(3, size, size)})


def _segments(name):
    return (lambda: _segment(name)), (lambda: {"x": numbers(1, 3, 64, 64)})


VISION = {
    "faster_rcnn_mobilenet": _detects("fasterrcnn_mobilenet_v3_large_320_fpn", box_score_thresh=0.0, **_SMALL),
    "retinanet": _detects("retinanet_resnet50_fpn", score_thresh=0.0, detections_per_img=10, topk_candidates=20, **_SMALL),
    "ssdlite": _detects("ssdlite320_mobilenet_v3_large", score_thresh=0.0, detections_per_img=10, topk_candidates=20),
    "fcos": _detects("fcos_resnet50_fpn", score_thresh=0.0, detections_per_img=10, topk_candidates=20, **_SMALL),
    "mask_rcnn": _detects("maskrcnn_resnet50_fpn", box_score_thresh=0.0, box_detections_per_img=5, **_SMALL),
    "deeplab": _segments("deeplabv3_mobilenet_v3_large"),
    "lraspp": ((lambda: _segment("lraspp_mobilenet_v3_large")), lambda: {"input": numbers(1, 3, 64, 64)}),
    "fcn": _segments("fcn_resnet50"),
    "r3d": _film("r3d_18"),
    "mc3": _film("mc3_18"),
    "r2plus1d": _film("r2plus1d_18"),
    "s3d": _film("s3d", 16, 224),
    "swin3d": _film("swin3d_t", 4, 64),
    "raft_small": ((lambda: Flow()), lambda: {"image1": numbers(1, 3, 128, 128), "image2": numbers(1, 3, 128, 128, seed=6)}),
    "quantizable_resnet": ((lambda: __import__("torchvision").models.quantization.resnet18(weights=None, num_classes=5)), lambda: {"x": numbers(1, 3, 64, 64)}),
    "quantizable_mobilenet": ((lambda: __import__("torchvision").models.quantization.mobilenet_v3_large(weights=None, num_classes=5)), lambda: {"x": numbers(1, 3, 64, 64)}),
    "maxvit": ((lambda: _vision("maxvit_t", num_classes=5)), lambda: {"x": numbers(1, 3, 224, 224)}),
    "swin_v2": ((lambda: _vision("swin_v2_t", num_classes=5)), lambda: {"x": numbers(1, 3, 64, 64)}),
    "inception": ((lambda: _vision("inception_v3", num_classes=5, init_weights=False)), lambda: {"x": numbers(1, 3, 96, 96)}),
}


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = _vision("raft_small")

    def forward(self, image1, image2):
        return self.net(image1, image2, num_flow_updates=2)


def _audio(make):
    def made():
        from torchaudio import models

        return make(models)

    return made


class Mel(nn.Module):
    """What a network of sounds begins with."""

    def __init__(self):
        super().__init__()
        from torchaudio import transforms

        self.mel = transforms.MelSpectrogram(16000, n_fft=256, hop_length=128, n_mels=16)
        self.decibel, self.cepstrum = transforms.AmplitudeToDB(), transforms.MFCC(16000, 8, melkwargs={"n_fft": 256, "n_mels": 16})
        self.resample = transforms.Resample(16000, 8000)
        self.answer = nn.Conv1d(16, 3, 3)

    def forward(self, sound):
        return self.answer(self.decibel(self.mel(sound))), self.cepstrum(self.resample(sound))


_W2V = dict(
    extractor_mode="group_norm", extractor_conv_layer_config=[(16, 10, 5), (16, 3, 2)], extractor_conv_bias=False, encoder_embed_dim=32,
    encoder_projection_dropout=0.1, encoder_pos_conv_kernel=8, encoder_pos_conv_groups=2, encoder_num_layers=2, encoder_num_heads=4,
    encoder_attention_dropout=0.1, encoder_ff_interm_features=64, encoder_ff_interm_dropout=0.1, encoder_dropout=0.1,
    encoder_layer_norm_first=False, encoder_layer_drop=0.05, aux_num_out=5,
)
_LENGTHS = torch.tensor([20, 16])
AUDIO = {
    "ta_wav2vec2": (_audio(lambda m: m.wav2vec2_model(**_W2V)), lambda: {"waveforms": waves(2, 1600), "lengths": torch.tensor([1600, 1200])}),
    "ta_wavlm": (
        _audio(lambda m: m.wavlm_model(**{k: v for k, v in _W2V.items()}, encoder_num_buckets=16, encoder_max_distance=64)),
        lambda: {"waveforms": waves(2, 1600)},
    ),
    "ta_conformer": (_audio(lambda m: m.Conformer(16, 4, 32, 2, 7)), lambda: {"input": waves(2, 20, 16), "lengths": _LENGTHS}),
    "ta_emformer": (_audio(lambda m: m.Emformer(16, 4, 32, 2, 4, right_context_length=1)), lambda: {"input": waves(2, 21, 16), "lengths": _LENGTHS}),
    "ta_wavernn": (
        _audio(lambda m: m.WaveRNN([2, 4, 4], 8, 32, n_res_block=2, n_rnn=16, n_fc=16, n_hidden=16, n_output=16, n_freq=8)),
        lambda: {"waveform": waves(1, 1, 32), "specgram": waves(1, 1, 8, 5)},
    ),
    "ta_deepspeech": (_audio(lambda m: m.DeepSpeech(16, n_hidden=16, n_class=5)), lambda: {"x": waves(1, 1, 10, 16)}),
    "ta_wav2letter": (_audio(lambda m: m.Wav2Letter(5, "mfcc", 13)), lambda: {"x": waves(1, 13, 40)}),
    "ta_hdemucs": (_audio(lambda m: m.HDemucs(["a", "b"], channels=4, nfft=256, depth=4)), lambda: {"input": waves(1, 2, 2048)}),
    "ta_squim": (_audio(lambda m: m.squim_objective_base()), lambda: {"x": waves(1, 8000)}),
    "ta_mel": (Mel, lambda: {"sound": waves(2, 1600)}),
}


def _diffuser(name, of="sample", **sizes):
    def made():
        import diffusers

        return First(getattr(diffusers, name)(**sizes), of)

    return made


_BLOCKS = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4}
DIFFUSERS = {
    "df_unet2d": (
        _diffuser("UNet2DModel", sample_size=16, **_BLOCKS, down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"), attention_head_dim=4),
        lambda: {"sample": waves(1, 3, 16, 16), "timestep": torch.tensor([7])},
    ),
    "df_unet_condition": (
        _diffuser("UNet2DConditionModel", sample_size=16, **_BLOCKS, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                  up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), cross_attention_dim=12, attention_head_dim=4),
        lambda: {"sample": waves(1, 4, 16, 16), "timestep": torch.tensor([7]), "encoder_hidden_states": waves(1, 5, 12)},
    ),
    "df_vae": (
        _diffuser("AutoencoderKL", block_out_channels=(8, 16), norm_num_groups=4, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2),
        lambda: {"sample": waves(1, 3, 16, 16)},
    ),
    "df_vq": (
        _diffuser("VQModel", block_out_channels=(8, 16), norm_num_groups=4, down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, num_vq_embeddings=16),
        lambda: {"sample": waves(1, 3, 16, 16)},
    ),
    "df_tiny_vae": (
        _diffuser("AutoencoderTiny", encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8), num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1)),
        lambda: {"sample": numbers(1, 3, 16, 16)},
    ),
    "df_dit": (
        _diffuser("DiTTransformer2DModel", num_attention_heads=2, attention_head_dim=8, num_layers=2, sample_size=8, norm_num_groups=4),
        lambda: {"hidden_states": waves(1, 4, 8, 8), "timestep": torch.tensor([7]), "class_labels": torch.tensor([3])},
    ),
    "df_pixart": (
        _diffuser("PixArtTransformer2DModel", num_attention_heads=2, attention_head_dim=8, num_layers=2, sample_size=8, norm_num_groups=4, cross_attention_dim=16, caption_channels=12, out_channels=8, interpolation_scale=1),
        lambda: {"hidden_states": waves(1, 4, 8, 8), "timestep": torch.tensor([7]), "encoder_hidden_states": waves(1, 5, 12)},
    ),
    "df_sd3": (
        _diffuser("SD3Transformer2DModel", sample_size=8, num_layers=2, attention_head_dim=8, num_attention_heads=2, joint_attention_dim=12, caption_projection_dim=16, pooled_projection_dim=12, in_channels=4, out_channels=4, pos_embed_max_size=8),
        lambda: {"hidden_states": waves(1, 4, 8, 8), "timestep": torch.tensor([7]), "encoder_hidden_states": waves(1, 5, 12), "pooled_projections": waves(1, 12)},
    ),
    "df_flux": (
        _diffuser("FluxTransformer2DModel", in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2, joint_attention_dim=12, pooled_projection_dim=12, axes_dims_rope=(4, 4, 8)),
        lambda: {"hidden_states": waves(1, 16, 4), "timestep": torch.tensor([0.7]), "encoder_hidden_states": waves(1, 5, 12), "pooled_projections": waves(1, 12),
                 "img_ids": torch.stack(torch.meshgrid(torch.arange(1.0), torch.arange(4.0), torch.arange(4.0), indexing="ij"), -1).view(16, 3), "txt_ids": torch.zeros(5, 3)},
    ),
    "df_prior": (
        _diffuser("PriorTransformer", "predicted_image_embedding", num_attention_heads=2, attention_head_dim=8, num_layers=2, embedding_dim=12, num_embeddings=5, additional_embeddings=4),
        lambda: {"hidden_states": waves(1, 12), "timestep": torch.tensor([7]), "proj_embedding": waves(1, 12), "encoder_hidden_states": waves(1, 5, 12)},
    ),
    "df_unet3d": (
        _diffuser("UNet3DConditionModel", sample_size=8, **_BLOCKS, down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"), up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"), cross_attention_dim=12, attention_head_dim=4),
        lambda: {"sample": waves(1, 4, 3, 8, 8), "timestep": torch.tensor([7]), "encoder_hidden_states": waves(1, 5, 12)},
    ),
}

TIMM = (
    "bat_resnext26ts convnextv2_atto crossvit_tiny_240 cspdarknet53 darknet17 davit_tiny densenet121 dla34 dpn48b eca_nfnet_l0 "
    "efficientvit_m0 efficientnet_es fasternet_t0 fastvit_t8 fbnetc_100 focalnet_tiny_srf gcresnext26ts gcvit_xxtiny gernet_s ghostnetv2_100 "
    "halonet26t hgnetv2_b0 hiera_tiny_224 hieradet_small inception_next_atto inception_resnet_v2 lambda_resnet26t lamhalobotnet50ts_256 "
    "maxvit_pico_rw_256 mambaout_femto mnasnet_small mobilenetv4_conv_small mobileone_s0 mobilevitv2_050 mvitv2_tiny naflexvit_base_patch16_gap "
    "nextvit_small pnasnet5large pvt_v2_b1 regnety_002 regnetz_005 repghostnet_050 repvit_m0_9 rdnet_tiny sebotnet33ts_256 selecsls42 "
    "semnasnet_050 shvit_s1 spnasnet_100 starnet_s1 swiftformer_xs swin_tiny_patch4_window7_224 swinv2_cr_tiny_224 swinv2_tiny_window8_256 "
    "tiny_vit_5m_224 tnt_s_legacy_patch16_224 tresnet_m twins_svt_small vgg11 vit_relpos_small_patch16_224 vitamin_small_224 volo_d1_224 "
    "vovnet39a wide_resnet50_2 xception41 legacy_senet154 legacy_xception nasnetalarge mixnet_s hardcorenas_b csatv2 ese_vovnet19b_dw "
    "convit_tiny coat_lite_tiny efficientformerv2_s0 samvit_base_patch16 vit_base_patch16_rope_reg1_gap_256 vit_tiny_r_s16_p8_224 "
    "beitv2_base_patch16_224 caformer_s18 convformer_s18 cs3darknet_s eva02_small_patch14_224 flexivit_small gmixer_12_224 resnetv2_50 "
    "sknet rexnetr_100 ecaresnet26t seresnet18 sedarknet21 test_vit test_byobnet test_resnet test_efficientnet test_nfnet test_vit2 test_vit3 "
    "test_convnext test_convnext2 test_convnext3 test_efficientnet_ln test_efficientnet_gn test_efficientnet_evos test_mambaout vit_wee_patch16_reg1_gap_256 "
    "vit_dlittle_patch16_reg1_gap_256 vit_pwee_patch16_reg1_gap_256 vit_dpwee_patch16_reg1_gap_256"
).split()


def _of_timm(name):
    import networks

    return (lambda: networks._timm(name)[0]), (lambda: networks._timm(name)[1])


LIBRARIES = {
    **(VISION if importlib.util.find_spec("torchvision") else {}),
    **(AUDIO if importlib.util.find_spec("torchaudio") else {}),
    **(DIFFUSERS if importlib.util.find_spec("diffusers") else {}),
    **({f"timm_{name}": _of_timm(name) for name in TIMM} if importlib.util.find_spec("timm") else {}),
}
