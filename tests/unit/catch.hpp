// SPDX-License-Identifier: Apache-2.0
#pragma once

// Catch2 2 (one header) and 3 (many) through one name.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
