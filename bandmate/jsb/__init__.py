"""The JSB benchmark: how surprised is a model by the chorales of Bach that it has not heard?

``chorales`` reads the benchmark's files and tells which held-out pieces share a tune with training; ``protocol`` scores
by fixed rules; ``ngrams`` is the yardstick that needs no training to speak of. The files state no licence: what is
trained on them is for research, is not passed on, and is not shipped with bandmate.
"""
