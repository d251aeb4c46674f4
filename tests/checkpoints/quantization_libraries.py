# SPDX-License-Identifier: Apache-2.0
"""Files that torchao, bitsandbytes and optimum-quanto themselves write (B11, B12). Each library is tried where it is
installed; without any the test counts as skipped."""
import importlib.util
import os
import sys

from support import dump, refused, run, sha256, show, temporary_directory, torch

HERE = [name for name in ("torchao", "bitsandbytes", "optimum.quanto") if importlib.util.find_spec(name.split(".")[0])]
if not HERE:
    print("skipped: neither torchao nor bitsandbytes nor optimum-quanto is installed")
    sys.exit(125)


def path_of(name="saved.pth"):
    return os.path.join(DIRECTORY, name)


def network():
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(128, 64), torch.nn.ReLU(), torch.nn.Linear(64, 128, bias=False)).to(torch.bfloat16)


def run_remedy(remedy, **names):
    begin, end = remedy.index("torch.save("), remedy.index(" gives plain")
    exec(remedy[begin:end], {"torch": torch, "FILE": path_of(), "OUT": path_of("out.pth"), **names})


def b11_torchao():
    if "torchao" not in HERE:
        return
    import torchao.quantization as quantization

    tried = 0
    for name in ("Int8WeightOnlyConfig", "Int8DynamicActivationInt8WeightConfig", "IntxWeightOnlyConfig", "Float8WeightOnlyConfig", "Int4WeightOnlyConfig"):
        model = network()
        try:
            quantization.quantize_(model, getattr(quantization, name)())
        except Exception as reason:
            print(f"    {name}: {type(reason).__name__}")
            continue
        state = model.state_dict()
        torch.save(state, path_of())
        error = refused(path_of(), "unsupported", "2 of 3 tensors are of a subclass", "torchao.", "quantized by torchao", "made of qdata, scale", without=("code, not weights",))
        found = show(path_of())
        assert found["subclasses"]["0.weight"]["shape"] == [64, 128], found["subclasses"]
        assert found["tensors"]["0.weight.qdata"]["sha256"] == sha256(state["0.weight"].qdata), name
        assert found["tensors"]["0.bias"]["sha256"] == sha256(state["0.bias"]), name
        run_remedy(error["remedy"])
        plain = dump(path_of("out.pth"))
        assert plain["tensors"]["0.weight"]["sha256"] == sha256(state["0.weight"].dequantize()), name
        tried += 1
    assert tried, "no torchao configuration runs here"


def b12_bitsandbytes():
    if "bitsandbytes" not in HERE:
        return
    import bitsandbytes
    from safetensors.torch import save_file

    for kind in ("nf4", "fp4"):
        for nested in (False, True):
            layer = bitsandbytes.nn.Linear4bit(64, 64, quant_type=kind, compress_statistics=nested).to("cpu")
            layer(torch.randn(1, 64))
            state = {"fc." + name: tensor.contiguous() for name, tensor in layer.state_dict().items()}
            torch.save(state, path_of())
            save_file(state, path_of("saved.safetensors"))
            for path in (path_of(), path_of("saved.safetensors")):
                found = show(path)
                assert found["packed"]["fc.weight"]["scheme"] == f"bitsandbytes-{kind}", found["packed"]
                assert len(found["packed"]["fc.weight"]["entries"]) == len(state) - 1, found["packed"]
                assert dump(path)["tensors"]["fc.weight"]["sha256"] == sha256(state["fc.weight"])
            torch.save({"weight": layer.weight}, path_of())
            refused(path_of(), "unsupported", "packed by bitsandbytes", "model.state_dict()")
            assert "weight.quant_state.absmax" in show(path_of())["subclasses"]["weight"]["parts"]
    layer = bitsandbytes.nn.Linear8bitLt(64, 64, has_fp16_weights=False).to("cpu")
    layer(torch.randn(1, 64).half())
    torch.save({"fc." + name: tensor for name, tensor in layer.state_dict().items()}, path_of())
    assert show(path_of())["packed"]["fc.weight"]["scheme"] == "bitsandbytes-int8"


def b11_quanto():
    if "optimum.quanto" not in HERE or importlib.util.find_spec("optimum.quanto") is None:
        return
    from optimum.quanto import freeze, qint4, qint8, quantize

    for kind, scheme in ((qint8, "quanto"), (qint4, "quanto-packed")):
        model = torch.nn.Sequential(torch.nn.Linear(128, 64))
        quantize(model, weights=kind)
        freeze(model)
        torch.save(model.state_dict(), path_of())
        assert show(path_of())["packed"]["0.weight"]["scheme"] == scheme, show(path_of())["packed"]
        torch.save({"w": model[0].weight}, path_of())
        error = refused(path_of(), "unsupported", "quantized by optimum-quanto", "_scale")
        run_remedy(error["remedy"])
        assert dump(path_of("out.pth"))["tensors"]["w"]["sha256"] == sha256(model[0].weight.dequantize())


with temporary_directory() as DIRECTORY:
    run([b11_torchao, b12_bitsandbytes, b11_quanto])
