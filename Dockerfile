# syntax=docker/dockerfile:1
# docker build --target cpu (the default) or --target gpu; the same code and the same versions in both.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY pyproject.toml requirements.lock README.md LICENSE NOTICE ./
COPY pipeline pipeline
COPY workers workers
COPY migrations migrations
RUN useradd --system --uid 10001 --home-dir /var/lib/voxqueue --create-home voxqueue \
    && mkdir /var/lib/voxqueue/artifacts /var/lib/voxqueue/models \
    && chown -R voxqueue /var/lib/voxqueue
# librosa refuses to be imported where numba finds no folder that it may write to.
ENV VOXQUEUE_HOME=/var/lib/voxqueue HF_HOME=/var/lib/voxqueue/models NUMBA_CACHE_DIR=/tmp/numba

FROM base AS gpu
# CTranslate2 looks for the CUDA 12 libraries at run time; torch brings its own.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint requirements.lock . "nvidia-cublas-cu12>=12.4,<13" "nvidia-cudnn-cu12>=9,<10"
ENV LD_LIBRARY_PATH=/usr/local/lib/python3.11/site-packages/nvidia/cublas/lib:/usr/local/lib/python3.11/site-packages/nvidia/cudnn/lib
USER voxqueue
CMD ["voxqueue", "--help"]

FROM base AS cpu
# PyTorch's index of CPU builds, from its documentation; without one pip fetches gigabytes of CUDA, which works too.
ARG TORCH_CPU_INDEX=""
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint requirements.lock ${TORCH_CPU_INDEX:+--extra-index-url "$TORCH_CPU_INDEX"} .
USER voxqueue
CMD ["voxqueue", "--help"]
