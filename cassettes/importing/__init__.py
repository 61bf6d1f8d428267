"""Files of other tools as cassettes.

Start with new_cassette.py, which writes what the readers return: traffic.py has its type.
har_reader.py, vcr_reader.py and raw_reader.py read formats; flow files are read in
`addons/flow_files/`.
"""
