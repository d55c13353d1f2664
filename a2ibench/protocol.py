"""The number of the protocol: what a result owes to the bench itself, rather than to a plug-in.

A job is known by the content of its pairs, by the code of its encoder and of its method
(:mod:`a2ibench.code_hash`), by its options, and by this number. It stands for everything else that
decides the same job's numbers: the preparation of pairs, the resampling of sounds, the splits,
batches and noises, the training loop, the drawing, the judges' share of the clips, the blocks and
the statistics. It is raised by hand, and ``tests/golden`` fails until that is done: see "When a
number changes" in CONTRIBUTING.md.

=======  ==========================================================================================
number   what changed in what the same job computes
=======  ==========================================================================================
1        the first
2        each test clip is a block, up to 60, which is compared inside its class; the folds of CAS
         follow the blocks
=======  ==========================================================================================
"""

PROTOCOL = 2
"""Part of the key of every job, and of whatever the bench keeps in its cache."""
