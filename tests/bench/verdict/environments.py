# SPDX-License-Identifier: Apache-2.0
"""Legitimate environments that one x86 machine can make with two LibTorches. None of them may raise an alarm."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Environment:
    name: str
    runtime: int = 0  # 0: the one that captured, 1: the other
    threads: int = 0
    variables: tuple = ()
    settings: tuple = ()  # of `verify --set`


ENVIRONMENTS = [
    Environment("same"),
    Environment("1 thread", threads=1),
    Environment("2 threads", threads=2),
    Environment("ATen default", variables=(("ATEN_CPU_CAPABILITY", "default"),)),
    Environment("ATen AVX2", variables=(("ATEN_CPU_CAPABILITY", "avx2"),)),
    Environment("oneDNN SSE4.1", variables=(("ONEDNN_MAX_CPU_ISA", "SSE41"),)),
    Environment("oneDNN AVX", variables=(("ONEDNN_MAX_CPU_ISA", "AVX"),)),
    Environment("oneDNN AVX2", variables=(("ONEDNN_MAX_CPU_ISA", "AVX2"),)),
    Environment("MKL compatible", variables=(("MKL_CBWR", "COMPATIBLE"),)),
    Environment("MKL AVX2", variables=(("MKL_CBWR", "AVX2"),)),
    Environment("oneDNN off", settings=("onednn=off",)),
    Environment("oneDNN off, 1 thread", threads=1, settings=("onednn=off",)),
    Environment("channels last", settings=("channels_last=on",)),
    Environment("all old", threads=1, variables=(("ATEN_CPU_CAPABILITY", "default"), ("ONEDNN_MAX_CPU_ISA", "SSE41"), ("MKL_CBWR", "COMPATIBLE"))),
    Environment("LibTorch 1.13", runtime=1),
    Environment("LibTorch 1.13, 1 thread", runtime=1, threads=1),
    Environment("LibTorch 1.13, oneDNN off", runtime=1, settings=("onednn=off",)),
    Environment("LibTorch 1.13, ATen default", runtime=1, variables=(("ATEN_CPU_CAPABILITY", "default"),)),
    Environment("LibTorch 1.13, oneDNN SSE4.1", runtime=1, variables=(("DNNL_MAX_CPU_ISA", "SSE41"), ("ONEDNN_MAX_CPU_ISA", "SSE41"))),
]
