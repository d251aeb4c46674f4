// SPDX-License-Identifier: Apache-2.0
#include "facts/arch_list.hpp"

#include <catch.hpp>

using goldseal::worker::arch_list;

namespace {
using Names = std::vector<std::string>;
}

TEST_CASE("the arch list is read from the compiler's flags as at::show_config() prints them") {
  CHECK(arch_list("-gencode;arch=compute_50,code=sm_50;-gencode;arch=compute_90,code=sm_90") ==
        Names{"sm_50", "sm_90"});
  CHECK(arch_list("-gencode;arch=compute_86,code=sm_86;-gencode;arch=compute_61,code=sm_61;-gencode;arch=compute_86,"
                  "code=compute_86") == Names{"sm_86", "sm_61", "compute_86"});
  CHECK(arch_list("-gencode arch=compute_90a,code=sm_90a -O3") == Names{"sm_90a"});
  CHECK(arch_list("-gencode arch=compute_80,code=[sm_80,compute_80]") == Names{"sm_80", "compute_80"});
}

TEST_CASE("an architecture counts once, and flags that name none give none") {
  CHECK(arch_list("-gencode;arch=compute_80,code=sm_80;-gencode;arch=compute_80,code=sm_80") == Names{"sm_80"});
  CHECK(arch_list("").empty());
  CHECK(arch_list("-O3 code=").empty());
}
