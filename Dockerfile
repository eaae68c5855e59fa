# The program with all it needs to work on PostgreSQL, in an image that runs as nobody in particular.

FROM python:3.13.7-slim-bookworm AS build
WORKDIR /source
RUN python -m venv /opt/hpo
COPY . .
RUN /opt/hpo/bin/pip install --no-cache-dir .

FROM python:3.13.7-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin hpo
COPY --from=build /opt/hpo /opt/hpo
ENV PATH=/opt/hpo/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
USER 10001
WORKDIR /work
ENTRYPOINT ["hpo"]
CMD ["worker"]
