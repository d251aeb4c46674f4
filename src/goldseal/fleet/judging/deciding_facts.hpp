// SPDX-License-Identifier: Apache-2.0
// Which facts decide the bits of an answer. Two machines that are equal in all of them should give equal bits; what
// else differs between them (a kernel, a microcode, a count of errors) may be the reason where they do not.
#pragma once

#include <goldseal/fleet/judging/fleet.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

namespace goldseal::fleet {

/// `kind`: it comes with the machine and its software. `configuration`: someone set it.
enum class Decides : std::uint8_t { nothing, kind, configuration };

/// Of a run on a GPU whose facts begin with `gpu_facts` (empty: the first one's), or on the CPU.
[[nodiscard]] Decides what_decides(std::string_view fact, bool on_gpu, std::string_view gpu_facts);

/// Whether it decides bits on any device.
[[nodiscard]] bool decides_bits(std::string_view fact);

/// Kind and configuration of a device as numbers: equal ones are equal machines.
struct Character {
  Id kind = 0;
  Id configuration = 0;
  friend auto operator<=>(const Character&, const Character&) = default;
};

/// Takes them from packed facts; machines with the same facts are asked once.
class Characters {
 public:
  explicit Characters(Fleet& fleet) : m_fleet(fleet) {}
  [[nodiscard]] Character of(Id facts, bool on_gpu, Id gpu_facts, Id settings);
  [[nodiscard]] Character of(const NodeReport& report, const Unit& unit);

 private:
  Fleet& m_fleet;
  std::map<std::tuple<Id, bool, Id, Id>, Character> m_known;
};

/// `NAME: BEFORE → AFTER` for each line in which two texts of a Character differ, `, ` between them.
[[nodiscard]] std::string differing_facts(const Fleet& fleet, Id before, Id after);

}  // namespace goldseal::fleet
