"""An operator as the README of pymesos shows it: it reads the state, and follows the events.

    python3.8 operator_pymesos.py 127.0.0.1:5050

It prints what it reads, then each event until a task runs on the agent that was added. The flags of
the master are not read: they have secrets, which a cassette keeps as placeholders.
"""

import json
import logging
import sys
import threading

from pymesos import MesosOperatorMasterDriver, OperatorMaster


class Follower(OperatorMaster):
    def __init__(self):
        self.added = False
        self.done = threading.Event()

    def show(self, name, event):
        if not self.done.is_set():
            print(name, json.dumps(event, sort_keys=True))

    def taskAdded(self, event):  # noqa: N802
        self.show("task added", event)

    def taskUpdated(self, event):  # noqa: N802
        self.show("task updated", event)
        if self.added and event["state"] == "TASK_RUNNING":
            self.done.set()

    def frameworkAdded(self, event):  # noqa: N802
        self.show("framework added", event)

    def frameworkUpdated(self, event):  # noqa: N802
        self.show("framework updated", event)

    def frameworkRemoved(self, event):  # noqa: N802
        self.show("framework removed", event)

    def agentAdded(self, event):  # noqa: N802
        self.show("agent added", event)
        self.added = True

    def agentRemoved(self, event):  # noqa: N802
        self.show("agent removed", event)


def main(master):
    logging.basicConfig(level=logging.DEBUG)
    follower = Follower()
    driver = MesosOperatorMasterDriver(master, follower)
    for read in (
        driver.getHealth,
        driver.getVersion,
        driver.getLoggingLevel,
        driver.getState,
        driver.getAgents,
        driver.getFrameworks,
        driver.getTasks,
        driver.getRoles,
        driver.getMaintenanceSchedule,
    ):
        print(read.__name__, json.dumps(read(), sort_keys=True))
    driver.start()
    follower.done.wait()
    driver.stop()
    driver.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
