"""The process that writes the cassette, and the proxy's end of the pipes to it.

The recorder passes what it observes to `writer_process`, which starts `writer_main` as a process of
its own.

Start with `writer_process`.
"""
