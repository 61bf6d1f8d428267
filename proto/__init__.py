"""The protocol of Mesos: RecordIO, messages, encodings, endpoints. Imports no other folder."""
