"""The commands about mesotape itself, and the machine that it is installed on.

Start with completion.py, which prints the script that completes command lines in a shell. The
values that it completes are those of proxy/arguments/completion.py.
"""
