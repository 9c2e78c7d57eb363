# The job's image: one for the coordinator and the workers. Its kernels are compiled in the build, for any processor of
# the architecture, so that a worker is ready as soon as it has imported what it needs.
#
#   docker build --build-arg BASE=python:3.12-slim@sha256:... --build-arg REVISION="$(git rev-parse HEAD)" .
ARG PYTHON=3.12
ARG BASE=python:${PYTHON}-slim

# The libraries, without the tests that come with them; pip stays in an environment of its own.
FROM ${BASE} AS libraries
RUN python -m venv /build && python -m venv --without-pip /opt/gnssice
COPY requirements.txt /build/
RUN /build/bin/pip --python /opt/gnssice/bin/python install --no-cache-dir --require-hashes -r /build/requirements.txt \
    && cd /opt/gnssice/lib/python3.*/site-packages \
    && find dask numba numpy pandas xarray -type d -name tests -prune -exec rm -rf {} +

# The program, as a tree to be laid over the libraries.
FROM libraries AS program
COPY requirements-build.txt /build/
RUN /build/bin/pip install --no-cache-dir --require-hashes -r /build/requirements-build.txt
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY gnssice_batch gnssice_batch
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /build/bin/pip --python /opt/gnssice/bin/python install --no-cache-dir --no-deps --no-index \
        --prefix /program /wheels/*.whl

FROM ${BASE}
ENV PATH=/opt/gnssice/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/opt/kernels \
    NUMBA_CPU_NAME=generic
RUN useradd --uid 1000 --user-group --create-home gnssice \
    && install --directory --owner=1000 --group=1000 /opt/kernels
COPY --from=libraries /opt/gnssice /opt/gnssice
COPY --from=program /program /opt/gnssice
USER 1000:1000
WORKDIR /home/gnssice
RUN gnssice-batch warm
ENTRYPOINT ["gnssice-batch"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="gnssice-batch" \
      org.opencontainers.image.description="Turns an archive of GNSS RINEX files into one versioned array store per site" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
