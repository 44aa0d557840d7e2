from hypothesis import settings

# Machines are shared: how long an example takes says nothing.
settings.register_profile("tokenscope", deadline=None)
settings.load_profile("tokenscope")
