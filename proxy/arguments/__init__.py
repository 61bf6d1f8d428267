"""The options of the commands, and how their text becomes values.

Start with shared_options.py, the options of several commands. record_options.py, replay_options.py,
inspect_options.py and choice_options.py have those of one. command_help.py formats `--help`,
value_types.py parses addresses, sizes and paces, recording_path.py names new cassettes,
completion.py lists values for a shell, and fault_table.py prints the faults.
"""
