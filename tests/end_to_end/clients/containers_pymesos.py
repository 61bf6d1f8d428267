"""An operator of an agent as pymesos makes it: a container is started in a pod, and removed.

python3.8 containers_pymesos.py 127.0.0.1:5051 [CONTAINER]
"""

import json
import sys

from pymesos import MesosOperatorAgentDriver

POD = "e36c6510-b38b-41c4-8d6b-8af41c8b9ad9"


def main(agent, name="nested-1"):
    driver = MesosOperatorAgentDriver(agent)
    container = {"value": name, "parent": {"value": POD}}
    driver.launchNestedContainer({"container_id": container, "command": {"value": "sleep 600"}})
    print("containers", json.dumps(driver.getContainers(show_nested=True), sort_keys=True))
    driver.waitNestedContainer(name, POD)
    driver.removeNestedContainer(name, POD)


if __name__ == "__main__":
    main(*sys.argv[1:])
