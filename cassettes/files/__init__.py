"""Files that are read at any offset: of this machine, and of an object store.

Start with readable_file.py. object_path.py has the paths of objects, such as `s3://bucket/a.yaml`,
and object_file.py reads an object range by range. source_file.py tells whether a file has changed.
storage/ knows what is in the files.
"""
