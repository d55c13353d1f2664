"""A page on this machine: a sound goes in, pictures of several models stand side by side."""
