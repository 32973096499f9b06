"""The frame benchmark: how surprised is a model by each frame of piano rolls that it has not heard?

``rolls`` reads the benchmark's files (``matlab`` opens one kind of them); ``protocol`` scores by fixed rules; ``counts`` is the
yardstick that needs no training. The files state no licence: what is trained on them is for research, is not passed on,
and is not shipped with bandmate.
"""
