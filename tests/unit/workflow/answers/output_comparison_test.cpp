// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/answers/output_comparison.hpp>

#include <checks/golden/output_verdicts.hpp>

#include <catch.hpp>

namespace goldseal {
namespace {

constexpr double k_noise = 1;
// An error of TF32 is some hundred times the noise of float32: beyond the strict limit of 16, within the one of 11
// bits.
constexpr double k_error_of_tf32 = 500 * k_noise;

golden::Deviation deviation(double ratio) {
  golden::Deviation deviation;
  deviation.elements = deviation.compared = 4;
  deviation.rms_ratio = deviation.max_ratio = ratio;
  return deviation;
}

OutputObservation output(double native, std::optional<double> float64) {
  OutputObservation observed;
  observed.golden_case = "default";
  observed.output = "out";
  observed.noise.response_rms = k_noise;
  observed.native = deviation(native);
  if (float64) observed.float64 = deviation(*float64);
  return observed;
}

Policy permitting(int bits) {
  Policy policy;
  policy.permitted_bits = bits;
  return policy;
}

/// Loaded as sealed, so that what differs is the run.
Observation ran_with(OutputObservation output) {
  Observation ran;
  ran.sealed.model.tensors = {{"w", DType::float32, {2}, sha256("w"), ""}};
  ran.run.loaded_tensors = std::vector<LoadedTensor>{{"w", DType::float32, {2}, sha256("w")}};
  ran.run.outputs.push_back(std::move(output));
  return ran;
}

const std::optional<Device> k_here;

TEST_CASE("A17: what passes under the policy's precision is no reason to follow the layers or to try settings") {
  const auto ran = ran_with(output(k_error_of_tf32, 0));
  CHECK(differing_run(ran.sealed.model, ran.run, {"default", k_here}, permitting(24)) == Compute::native);
  CHECK(native_alone_differs(ran.run, {"default", k_here}, permitting(24)));
  CHECK(differing_run(ran.sealed.model, ran.run, {"default", k_here}, permitting(11)) == std::nullopt);
  CHECK_FALSE(native_alone_differs(ran.run, {"default", k_here}, permitting(11)));
}

TEST_CASE("A17: an output has one verdict under a policy, whoever asks") {
  const auto observed = output(k_error_of_tf32, 0);
  for (const int bits : {24, 11, 8}) {
    INFO(bits);
    CheckSettings settings;
    settings.permitted_bits = bits;
    const auto verdicts = judge(observed, permitting(bits));
    CHECK(verdicts.native_agrees() == (bits < 24));
    CHECK(verdicts.float64_agrees());
    CHECK(judge(observed, settings).native->pass == verdicts.native->pass);
  }
}

TEST_CASE("a float64 run that differs is told before the native one, and never left to a setting") {
  const auto ran = ran_with(output(1000, 1000));
  CHECK(differing_run(ran.sealed.model, ran.run, {"default", k_here}, permitting(24)) == Compute::float64);
  CHECK_FALSE(native_alone_differs(ran.run, {"default", k_here}, permitting(24)));
}

TEST_CASE("nothing is followed where other weights were loaded than sealed, or on another device") {
  auto ran = ran_with(output(1000, 0));
  CHECK(differing_run(ran.sealed.model, ran.run, {"default", Device("cuda:1")}, permitting(24)) == std::nullopt);
  ran.run.loaded_tensors->front().sha256 = sha256("other");
  CHECK(differing_run(ran.sealed.model, ran.run, {"default", k_here}, permitting(24)) == std::nullopt);
}

}  // namespace
}  // namespace goldseal
