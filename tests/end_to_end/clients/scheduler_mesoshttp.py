"""A scheduler as the README of mesoshttp shows it: one task, then the second offer is declined.

    python scheduler_mesoshttp.py http://127.0.0.1:5050

It prints what it sees; what the library itself has to say goes to standard error.
"""

import json
import logging
import sys

from mesoshttp.client import MesosClient

TASK = {
    "name": "task-quick",
    "task_id": {"value": "task-quick"},
    "resources": [
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
        {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
    ],
    "command": {"value": "echo quick; exit 0", "shell": True},
}


class Scheduler:
    def __init__(self, url):
        self.client = MesosClient(
            mesos_urls=[url], frameworkName="one task", frameworkUser="root", max_reconnect=1
        )
        self.client.add_capability("GPU_RESOURCES")
        self.client.on(MesosClient.SUBSCRIBED, self.subscribed)
        self.client.on(MesosClient.OFFERS, self.offered)
        self.client.on(MesosClient.UPDATE, self.updated)
        self.client.on(MesosClient.HEARTBEAT, self.heard)
        self.client.on(MesosClient.ERROR, self.heard)
        self.launched = False

    def subscribed(self, driver):
        self.driver = driver
        master = self.client.get_master_info()["version"]
        print("subscribed", driver.frameworkId, driver.streamId, master)

    def offered(self, offers):
        for offer in offers:
            print("offer", json.dumps(offer.get_offer(), sort_keys=True))
            if self.launched:
                offer.decline({"filters": {"refuse_seconds": 60}})
                self.client.tearDown()
            else:
                self.launched = True
                self.client.combine_offers([offer], [dict(TASK, agent_id=agent_of(offer))])

    def updated(self, update):
        print("update", json.dumps(update, sort_keys=True))
        status = update["status"]
        if status["state"] == "TASK_RUNNING":
            task = {"task_id": status["task_id"], "agent_id": status["agent_id"]}
            self.driver.reconcile([task])

    def heard(self, what):
        print("heard", what)


def agent_of(offer):
    return offer.get_offer()["agent_id"]


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s")
    print("registered", Scheduler(sys.argv[1]).client.register())
