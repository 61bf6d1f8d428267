# A small image with `mesotape replay`, and with the recorder too if it is built so:
#
#     docker build --tag mesotape .
#     docker build --tag mesotape-record --build-arg EXTRAS='[record]' .
#     docker run --rm --publish 127.0.0.1:5050:5050 --volume "$PWD:/cassettes:ro" mesotape
#
# Raise the version and the digest of the base together.
ARG PYTHON=python:3.12.15-slim-bookworm@sha256:54c85f3c47607a77f32adec749d3c81d1348bf25833671f512b26a9b6d778cb3

FROM ${PYTHON} AS build
# The compiler is for the modules that are also there in Python; it is not in the image.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
WORKDIR /build
COPY . .
ARG EXTRAS=
RUN python -m venv /opt/mesotape \
    && /opt/mesotape/bin/pip install --quiet --upgrade --constraint constraints.txt pip \
    && /opt/mesotape/bin/pip install --quiet --no-cache-dir --constraint constraints.txt \
        --build-constraint constraints.txt ".${EXTRAS}" \
    && /opt/mesotape/bin/pip uninstall --quiet --yes pip

FROM ${PYTHON}
COPY --from=build /opt/mesotape /opt/mesotape
ENV PATH=/opt/mesotape/bin:$PATH
USER 10001:10001
WORKDIR /cassettes
EXPOSE 5050
# By either address of the loopback, past proxies and modules of the folder of the cassettes.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s \
    CMD ["python", "-Ic", "from http.client import HTTPConnection; to = HTTPConnection('localhost', 5050, timeout=2); to.request('GET', '/_mesotape/health'); exit(to.getresponse().status != 200)"]
ENTRYPOINT ["mesotape"]
CMD ["replay", "cassette.yaml", "--listen", "0.0.0.0:5050"]
