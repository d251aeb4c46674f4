// SPDX-License-Identifier: Apache-2.0
// The place of before, for work that is under way.
#pragma once

#include <goldseal/base/running/byte_counter.hpp>
