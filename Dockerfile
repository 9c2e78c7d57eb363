# The job's image: one for the coordinator and the workers. Its kernels are compiled in the build, for any processor of
# the architecture, so that a worker is ready as soon as it has imported what it needs.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
COPY requirements-dev.txt ./
RUN python -m venv /build && /build/bin/pip install --no-cache-dir --require-hashes -r requirements-dev.txt
COPY pyproject.toml README.md LICENSE ./
COPY gnssice_batch gnssice_batch
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:${PYTHON}-slim
ENV PATH=/opt/gnssice/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/opt/kernels \
    NUMBA_CPU_NAME=generic
COPY requirements.txt /tmp/
RUN python -m venv /opt/gnssice \
    && pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt \
    && rm /tmp/requirements.txt
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --no-deps --no-index /wheels/*.whl \
    && useradd --uid 1000 --create-home gnssice \
    && install --directory --owner=1000 --group=1000 ${NUMBA_CACHE_DIR}
USER 1000:1000
WORKDIR /home/gnssice
RUN gnssice-batch warm
ENTRYPOINT ["gnssice-batch"]
