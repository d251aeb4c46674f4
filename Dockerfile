# SPDX-License-Identifier: Apache-2.0
# goldseal on Debian 12 with the distribution's LibTorch, for gates in CI and as a base for images with another PyTorch:
#   docker build -t goldseal .
#   docker run --rm -v "$PWD:/work" goldseal verify model.seal
# In an image that has its own PyTorch: COPY --from=goldseal /opt/goldseal /opt/goldseal, then `goldseal runtime build --torch DIR`.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      g++ cmake ninja-build libboost1.81-dev libtomlplusplus-dev libfmt-dev catch2 libcli11-dev \
      nlohmann-json3-dev libssl-dev libpng-dev libjpeg-dev zlib1g-dev libtorch-dev \
    && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN cmake --preset release -S /src -DBUILD_TESTING=OFF -DGOLDSEAL_TORCH_DIRS=/usr \
    && cmake --build /src/build/release \
    && cmake --install /src/build/release --prefix /opt/goldseal --component command --strip \
    && cmake --install /src/build/release --prefix /opt/goldseal --component workers --strip

FROM debian:bookworm-slim
# The headers and unversioned names of libtorch-dev are what a LibTorch is known by.
RUN apt-get update && apt-get install -y --no-install-recommends libtorch-dev && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/goldseal /opt/goldseal
ENV PATH=/opt/goldseal/bin:$PATH
WORKDIR /work
ENTRYPOINT ["goldseal"]
CMD ["--help"]
