# SPDX-License-Identifier: Apache-2.0
# goldseal without PyTorch, for gates in CI (below 150 MB), and, as the target with-torch, with Debian's LibTorch and a worker for it:
#   docker build -t goldseal .
#   docker build -t goldseal-torch --target with-torch .
#   docker run --rm --user "$(id -u)" -v "$PWD:/work" goldseal check model.seal
# In an image that has its own PyTorch: COPY --from=goldseal /opt/goldseal /opt/goldseal, then `goldseal runtime build --torch DIR`.
FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
      g++ cmake ninja-build libboost1.81-dev libtomlplusplus-dev libfmt-dev libcli11-dev \
      nlohmann-json3-dev libssl-dev libpng-dev libjpeg-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN cmake --preset release -S /src -DBUILD_TESTING=OFF \
    && cmake --build /src/build/release --target goldseal goldseal_documents \
    && cmake --install /src/build/release --prefix /opt/goldseal --component command --strip

FROM build AS build-with-torch
RUN apt-get update && apt-get install -y --no-install-recommends libtorch-dev && rm -rf /var/lib/apt/lists/*
RUN cmake --preset release -S /src -DBUILD_TESTING=OFF -DGOLDSEAL_TORCH_DIRS=/usr \
    && cmake --build /src/build/release --target goldseal_workers \
    && cmake --install /src/build/release --prefix /opt/goldseal --component workers --strip

FROM debian:bookworm-slim AS with-torch
# The headers and unversioned names of libtorch-dev are what a LibTorch is known by.
RUN apt-get update && apt-get install -y --no-install-recommends libtorch-dev && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 goldseal
COPY --from=build-with-torch /opt/goldseal /opt/goldseal
ENV PATH=/opt/goldseal/bin:$PATH
USER goldseal
WORKDIR /work
ENTRYPOINT ["goldseal"]
CMD ["--help"]

FROM debian:bookworm-slim
RUN useradd --create-home --uid 1000 goldseal
COPY --from=build /opt/goldseal /opt/goldseal
ENV PATH=/opt/goldseal/bin:$PATH
USER goldseal
WORKDIR /work
ENTRYPOINT ["goldseal"]
CMD ["--help"]
