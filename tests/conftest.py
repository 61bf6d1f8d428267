from hypothesis import settings

# The machines that run this are slow at times, and no test is about how long an example takes.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
