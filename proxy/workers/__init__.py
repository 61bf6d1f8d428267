"""Several processes that answer for one replay.

Start with pool.py, the side of the parent, which accepts all connections and plays what its workers
cannot (cassettes/playback/shared_playback.py). worker.py is a worker, worker_connection.py a client
of one, channel.py the socket between the two, and relay.py goes on with a client that speaks TLS.
"""
