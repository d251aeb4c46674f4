// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "environment/machine.hpp"

using namespace goldseal;  // NOLINT: a test file
using goldseal::test::Machine;

TEST_CASE("the host is read from files, each fact with its origin") {
  Machine machine;
  machine.file("/proc/sys/kernel/hostname", "trainer-7\n")
      .file("/proc/sys/kernel/osrelease", "5.15.0-91-generic\n")
      .file("/etc/os-release", "ID=ubuntu\nPRETTY_NAME=\"Ubuntu 22.04.3 LTS\"\nVERSION_ID='22.04'\n");
  const auto environment = machine.probe();
  CHECK(environment.text("host.name") == "trainer-7");
  CHECK(environment.text("host.kernel") == "5.15.0-91-generic");
  CHECK(environment.text("host.os") == "Ubuntu 22.04.3 LTS");
  CHECK(environment.text("host.os_id") == "ubuntu");
  CHECK(environment.text("host.os_version") == "22.04");
  REQUIRE(environment.has("host.os"));
  CHECK(environment.find("host.os")->origin == "/etc/os-release");
}

TEST_CASE("a container is recognised by its engine's marks") {
  const auto container = [](Machine& machine) { return machine.probe().text("host.container"); };
  Machine docker;
  CHECK(container(docker.file("/.dockerenv", "")) == "docker");
  Machine podman;
  CHECK(container(podman.file("/run/.containerenv", "")) == "podman");
  Machine pod;
  CHECK(container(pod.file("/.dockerenv", "").variables("KUBERNETES_SERVICE_HOST=10.0.0.1;")) == "kubernetes");
  Machine group;
  CHECK(container(group.file("/proc/1/cgroup", "12:cpu:/kubepods/burstable/pod1\n")) == "kubernetes");
  Machine metal;
  CHECK(container(metal.file("/proc/1/cgroup", "0::/init.scope\n")) == "none");
}

TEST_CASE("the platform names a cloud's instance type, the kernel names WSL") {
  Machine machine;
  machine.file("/sys/class/dmi/id/sys_vendor", "Amazon EC2\n")
      .file("/sys/class/dmi/id/product_name", "p4d.24xlarge\n")
      .file("/proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n");
  const auto environment = machine.probe();
  CHECK(environment.text("host.platform") == "Amazon EC2 p4d.24xlarge");
  CHECK(environment.boolean("host.wsl") == true);
}

TEST_CASE("an IOMMU is off without groups, passed through where the kernel was told so") {
  Machine off;
  off.file("/sys/kernel/iommu_groups/.keep", "");
  std::filesystem::remove(off.options().root / "sys/kernel/iommu_groups/.keep");
  CHECK(off.probe().text("host.iommu") == "off");
  Machine on;
  on.file("/sys/kernel/iommu_groups/0/type", "DMA\n").file("/proc/cmdline", "ro quiet\n");
  CHECK(on.probe().text("host.iommu") == "on");
  on.file("/proc/cmdline", "ro intel_iommu=on iommu=pt\n");
  CHECK(on.probe().text("host.iommu") == "passthrough");
}

TEST_CASE("an empty machine gives few facts and no error") {
  const Machine machine;
  const auto environment = machine.probe();
  CHECK(environment.text("host.container") == "none");
  CHECK_FALSE(environment.has("host.name"));
  CHECK_FALSE(environment.has("torch.version"));
  for (const auto& [name, fact] : environment.facts()) CHECK_FALSE(name.starts_with("probe."));
}
