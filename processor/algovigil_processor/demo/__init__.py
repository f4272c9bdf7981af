"""The whole job on real clinical data, in real processes, and the proof that it ran."""
