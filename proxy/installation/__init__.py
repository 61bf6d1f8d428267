"""The commands about mesotape itself, and the machine that it is installed on.

Start with doctor.py, which prints what packages.py and environment.py find. completion.py prints
the script that completes command lines in a shell; the values that it completes are those of
proxy/arguments/completion.py.
"""
