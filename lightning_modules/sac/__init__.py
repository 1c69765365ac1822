"""Soft actor-critic of the baseline IBS (She et al. 2022; Haarnoja et al. 2018)."""
