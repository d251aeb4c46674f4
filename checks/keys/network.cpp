// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/keys/key_finding.hpp>
#include <checks/keys/sealed_names.hpp>

namespace goldseal {
namespace {

Finding judge_network_keys(const Observation& observed, const CheckSettings&) {
  if (!observed.run.network_keys) return skipped("no network was built");
  auto finding = judge_keys(*observed.run.network_keys, "the network");
  if (finding.status == Status::fail || names_are_sealed(observed.sealed.model, observed.run)) return finding;
  return other_names(observed);
}

}  // namespace

const Check k_keys_network{
    .id = "keys.network",
    .title = "The checkpoint fits the network",
    .explanation =
        "The same match against the network that was built here. Nothing is loaded unless every key finds its place: "
        "strict=False and loaders that only "
        "log leave layers at random values, and the model answers nonsense in silence.",
    .severity = Severity::fail,
    .judge = judge_network_keys,
};

}  // namespace goldseal
