"""What Mesos says: RecordIO, messages, both encodings, endpoints. Imports nothing of ours."""
