// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace goldseal {

/// A value of a configuration that is not as sealed; empty where one side has none.
struct ChangedValue {
  std::string key;
  std::string sealed;
  std::string found;
};

/// A file that describes the network (a configuration, a source of its code) as it is here, beside what was sealed.
struct DescriptionObservation {
  enum class State {
    same,
    rewritten,   ///< other bytes that say the same: layout, order of keys, the writer's version; comments of a source
    changed,
    missing,     ///< it is not where the seal says, nor where its module would be imported from
    added,       ///< a file of this kind that was not there when the directory was sealed
    unreadable,
  };
  bool is_code = false;  ///< a source; else a configuration
  std::string name;      ///< as the seal has it, without the way up: `config.json`, `pkg/networks.py`
  std::string path;      ///< where it was looked for
  State state = State::same;
  std::vector<ChangedValue> values;  ///< of a changed configuration, as far as its values were kept
};

/// What will serve, as far as it is at hand: the files around the weights, the code, the live model.
struct ServingObservation {
  std::vector<DescriptionObservation> descriptions;
  std::string missing_path;  ///< a directory or file that the network is to be built from, and that is not there
  bool builds_code = false;  ///< the code is to be run, not the program that the seal embeds
  bool ran_code = false;     ///< it was: the answers that were judged are its own
  bool live = false;         ///< the code is a live model of the calling process
  bool training = false;     ///< that model, or a part of it, is in training mode
  std::string device;        ///< where this machine will serve, if that was said: `cpu`, `cuda`; else as sealed
};

}  // namespace goldseal
