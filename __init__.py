"""Record, replay and inspect the Apache Mesos v1 HTTP APIs."""
