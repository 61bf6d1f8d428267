"""A scheduler as the READMEs of mesoshttp and its fork avmesos show it: one task, then the second
offer is declined.

    python scheduler_mesoshttp.py mesoshttp|avmesos http://127.0.0.1:5050 [TASK]

It prints what it sees; what the library itself has to say goes to standard error. With avmesos it
accepts by Offer.accept(), which adds a `slave_id` to each task: a field that the v1 API lacks.
"""

import importlib
import json
import logging
import sys

LIBRARY = sys.argv[1]
MesosClient = importlib.import_module(LIBRARY + ".client").MesosClient


class Scheduler:
    def __init__(self, url, task="task-quick"):
        self.task = task
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
                self.accept(offer)

    def accept(self, offer):
        tasks = [task_info(self.task, offer.get_offer()["agent_id"])]
        if LIBRARY == "avmesos":
            offer.accept(tasks)
        else:
            self.client.combine_offers([offer], tasks)

    def updated(self, update):
        print("update", json.dumps(update, sort_keys=True))
        status = update["status"]
        if status["state"] == "TASK_RUNNING":
            task = {"task_id": status["task_id"], "agent_id": status["agent_id"]}
            self.driver.reconcile([task])

    def heard(self, what):
        print("heard", what)


def task_info(task, agent):
    return {
        "name": "task-quick",
        "task_id": {"value": task},
        "agent_id": agent,
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
        ],
        "command": {"value": "echo quick; exit 0", "shell": True},
    }


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s")
    print("registered", Scheduler(*sys.argv[2:]).client.register())
