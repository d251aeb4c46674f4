# SPDX-License-Identifier: Apache-2.0
"""A worker that claims GPUs: it passes every message on to a real worker, whose answers it presents as those of GPUs.

    FAKE_GPU_WORKER   the real worker's program, which computes everything on the CPU
    FAKE_GPUS         how many GPUs it claims
    FAKE_GPU_FREE     bytes that are free on each, told as NVML would
    FAKE_GPU_WRONG    a GPU that computes wrongly: `cuda:1`
    FAKE_GPU_FAILS    a GPU that raises: `cuda:1 CUDA error: uncorrectable ECC error encountered`
    FAKE_GPU_LOG      a file that gets a line for each request: `run cuda:0`
"""

import array
import json
import os
import socket
import struct
import subprocess

CHANNEL = 3


def start_real_worker():
    """The program, and our end of its channel."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([os.environ["FAKE_GPU_WORKER"]], pass_fds=(CHANNEL,),
                               preexec_fn=lambda: os.dup2(theirs.fileno(), CHANNEL))
    theirs.close()
    return process, ours.makefile("rw", encoding="utf-8", newline="\n")


def spoil(path):
    """Every floating element of a safetensors file by a thousandth."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    (length,) = struct.unpack("<Q", data[:8])
    for name, entry in json.loads(data[8:8 + length]).items():
        kind = {"F32": "f", "F64": "d"}.get(entry.get("dtype"))
        if name == "__metadata__" or kind is None:
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = array.array(kind, bytes(data[begin:end]))
        data[begin:end] = array.array(kind, [value * 1.001 for value in values]).tobytes()
    with open(path, "wb") as file:
        file.write(data)


def fact(value):
    return {"value": value, "origin": "a fake"}


def present(request, reply):
    """What the real worker said, as a worker with GPUs would."""
    count = int(os.environ["FAKE_GPUS"])
    if request["op"] == "hello" and reply["ok"]:
        reply["devices"] = ["cpu"] + [f"cuda:{index}" for index in range(count)]
    if request["op"] == "environment" and count:
        # A machine that serves on its GPU is judged by its build of PyTorch and by its driver.
        reply["facts"] |= {"torch.cuda": fact(True), "driver.libcuda": fact("ok"), "driver.cuda_device_count": fact(count),
                           **{f"cuda_device.{index}.name": fact("Fake") for index in range(count)}}
    if request["op"] == "environment" and "FAKE_GPU_FREE" in os.environ:
        for index in range(count):
            reply["facts"][f"gpu.{index}.name"] = fact("Fake")
            reply["facts"][f"gpu.{index}.memory_free_bytes"] = fact(int(os.environ["FAKE_GPU_FREE"]))
    return reply


def answer(request, real):
    """The reply to one request. A device of ours is taken out of it before the real worker sees it."""
    settings = request.get("settings", {})
    device = settings.get("device", "cpu")
    if device != "cpu":
        del settings["device"]
    if "FAKE_GPU_LOG" in os.environ:
        with open(os.environ["FAKE_GPU_LOG"], "a", encoding="utf-8") as log:
            log.write(f"{request['op']} {device}\n")
    failing, _, text = os.environ.get("FAKE_GPU_FAILS", "").partition(" ")
    if request["op"] in ("run", "gradients") and device == failing:
        return {"ok": False, "error": {"kind": "runtime", "message": text}}
    real.write(json.dumps(request) + "\n")
    real.flush()
    reply = json.loads(real.readline())
    while "progress" in reply:
        reply = json.loads(real.readline())
    if request["op"] == "run" and reply["ok"] and device == os.environ.get("FAKE_GPU_WRONG"):
        spoil(request["outputs"])
    return present(request, reply)


def main():
    channel = socket.socket(fileno=CHANNEL).makefile("rw", encoding="utf-8", newline="\n")
    process, real = start_real_worker()
    nonce = ""
    for line in channel:
        request = json.loads(line)
        nonce = request.get("nonce", nonce)
        channel.write(json.dumps({**answer(request, real), "id": request["id"], "nonce": nonce}) + "\n")
        channel.flush()
        if request["op"] == "bye":
            break
    real.close()
    process.wait()


if __name__ == "__main__":
    main()
