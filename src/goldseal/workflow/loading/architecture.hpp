// SPDX-License-Identifier: Apache-2.0
// Some networks need help before a worker can build them: an archive must be read, a package
// unpacked. This file gives that help and then asks the worker to build. Parsing `--model` is left
// to model_spec.hpp.
#pragma once

#include <goldseal/worker/worker.hpp>
#include <goldseal/workflow/loading/model_spec.hpp>

#include <string_view>

namespace goldseal {

/// Has the worker build the network. What the worker cannot read itself (the program in a torch.export archive) is
/// read here and put into its run directory. `trust`: whether somebody vouches for the network (worker.hpp); one of
/// nobody's must not be code, and an archive is looked at before the worker loads it. Throws as Worker::build does, and
/// as the archive's reader does.
[[nodiscard]] BuiltNetwork build_network(Worker& worker, const ModelSpec& model, Trust trust = Trust::code,
                                         const Checkpoint* checkpoint = nullptr);

/// The form of a checkpoint that carries its own code, with the file itself as the source. Throws Error{usage} for one
/// that carries none, with what to give.
[[nodiscard]] ModelSpec own_architecture(const Checkpoint& checkpoint);

/// Whether the reader of TorchScript archives calls a tensor of an archive's code so: `constants.0`.
[[nodiscard]] bool is_archive_constant(std::string_view name);

}  // namespace goldseal
