// SPDX-License-Identifier: Apache-2.0
// Lists of hosts as clusters write them, `gpu[0-3,7],login1`: Slurm's form, which ClusterShell's NodeSet and pdsh read
// too. Expanding goes by limits, since `a[0-9999999]b[0-9999999]` is a short text.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::fleet {

inline constexpr std::size_t k_most_nodes = 1'000'000;

/// Whether a text can be the name of a node: letters, digits, `.`, `-`, `_`, the first a letter or digit, at most 253
/// bytes. Names come from other machines and end up in commands that people paste.
[[nodiscard]] bool is_node_name(std::string_view text);

/// The names of a list, in its order, each once. `where` names the list in errors. Throws Error{usage} for one that is
/// not well-formed or has more than k_most_nodes names.
[[nodiscard]] std::vector<std::string> expand_nodes(std::string_view list, const std::string& where);

/// The same names in the shortest form of the last number in each: `gpu[0-3,7],login1`. Leading zeros are kept.
[[nodiscard]] std::string fold_nodes(std::span<const std::string> names);

/// What an argument of `--expect` says: a list, or `@FILE` with lists on its lines, `#` before comments. Throws as
/// expand_nodes does, and Error{io}.
[[nodiscard]] std::vector<std::string> expected_nodes(const std::string& argument);

/// The nodes of this Slurm job, SLURM_JOB_NODELIST. Throws Error{usage} outside of one.
[[nodiscard]] std::vector<std::string> nodes_of_slurm_job();

}  // namespace goldseal::fleet
