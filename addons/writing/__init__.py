"""The process that writes the cassette, and the proxy's end of the pipes to it.

The recorder sends what it observes to `writer_client`, where it waits in `observation_queue`.
`writer_process` passes it on to `writer_main`, a process of its own, which runs `writing_loop`.
`guarded_recording` makes the documents, whatever fails.

Start with `writer_client`.
"""
