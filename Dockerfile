# The images of the bridge, of the page, and of setup and command line: one target each, on one build.
#   docker build --target bridge .
# What an image needs of others is a layer of its own, which constraints.txt and the lists below alone change: after a
# change of this project only the small layer above it is made again. conf/ and grafana/ are not in the images: what
# containers read of them is mounted from the checkout.
ARG PYTHON_TAG=3.13-slim

FROM python:${PYTHON_TAG} AS build
WORKDIR /src
COPY constraints.txt ./

FROM build AS wheel
RUN pip install --no-cache-dir --constraint constraints.txt hatchling \
 && mkdir -p conf grafana/dashboards grafana/provisioning && touch grafana/grafana.ini
COPY pyproject.toml README.md LICENSE ./
COPY monty_mqtt monty_mqtt
COPY core/monty_mqtt_core core/monty_mqtt_core
COPY bridge/monty_mqtt_bridge bridge/monty_mqtt_bridge
COPY liveview/monty_mqtt_liveview liveview/monty_mqtt_liveview
COPY stack/monty_mqtt_stack stack/monty_mqtt_stack
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

FROM build AS bridge-needs
RUN python -m venv --without-pip /opt/bridge \
 && pip --python /opt/bridge/bin/python install --no-cache-dir --constraint constraints.txt \
      msgspec numpy paho-mqtt pillow pyzmq \
 && find /opt/bridge -type d -name tests -prune -exec rm -r {} +

FROM build AS liveview-needs
RUN python -m venv --without-pip /opt/liveview \
 && pip --python /opt/liveview/bin/python install --no-cache-dir --constraint constraints.txt \
      fastapi httptools mcap msgspec numpy paho-mqtt pillow psutil pyzmq uvicorn uvloop websockets \
 && find /opt/liveview -type d -name tests -prune -exec rm -r {} +

FROM build AS stack-needs
RUN python -m venv --without-pip /opt/stack \
 && pip --python /opt/stack/bin/python install --no-cache-dir --constraint constraints.txt \
      influxdb-client mcap msgspec numpy paho-mqtt pillow psutil pyzmq rich \
 && find /opt/stack -type d -name tests -prune -exec rm -r {} +

# Each runs as its own user, who owns one directory. A new volume that is mounted there takes over its owner.
# Bridge and page listen on the container's loopback until they are told that they are in a container, as compose.yaml does.
FROM python:${PYTHON_TAG} AS bridge
RUN install -d -o 10001 -g 10001 -m 700 /var/lib/monty-mqtt
COPY --from=bridge-needs /opt/bridge /opt/bridge
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip --python /opt/bridge/bin/python install --no-cache-dir --no-deps /wheels/*.whl
USER 10001:10001
ENV PATH=/opt/bridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MONTY_MQTT_BRIDGE_JOURNAL=/var/lib/monty-mqtt/bridge.sqlite
EXPOSE 5555
HEALTHCHECK --interval=60s --timeout=8s --start-period=60s --retries=3 CMD ["monty-mqtt-bridge", "--healthcheck"]
ENTRYPOINT ["monty-mqtt-bridge"]

FROM python:${PYTHON_TAG} AS liveview
RUN install -d -o 10004 -g 10004 -m 700 /var/lib/monty-mqtt
COPY --from=liveview-needs /opt/liveview /opt/liveview
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip --python /opt/liveview/bin/python install --no-cache-dir --no-deps /wheels/*.whl
USER 10004:10004
ENV PATH=/opt/liveview/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MONTY_MQTT_LIVEVIEW_STATE_DIR=/var/lib/monty-mqtt
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=8s --start-period=60s --retries=12 CMD ["monty-mqtt-liveview", "--healthcheck"]
ENTRYPOINT ["monty-mqtt-liveview"]

FROM python:${PYTHON_TAG} AS stack
RUN install -d -o 10003 -g 10003 -m 700 /var/lib/monty-mqtt
COPY --from=stack-needs /opt/stack /opt/stack
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip --python /opt/stack/bin/python install --no-cache-dir --no-deps /wheels/*.whl
USER 10003:10003
ENV PATH=/opt/stack/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MONTY_MQTT_STATE_DIR=/var/lib/monty-mqtt
ENTRYPOINT ["monty-mqtt"]
