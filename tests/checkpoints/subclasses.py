# SPDX-License-Identifier: Apache-2.0
"""Tensors of subclasses in a file of torch.save: named for what they are, their inner tensors listed, and never taken
for plain ones (B11, B16). Kinds: a wrapper subclass (torchao's way), one over a storage of its own (GGUF's, fastai's),
slots beside attributes, nested wrappers, a parameter over one, a parameter with attributes that its numbers need
(bitsandbytes'), plain attributes that nothing needs, DTensors of one and of two ranks, in either container, at the top
and under an entry."""
import os
import sys
import types

from support import dump, refused, run, sha256, show, temporary_directory, torch

if not hasattr(torch.Tensor, "__tensor_flatten__") and tuple(map(int, torch.__version__.split(".")[:2])) < (2, 1):
    print("skipped: this PyTorch pickles no wrapper subclasses")
    sys.exit(125)


def module(name, **contents):
    made = types.ModuleType(name)
    parts = name.split(".")
    for i in range(1, len(parts)):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    sys.modules[name] = made
    for key, value in contents.items():
        setattr(made, key, value)
        if isinstance(value, type):
            value.__module__ = name
    return made


class Wrapper(torch.Tensor):
    """As torchao's tensors: no storage, other tensors inside."""

    @staticmethod
    def __new__(cls, qdata, scale, **more):
        return torch.Tensor._make_wrapper_subclass(cls, qdata.shape, dtype=torch.float32)

    def __init__(self, qdata, scale, **more):
        self.qdata, self.scale, self.block_size = qdata, scale, (1, 4)
        for name, value in more.items():
            setattr(self, name, value)

    def __tensor_flatten__(self):
        return ["qdata", "scale"], None

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), keywords=None):
        if function is torch.ops.aten.detach.default:
            return arguments[0]
        raise NotImplementedError(function)

    def dequantize(self):
        return self.qdata.to(torch.float32) * self.scale


class AffineQuantizedTensor(Wrapper):
    pass


class Storaged(torch.Tensor):
    @staticmethod
    def __new__(cls, data, kind):
        made = torch.Tensor._make_subclass(cls, data)
        made.quant_type = kind
        return made


class GGUFParameter(Storaged):
    pass


module("torchao.dtypes.affine_quantized_tensor", AffineQuantizedTensor=AffineQuantizedTensor)
module("diffusers.quantizers.gguf.utils", GGUFParameter=GGUFParameter)
module("mine.tensors", Wrapper=Wrapper, Storaged=Storaged)


def quantized(cls=AffineQuantizedTensor, **more):
    return cls(torch.arange(8, dtype=torch.int8).reshape(2, 4), torch.tensor([[0.5], [2.0]]), **more)


def path_of(name="saved.pth"):
    return os.path.join(DIRECTORY, name)


def save(value, **options):
    torch.save(value, path_of(), **options)
    return path_of()


def b11_a_torchao_tensor_is_named_with_its_parts():
    plain = torch.ones(3)
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        path = save({"fc.weight": quantized(), "fc.bias": plain}, **options)
        refused(path, "unsupported", "1 of 2 tensors are of a subclass", "torchao.dtypes.affine_quantized_tensor."
                "AffineQuantizedTensor", "quantized by torchao", "made of qdata, scale", "dequantize()", without=("code", "['state_dict']"))
        found = show(path)
        row = found["subclasses"]["fc.weight"]
        assert row["parts"] == ["fc.weight.qdata", "fc.weight.scale"] and row["shape"] == [2, 4], row
        assert found["tensors"]["fc.weight.qdata"]["sha256"] == sha256(quantized().qdata)
        assert found["tensors"]["fc.bias"]["sha256"] == sha256(plain)
        assert "fc.weight" not in found["tensors"], found["order"]


def b11_the_remedy_gives_plain_weights():
    weights = {"fc.weight": quantized(), "fc.bias": torch.ones(3)}
    remedy = refused(save({"model": weights, "epoch": 3}), "unsupported", "['model']")["remedy"]
    command = remedy[remedy.index("torch.save("):remedy.index(" gives plain")]
    assert "weights_only=False)['model']" in command, command
    exec(command, {"torch": torch, "FILE": path_of(), "OUT": path_of("plain.pth")})
    found = dump(path_of("plain.pth"))
    assert found["tensors"]["fc.weight"]["sha256"] == sha256(quantized().dequantize()), found


def b11_a_users_own_class():
    refused(save({"w": quantized(Wrapper)}), "unsupported", "mine.tensors.Wrapper", "a class that only its own package understands")


def b11_a_class_over_a_storage_of_its_own_is_no_plain_tensor():
    path = save({"w": GGUFParameter(torch.arange(6, dtype=torch.uint8), 2), "b": torch.ones(1)})
    refused(path, "unsupported", "GGUFParameter", "a GGUF-quantized weight of diffusers")
    assert show(path)["subclasses"]["w"]["parts"] == ["w"]
    refused(save({"w": Storaged(torch.ones(2), None)}), "unsupported", "mine.tensors.Storaged", "as_subclass(torch.Tensor)")


def b11_nested_wrappers_and_containers_of_tensors():
    inner = quantized(Wrapper)
    path = save({"w": quantized(more=[torch.ones(1), {"deep": torch.zeros(2)}], inner=inner)})
    parts = show(path)["subclasses"]["w"]["parts"]
    assert parts == ["w.qdata", "w.scale", "w.more.0", "w.more.1.deep", "w.inner.qdata", "w.inner.scale"], parts


def b11_a_parameter_over_a_subclass():
    parameter = torch.nn.Parameter(quantized(), requires_grad=False)
    refused(save({"w": parameter}), "unsupported", "AffineQuantizedTensor")


def b12_a_parameter_that_keeps_its_scales_in_attributes():
    weight = torch.nn.Parameter(torch.arange(8, dtype=torch.uint8).reshape(8, 1), requires_grad=False)
    state = type("QuantState", (), {"__module__": "bitsandbytes.functional"})
    module("bitsandbytes.functional", QuantState=state)
    weight.quant_state = state()
    weight.quant_state.absmax = torch.ones(2)
    path = save({"fc.weight": weight})
    refused(path, "unsupported", "bitsandbytes.nn.Params4bit", "packed by bitsandbytes", "model.state_dict()")
    assert show(path)["subclasses"]["fc.weight"]["parts"] == ["fc.weight", "fc.weight.quant_state.absmax"]


def attributes_that_nothing_needs_are_no_subclass():
    weight = torch.nn.Parameter(torch.ones(2))
    weight.tensor_model_parallel = True
    buffer = torch.ones(3)
    buffer.note = "plain"
    found = dump(save({"w": weight, "b": buffer}))
    assert found["order"] == ["w", "b"] and found["tensors"]["b"]["sha256"] == sha256(torch.ones(3)), found


def a_subclass_outside_of_the_weights_is_no_hindrance():
    found = dump(save({"state_dict": {"w": torch.ones(2)}, "optimizer": {"state": {0: {"exp_avg": quantized()}}}}))
    assert "error" in found or found["order"] == ["w"], found


def distributed(rank, world, path):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29671", RANK=str(rank), WORLD_SIZE=str(world))
    import torch.distributed as group
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor, init_device_mesh

    group.init_process_group("gloo", rank=rank, world_size=world, init_method=f"file://{path}.{world}.rendezvous")
    whole = torch.arange(64.0).reshape(8, 8)
    mesh = init_device_mesh("cpu", (world,))
    torch.save({"w": distribute_tensor(whole, mesh, [Shard(0)]), "r": distribute_tensor(whole, mesh, [Replicate()]),
                "c": torch.nn.Parameter(distribute_tensor(whole, mesh, [Shard(1)])), "plain": torch.ones(3)}, f"{path}.{world}.{rank}")
    group.barrier()
    group.destroy_process_group()


def b16_a_dtensor_is_one_ranks_part():
    try:
        import torch.distributed.tensor  # noqa: F401
    except ImportError:
        return
    context = torch.multiprocessing.get_context("fork")
    path = path_of("dtensor")
    for world in (1, 2):
        ranks = [context.Process(target=distributed, args=(rank, world, path)) for rank in range(world)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join()
            assert process.exitcode == 0
    refused(f"{path}.2.0", "unsupported", "3 of 4 tensors", "DTensor", "one rank's part: shard 0 of 2 on dim 0; local [4, 8] of global [8, 8]",
            "full_tensor()", "full_state_dict=True", "torch.distributed.checkpoint", without=("code",))
    rows = show(f"{path}.2.1")["subclasses"]
    assert rows["w"]["what"] == "one rank's part: shard 1 of 2 on dim 0; local [4, 8] of global [8, 8]", rows["w"]
    assert rows["c"]["what"] == "one rank's part: shard 1 of 2 on dim 1; local [8, 4] of global [8, 8]", rows["c"]
    assert "replica 1 of 2" in rows["r"]["what"], rows["r"]
    assert rows["w"]["parts"][0] == "w._local_tensor", rows["w"]
    refused(f"{path}.1.0", "unsupported", "shard 0 of 1 on dim 0; local [8, 8] of global [8, 8]")


with temporary_directory() as DIRECTORY:
    run([
        b11_a_torchao_tensor_is_named_with_its_parts, b11_the_remedy_gives_plain_weights, b11_a_users_own_class,
        b11_a_class_over_a_storage_of_its_own_is_no_plain_tensor, b11_nested_wrappers_and_containers_of_tensors,
        b11_a_parameter_over_a_subclass, b12_a_parameter_that_keeps_its_scales_in_attributes,
        attributes_that_nothing_needs_are_no_subclass, a_subclass_outside_of_the_weights_is_no_hindrance,
        b16_a_dtensor_is_one_ranks_part,
    ])
