# SPDX-License-Identifier: Apache-2.0
"""Files of training frameworks that hold no whole weights, and files that hold two (B18, B24, B33); archives that
torch.jit.freeze and optimize_for_inference made (B08); packs of quantized weights in either container (B12)."""
import argparse
import collections
import json
import os
import sys
import types
import zipfile

from support import dump, refused, run, sha256, show, temporary_directory, torch


def path_of(name="saved.pt"):
    return os.path.join(DIRECTORY, name)


def save(value, name="saved.pt", **options):
    torch.save(value, path_of(name), **options)
    return path_of(name)


def stub(module, name):
    made = sys.modules.setdefault(module, types.ModuleType(module))
    parts = module.split(".")
    for i in range(1, len(parts)):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    cls = type(name, (), {"__module__": module})
    setattr(made, name, cls)
    return cls()


def b18_zero_3_placeholders():
    shapes = [collections.OrderedDict(w=torch.Size([4, 4]), b=torch.Size([4]))]
    state = {"module": collections.OrderedDict(w=torch.empty(0), b=torch.nn.Parameter(torch.empty(0)), mean=torch.ones(4)), "param_shapes": shapes,
             "ds_version": "0.16.0", "buffer_names": ["mean"], "dp_world_size": 2}
    path = save(state, "zero_pp_rank_0_mp_rank_00_model_states.pt")
    refused(path, "unsupported", "2 of 3 tensors are placeholders of size 0", "DeepSpeed 0.16.0 ZeRO stage 3", "zero_pp_rank_*_optim_states.pt", "zero_to_fp32.py")
    assert "zero_to_fp32" in show(path)["notes"]["zero.placeholders"]
    refused(save({"w": torch.empty(0), "b": torch.empty(0)}), "unsupported", "placeholders of size 0", "ZeRO stage 3 or FSDP")
    assert dump(save({"none": torch.empty(0)}))["order"] == ["none"]
    # A network may have an empty tensor beside others.
    assert dump(save({"w": torch.ones(2), "none": torch.empty(0)}))["order"] == ["w", "none"]
    # Stage 1 and 2 keep the whole weights in the module's file.
    whole = {**state, "module": collections.OrderedDict(w=torch.ones(4, 4))}
    assert dump(save(whole))["entry"] == "module"


def b18_zero_optimizer_states():
    for classes in (False, True):
        inner = {"fp32_flat_groups": [torch.ones(16)], "zero_stage": stub("deepspeed.runtime.zero.config", "ZeroStageEnum") if classes else 3,
                 "loss_scaler": stub("deepspeed.runtime.fp16.loss_scaler", "LossScaler") if classes else None, "partition_count": 2}
        path = save({"optimizer_state_dict": inner, "ds_config": {}, "ds_version": "0.16.0"}, "zero_pp_rank_0_mp_rank_00_optim_states.pt")
        refused(path, "unsupported", "one rank", "flat float32 partitions without names", "zero_to_fp32.py", without=("--entry",))
        assert "zero.optimizer-states" in show(path)["notes"], show(path)


def b18_a_megatron_rank():
    for size in (1, 2):
        args = argparse.Namespace(tensor_model_parallel_size=size, pipeline_model_parallel_size=1, backend=stub("megatron.core.transformer.enums", "AttnBackend"))
        path = save({"args": args, "checkpoint_version": 3.0, "iteration": 7, "model": {"language_model": {"w": torch.ones(2)}}}, "model_optim_rng.pt")
        if size == 2:
            refused(path, "unsupported", "one rank's part of a Megatron checkpoint (tensor parallel 2, pipeline parallel 1)", "tools/checkpoint/convert.py")
            assert "megatron.rank" in show(path)["notes"]
        else:
            refused(path, "unsupported", "megatron.core.transformer.enums.AttnBackend", "a record of Megatron", without=("one rank",))


def b18_flat_shards_of_fsdp():
    assert "FULL_STATE_DICT" in show(save({"_fsdp_wrapped_module._flat_param": torch.ones(8)}))["advice"]["fsdp.flat-shards"]


def b24_the_average_beside_the_weights():
    weights = {"w": torch.ones(2)}
    path = save({"state_dict": {"w": torch.zeros(2)}, "current_model_state": weights, "averaging_state": {"n_averaged": torch.tensor(3)}, "epoch": 1})
    refused(path, "usage", "state_dict (1 tensors), current_model_state (1 tensors)", "--entry", "state_dict is the average", "current_model_state the weights as they were trained last")
    assert "average" in show(path)["notes"]["state-dict.averaged"]
    found = dump(path, "current_model_state")
    assert found["tensors"]["w"]["sha256"] == sha256(weights["w"]), found


def b08_frozen_and_optimized_archives():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()).eval()
    script = torch.jit.script(network)
    torch.jit.freeze(script).save(path_of("frozen.pt"))
    found = dump(path_of("frozen.pt"))
    assert "the archive is frozen (torch.jit.freeze)" in found["notes"]["torchscript.frozen"], found["notes"]
    assert all(name.startswith("constants.") for name in found["order"]), found["order"]
    script.save(path_of("plain.pt"))
    assert "torchscript.frozen" not in dump(path_of("plain.pt"))["notes"]
    torch.jit.optimize_for_inference(torch.jit.script(network)).save(path_of("optimized.pt"))
    with zipfile.ZipFile(path_of("optimized.pt")) as archive:
        code = "".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".py"))
    if "ConstantMKLDNNTensor" not in code:
        return
    refused(path_of("optimized.pt"), "unsupported", "torch.jit.optimize_for_inference", "before optimize_for_inference", "'value' is undefined")
    assert "torchscript.optimized" in show(path_of("optimized.pt"))["notes"]


def b33_checksums_switched_off():
    try:
        from torch.utils.serialization import config
        config.save.compute_crc32
    except (ImportError, AttributeError):
        return
    config.save.compute_crc32 = False
    try:
        path = save({"w": torch.arange(64.0)})
    finally:
        config.save.compute_crc32 = True
    found = dump(path)
    assert "error" not in found and "zip.no-checksums" in found["notes"], found
    data = bytearray(open(path, "rb").read())
    at = data.index(torch.arange(64.0).numpy().tobytes())
    data[at + 9] ^= 1
    with open(path, "wb") as file:
        file.write(data)
    assert dump(path)["tensors"]["w"]["sha256"] != found["tensors"]["w"]["sha256"]


def bitsandbytes_entries(kind="nf4", nested=True):
    state = json.dumps({"quant_type": kind, "blocksize": 64, "dtype": "float32", "shape": [8, 8]}).encode()
    entries = {"fc.bias": torch.zeros(8), "fc.weight": torch.zeros(32, 1, dtype=torch.uint8), "fc.weight.absmax": torch.ones(1),
               "fc.weight.quant_map": torch.ones(16), f"fc.weight.quant_state.bitsandbytes__{kind}": torch.frombuffer(bytearray(state), dtype=torch.uint8)}
    if nested:
        entries.update({"fc.weight.nested_absmax": torch.ones(1), "fc.weight.nested_quant_map": torch.ones(256)})
    return entries


def b12_packs_are_recognised_in_both_containers():
    cases = {
        "bitsandbytes-nf4": bitsandbytes_entries(), "bitsandbytes-fp4": bitsandbytes_entries("fp4", False),
        "bitsandbytes-int8": {"fc.weight": torch.zeros(8, 8, dtype=torch.int8), "fc.SCB": torch.ones(8), "fc.weight_format": torch.tensor(0, dtype=torch.uint8)},
        "gptq": {"fc.qweight": torch.zeros(1, 8, dtype=torch.int32), "fc.qzeros": torch.zeros(1, 1, dtype=torch.int32), "fc.scales": torch.ones(1, 8), "fc.g_idx": torch.zeros(8, dtype=torch.int32)},
        "awq": {"fc.qweight": torch.zeros(1, 8, dtype=torch.int32), "fc.qzeros": torch.zeros(1, 1, dtype=torch.int32), "fc.scales": torch.ones(1, 8)},
        "compressed-tensors-pack": {"fc.weight_packed": torch.zeros(8, 1, dtype=torch.int32), "fc.weight_scale": torch.ones(8, 1), "fc.weight_shape": torch.tensor([8, 8])},
        "mxfp4": {"mlp.experts.down_proj_blocks": torch.zeros(2, 3, 1, 16, dtype=torch.uint8), "mlp.experts.down_proj_scales": torch.zeros(2, 3, 1, dtype=torch.uint8)},
    }
    if hasattr(torch, "float8_e4m3fn"):
        cases["fp8-block"] = {"fc.weight": torch.zeros(8, 8).to(torch.float8_e4m3fn), "fc.weight_scale_inv": torch.ones(1, 1)}
    for scheme, entries in cases.items():
        paths = [save(entries)]
        try:
            from safetensors.torch import save_file
            save_file(entries, path_of("pack.safetensors"))
            paths.append(path_of("pack.safetensors"))
        except ImportError:
            pass
        for path in paths:
            found = show(path)
            assert [row["scheme"] for row in found["packed"].values()] == [scheme], (scheme, found["packed"])
            assert f"quantized.{scheme}" in found["advice"], found["advice"]
    assert list(show(save(cases["bitsandbytes-nf4"]))["packed"]) == ["fc.weight"]
    assert show(save({"fc.weight": torch.ones(2)}))["packed"] == {}


with temporary_directory() as DIRECTORY:
    run([
        b18_zero_3_placeholders, b18_zero_optimizer_states, b18_a_megatron_rank, b18_flat_shards_of_fsdp, b24_the_average_beside_the_weights,
        b08_frozen_and_optimized_archives, b33_checksums_switched_off, b12_packs_are_recognised_in_both_containers,
    ])
