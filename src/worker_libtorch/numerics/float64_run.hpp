// SPDX-License-Identifier: Apache-2.0
// What a float64 run computes, whatever types the network's code asks for. A float64 run is the yardstick of a seal only
// if it is float64 throughout: code that casts in the middle (a norm, a softmax or a router in float32), and programs in
// which the types of their export have become constants, would round there. Three rules hold for every operator:
//
// 1. What meets a float64 tensor is float64: narrower tensors beside it are converted, which is exact, and a conversion of
//    a float64 tensor to float32, bfloat16 or float16 is to float64.
// 2. What the code makes by itself out of numbers (tables, masks, constants) has the types that it has in a native run, and
//    keeps its values until it meets a float64 tensor. It is computed in float64 and rounded once, so that every machine
//    has the same table.
// 3. A tensor of the code's own that float64 values are written into begins as float64, with the values that it was made
//    with.
//
// goldseal/worker/float64_run.py says the same; tests/worker_libtorch/float64_test.py holds them together.
#pragma once

#include "networks/network.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace goldseal::worker {

/// What is known of the float64 runs of one network, by the shapes of its inputs.
class Float64Runs {
 public:
  using Forward = std::function<NamedTensors()>;

  /// The type that a native run makes of an operator that names one.
  struct Asked {
    std::string name;
    std::optional<at::ScalarType> type;
  };

  /// What `forward` answers in float64 by the rules. It may be called several times: a run finds the tensors of rule 3.
  /// `begin` is called before each. `native` runs the network as it serves.
  NamedTensors run(const std::string& shapes, const std::function<void()>& begin, const Forward& forward,
                   const Forward& native);

 private:
  struct Known {
    std::set<std::size_t> widened;  // operators, by their numbers, whose results begin as float64
    std::optional<std::vector<Asked>> types;
  };
  std::map<std::string, Known> m_known;
};

/// While it lives, this thread's operators are not the network's: those of one who looks at a run.
class OutsideFloat64Run {
 public:
  OutsideFloat64Run();
  ~OutsideFloat64Run();
  OutsideFloat64Run(const OutsideFloat64Run&) = delete;
  OutsideFloat64Run& operator=(const OutsideFloat64Run&) = delete;

 private:
  bool m_before;
};

/// To be called where a network begins its code once more within one run; does nothing outside a float64 run.
void restart_float64_run();

/// Whether the last operator of a float64 run on this thread computed in float64, whatever type holds its result; false
/// outside such a run.
bool computed_in_float64();

}  // namespace goldseal::worker
