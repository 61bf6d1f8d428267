"""A scheduler as the README of pymesos shows it: one task, then the second offer is declined.

    python3.8 scheduler_pymesos.py 127.0.0.1:5050 [TASK]

It prints what it sees. Heartbeats are left out: after stop() the driver passes on no events.
"""

import json
import logging
import sys

from pymesos import MesosSchedulerDriver, Scheduler


class OneTask(Scheduler):
    def __init__(self, task):
        self.task = task
        self.launched = False

    def registered(self, driver, framework, master):
        print("registered", framework["value"], driver.stream_id, master["version"])

    def resourceOffers(self, driver, offers):  # noqa: N802
        for offer in offers:
            print("offer", json.dumps(offer, sort_keys=True))
            if self.launched:
                driver.declineOffer(offer["id"], {"refuse_seconds": 60})
                driver.suppressOffers()
                driver.stop()
            else:
                self.launched = True
                driver.launchTasks([offer["id"]], [task_info(self.task, offer["agent_id"])])

    def statusUpdate(self, driver, status):  # noqa: N802
        print("update", json.dumps(status, sort_keys=True))
        if status["state"] == "TASK_RUNNING":
            driver.reconcileTasks([status])

    def error(self, driver, message):
        print("error", message)

    def disconnected(self, driver):
        print("disconnected")


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


def main(master, task="task-quick"):
    logging.basicConfig(level=logging.DEBUG)
    framework = {"user": "root", "name": "one task", "hostname": "localhost"}
    MesosSchedulerDriver(OneTask(task), framework, master).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
