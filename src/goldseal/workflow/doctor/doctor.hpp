// SPDX-License-Identifier: Apache-2.0
// A newcomer asks what this machine can do before anything was sealed. The examination tries each part that goldseal
// uses for real: interpreters and workers are started, a temporary directory is made, a compiler compiles. What is
// missing has one command that mends it.
#pragma once

#include <goldseal/base/running/progress.hpp>
#include <goldseal/worker/runtime.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// How a part stands. `absent`: it is not here, and nothing that this machine does needs it.
enum class Health : std::uint8_t { ready, limited, broken, missing, absent };

struct HealthTraits {
  Health kind;
  std::string_view name;
};
inline constexpr std::array k_healths{HealthTraits{Health::ready, "ready"}, HealthTraits{Health::limited, "limited"},
                                      HealthTraits{Health::broken, "broken"}, HealthTraits{Health::missing, "missing"},
                                      HealthTraits{Health::absent, "absent"}};
static_assert(is_indexed_by_kind(k_healths));
[[nodiscard]] constexpr std::string_view to_string(Health health) { return row_of(k_healths, health).name; }

/// One part of the machine, as it was found.
struct Part {
  std::string name = {};  ///< `python`, `libtorch`, `compiler`, `gpu`, `sandbox`, `memory`, `temporary files`, `cache`
  Health health = Health::ready;
  std::string found = {};    ///< what is there: a version and a place, or what went wrong
  std::string meaning = {};  ///< what follows for the user; may be empty
  std::string fix = {};      ///< a command, or a sentence where no command mends it; empty where nothing needs mending
};

/// What a machine can do.
struct Examination {
  std::string machine = {};  ///< `vm: Debian GNU/Linux 12 (bookworm), x86_64`
  std::vector<Part> parts = {};
  bool runs_models = false;  ///< `capture` and `verify` have a PyTorch that starts
  std::string next = {};          ///< the command that mends what matters most; empty where nothing does
};

/// Looks at this machine and tries its parts. Takes as long as each PyTorch takes to start (a minute at most each).
[[nodiscard]] Examination examine_machine(Progress& progress);

}  // namespace goldseal
