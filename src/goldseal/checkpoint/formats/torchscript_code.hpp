// SPDX-License-Identifier: Apache-2.0
// A TorchScript archive can run methods of its own while a worker loads it. This file looks for
// such methods before any worker opens the archive. Code that runs later is judged by the worker.
#pragma once

#include <filesystem>

namespace goldseal {

/// Looks at what a TorchScript archive runs while it is *loaded*, before any worker opens it: the `__setstate__` of its
/// classes, with whatever that calls. Throws Error{unsupported} where the archive has such a method and names anything
/// that does more than compute (files, other processes, threads), or holds objects of a library's class that does. What
/// runs later the worker judges, function by function. Throws Error{malformed} for a damaged archive.
void refuse_code_at_load(const std::filesystem::path& archive);

}  // namespace goldseal
