"""`pose report` and `pose compare`: what a run did, as one page that needs nothing beside it."""
