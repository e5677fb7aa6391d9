"""`bin/demo`: the whole back office on a sample marketplace, from nothing to a site one can click through.

people.py     who signs in, and the API key
history.py    generate the sample, load what was before the last days, import its orders
models.py     train every subject's model with the real worker, promote them as a second person
stream.py     the last days, through the pipeline and the workers
summary.py    what came out, and whether it is sound
"""
