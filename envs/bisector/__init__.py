"""The interaction bisector surface between a hand and what is around it (She et al. 2022)."""
